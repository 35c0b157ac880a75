//! Mirroring of one image by mirror snapshots: `rbd-mirror` at the target copies each to there, and what it has copied is what the image
//! was at one moment.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::shapes::{
    ImageInfo, ImageSnapshot, MirrorState, MirrorStatus, Mirroring, SnapshotNamespace,
};
use crate::watchers;
use driver::DriverError;
use std::pin::pin;
use std::time::{Duration, Instant};

/// Numbers from here on are none of snapshots (Ceph's `CEPH_SNAPDIR`): a copy that was promoted in the midst of a mirror snapshot has one.
const NO_SNAPSHOT: u64 = u64::MAX - 1;

/// How long a mirror daemon may take to let go of a copy.
const TO_LET_GO: Duration = Duration::from_secs(10);
/// How often the owner of a lock is asked for it, in seconds, and noticed to be cut off: 30 unless this is said.
const ASK_AGAIN: &str = "--rbd_request_timed_out_seconds=3";

/// A mirror snapshot of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MirrorSnapshot {
    /// Later ones have larger numbers.
    id: u64,
    /// It has everything that was acknowledged before.
    pub taken: Instant,
}

#[cfg(test)]
impl MirrorSnapshot {
    /// The one with this number, taken now.
    pub fn taken_now(id: u64) -> Self {
        Self { id, taken: Instant::now() }
    }
}

/// Begins to mirror an image, unless it is mirrored.
pub(crate) async fn enable(cluster: &Cluster, image: &str) -> Result<(), DriverError> {
    let enabling = ["mirror", "image", "enable", "--image", image, "snapshot"];
    Ok(cluster.rbd(&enabling).await.map(drop)?)
}

/// Ends to mirror an image; its copy is removed. That it is not mirrored is fine.
pub(crate) async fn disable(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    match cluster.rbd(&["mirror", "image", "disable", "--image", image]).await {
        Err(error) if error.is(errno::INVAL) => Ok(()),
        disabled => disabled.map(drop),
    }
}

/// A copy is an image like any other from now on; where it is primary, nothing changes.
pub(crate) async fn end(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    match cluster.rbd(&["mirror", "image", "disable", "--force", "--image", image]).await {
        // the mirror daemon has removed it
        Err(error) if error.is(errno::NOENT) => Ok(()),
        // nothing of it is complete
        Err(error) if error.is(errno::INVAL) => Ok(()),
        ended => ended.map(drop),
    }
}

/// Takes a mirror snapshot of an image that is primary here.
pub(crate) async fn take(cluster: &Cluster, image: &str) -> Result<MirrorSnapshot, DriverError> {
    let taken = Instant::now();
    let said = cluster.rbd(&["mirror", "image", "snapshot", "--image", image]).await?;
    let number = said.rsplit(':').next().and_then(|number| number.trim().parse().ok());
    let id = number
        .ok_or_else(|| DriverError::failed(format!("a mirror snapshot has no number: {said}")))?;
    Ok(MirrorSnapshot { id, taken })
}

/// The snapshots of an image's copy; `None` when it has not begun to be one.
pub(crate) async fn snapshots(
    cluster: &Cluster,
    image: &str,
) -> Result<Option<Vec<ImageSnapshot>>, CommandError> {
    listed(cluster, ["--image", image]).await
}

/// The snapshots of the image with this id; `None` when there is none any more.
pub(crate) async fn snapshots_of_id(
    cluster: &Cluster,
    id: &str,
) -> Result<Option<Vec<ImageSnapshot>>, CommandError> {
    listed(cluster, ["--image-id", id]).await
}

async fn listed(
    cluster: &Cluster,
    [by, which]: [&str; 2],
) -> Result<Option<Vec<ImageSnapshot>>, CommandError> {
    match cluster.rbd_prints(&["snap", "ls", "--all", by, which]).await {
        Err(error) if error.is(errno::NOENT) => Ok(None),
        all => all.map(Some),
    }
}

/// Whether a mirror snapshot, or a later one, is complete in an image's copy.
pub(crate) fn has_arrived(snapshot: MirrorSnapshot, copy: &[ImageSnapshot]) -> bool {
    // what was copied before the image was primary here itself, has the numbers of an image that is no more
    let since = copy
        .rsplit(|one| {
            matches!(one.namespace, SnapshotNamespace::Mirror { primary_snap_id: None, .. })
        })
        .next();
    since.into_iter().flatten().any(|one| match &one.namespace {
        SnapshotNamespace::Mirror { complete: true, primary_snap_id: Some(id), .. } => {
            *id >= snapshot.id && *id < NO_SNAPSHOT
        }
        SnapshotNamespace::Mirror { .. }
        | SnapshotNamespace::User
        | SnapshotNamespace::Trash
        | SnapshotNamespace::Other => false,
    })
}

/// Whether a promotion by force was broken off while it rolled a copy back. The next one would take what is half rolled back for whole.
pub(crate) fn is_half_rolled_back(copy: &[ImageSnapshot]) -> bool {
    let mut newest_first = copy.iter().rev().filter_map(|one| match &one.namespace {
        SnapshotNamespace::Mirror { complete, primary_snap_id, .. } => {
            Some((*complete, *primary_snap_id))
        }
        SnapshotNamespace::User | SnapshotNamespace::Trash | SnapshotNamespace::Other => None,
    });
    let is_of_promotion = |number: Option<u64>| number.is_some_and(|id| id >= NO_SNAPSHOT);
    newest_first.next().is_some_and(|(_, number)| is_of_promotion(number))
        && newest_first.next().is_some_and(|(complete, _)| !complete)
}

/// The snapshots of a copy of which the content has not come: they come before the content of the mirror snapshot that they belong to, and
/// stay when the image is rolled back.
pub(crate) fn half_copied(copy: &[ImageSnapshot]) -> Vec<&ImageSnapshot> {
    let mut is_half = false;
    let mut half = Vec::new();
    for one in copy.iter().rev() {
        match &one.namespace {
            SnapshotNamespace::Mirror { complete, primary_snap_id, .. } => {
                is_half = !complete || primary_snap_id.is_some_and(|id| id >= NO_SNAPSHOT);
            }
            SnapshotNamespace::User if is_half => half.push(one),
            SnapshotNamespace::User | SnapshotNamespace::Trash | SnapshotNamespace::Other => {}
        }
    }
    half
}

/// Whether both sides of an image have been written to since they were equal, so that nothing is copied any more.
pub(crate) async fn is_split(cluster: &Cluster, image: &str) -> Result<bool, CommandError> {
    let status: MirrorStatus =
        cluster.rbd_prints(&["mirror", "image", "status", "--image", image]).await?;
    Ok(status.description.contains("split-brain"))
}

/// How an image is mirrored; `None` when it is not, or there is none.
pub(crate) fn of(info: Option<&ImageInfo>) -> Option<&Mirroring> {
    info?.mirroring.as_ref().filter(|mirroring| match mirroring.state {
        MirrorState::Enabled | MirrorState::Creating => true,
        MirrorState::Disabling | MirrorState::Disabled => false,
    })
}

/// An image takes no writes here any more, and its last mirror snapshot is taken. An open writer's next write fails.
pub(crate) async fn demote(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    match cluster.rbd_over_data(&["mirror", "image", "demote", "--image", image]).await {
        Err(error) if error.is(errno::INVAL) => require(cluster, image, false, error).await,
        demoted => demoted.map(drop),
    }
}

/// What a promotion comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promoted {
    /// The image is primary, and has everything that was acknowledged where it was primary before.
    Whole,
    /// Its last mirror snapshot has not come here yet, or it is primary elsewhere.
    NotYet,
}

/// An image takes writes here from now on, if it is demoted elsewhere and everything of it has come.
pub(crate) async fn promote(cluster: &Cluster, image: &str) -> Result<Promoted, CommandError> {
    match cluster.rbd_over_data(&["mirror", "image", "promote", "--image", image]).await {
        Ok(_) => Ok(Promoted::Whole),
        // read-only: the mirror daemon has not let go of it yet
        Err(error) if error.is(errno::BUSY) || error.is(errno::ROFS) => Ok(Promoted::NotYet),
        Err(error) if error.is(errno::INVAL) => {
            require(cluster, image, true, error).await.map(|()| Promoted::Whole)
        }
        Err(error) => Err(error),
    }
}

/// An image takes writes here from now on, whatever has come of it: as it was at the last mirror snapshot that is complete, or where a
/// later one is half copied, at the one before.
///
/// A mirror daemon that copies from a cluster that is dead waits for it, and does not let go of the copy for as long: it is cut off. When
/// the other cluster is back, it begins again.
pub(crate) async fn promote_as_it_is(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    match promote_by_force(cluster, image).await {
        Err(CommandError::Crashed { .. }) => {
            forget_half_copied(cluster, image).await?;
            promote_by_force(cluster, image).await
        }
        promoted => promoted,
    }
}

/// Takes half copied snapshots out of a copy's header: where there is one, Ceph before 18.2.5 and 19.2.2 crashes when it looks for what the
/// image is to be rolled back to (Ceph's issue 70075). A copy is read-only to every command that removes snapshots. What these have kept of
/// the image stays in the pool.
async fn forget_half_copied(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    let info: ImageInfo = cluster.rbd_prints(&["info", "--image", image]).await?;
    let copy = snapshots(cluster, image).await?.unwrap_or_default();
    for ImageSnapshot { id, name, .. } in half_copied(&copy) {
        tracing::warn!(image, snapshot = name, "a snapshot that is half copied is forgotten");
        let (header, key) = (format!("rbd_header.{}", info.id), format!("snapshot_{id:016x}"));
        cluster.rados(&["rmomapkey", &header, &key]).await?;
    }
    Ok(())
}

async fn promote_by_force(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    let promotion = ["mirror", "image", "promote", "--force", "--image", image, ASK_AGAIN];
    // it is never given up: what has begun to roll the image back must come to its end
    let mut promoting = pin!(cluster.rbd_over_data(&promotion));
    let promoted = loop {
        if let Ok(promoted) = tokio::time::timeout(TO_LET_GO, &mut promoting).await {
            break promoted;
        }
        if let Err(error) = watchers::cut_off_mirror_daemons(cluster, image).await {
            tracing::warn!(image, %error, "a mirror daemon is not cut off");
        }
    };
    match promoted {
        Err(error) if error.is(errno::INVAL) => require(cluster, image, true, error).await,
        promoted => promoted.map(drop),
    }
}

/// The command was refused: passes that on, unless the image is what it shall be already.
async fn require(
    cluster: &Cluster,
    image: &str,
    is_primary: bool,
    error: CommandError,
) -> Result<(), CommandError> {
    let info: ImageInfo = cluster.rbd_prints(&["info", "--image", image]).await?;
    let is_so = of(Some(&info)).is_some_and(|mirroring| mirroring.primary == is_primary);
    if is_so { Ok(()) } else { Err(error) }
}

/// An image's copy is made anew from where it is primary.
pub(crate) async fn resync(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    cluster.rbd(&["mirror", "image", "resync", "--image", image]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_promotion_that_was_broken_off_is_known_by_the_snapshot_that_it_begins_with() {
        let copied = |id: u64, complete: bool| {
            let namespace = json!({ "type": "mirror", "state": "non-primary", "complete": complete, "primary_snap_id": id });
            json!({ "id": 1, "name": "n", "namespace": namespace })
        };
        let own = json!({ "id": 1, "name": "n", "namespace": { "type": "mirror", "state": "primary", "complete": true } });
        let user = json!({ "id": 1, "name": "n", "namespace": { "type": "user" } });
        let is_half = |listed: &[serde_json::Value]| {
            let copy: Vec<ImageSnapshot> = serde_json::from_value(json!(listed)).unwrap();
            is_half_rolled_back(&copy)
        };
        assert!(is_half(&[copied(4, true), copied(6, false), copied(NO_SNAPSHOT, true)]));
        assert!(is_half(&[copied(6, false), user, copied(NO_SNAPSHOT, true)]));
        assert!(
            !is_half(&[copied(4, true), copied(NO_SNAPSHOT, true)]),
            "there was nothing to roll back"
        );
        assert!(
            !is_half(&[copied(6, false), copied(NO_SNAPSHOT, true), own]),
            "it came to its end"
        );
        assert!(!is_half(&[copied(4, true), copied(6, false)]));
        assert!(!is_half(&[]));
    }

    #[test]
    fn a_snapshot_is_half_copied_when_the_next_mirror_snapshot_is() {
        let mirror =
            |namespace: serde_json::Value| json!({ "id": 1, "name": "m", "namespace": namespace });
        let copied = |id: u64, complete: bool| {
            mirror(
                json!({ "type": "mirror", "state": "non-primary", "complete": complete, "primary_snap_id": id }),
            )
        };
        let own = mirror(json!({ "type": "mirror", "state": "primary", "complete": true }));
        let user = |name: &str| json!({ "id": 1, "name": name, "namespace": { "type": "user" } });
        let half = |listed: &[serde_json::Value]| {
            let promoted: Vec<ImageSnapshot> = serde_json::from_value(json!(listed)).unwrap();
            half_copied(&promoted).into_iter().map(|one| one.name.clone()).collect::<Vec<_>>()
        };
        let (whole, late, later) = (user("whole"), user("late"), user("later"));
        let promotion = copied(NO_SNAPSHOT, true);
        let rolled_back = [whole.clone(), copied(4, true), late.clone(), copied(6, false)];
        let rolled_back = [&rolled_back[..], &[promotion.clone(), own.clone(), later]].concat();
        assert_eq!(half(&rolled_back), ["late"]);
        let nothing_begun = [whole.clone(), copied(4, true), late, promotion.clone(), own.clone()];
        assert_eq!(half(&nothing_begun), ["late"], "their mirror snapshot was not there yet");
        assert_eq!(half(&[whole, copied(4, true), promotion, own]), [""; 0]);
    }

    #[test]
    fn a_copy_of_which_nothing_is_complete_yet_is_one() {
        for (state, is_mirrored) in
            [("enabled", true), ("unknown", true), ("disabling", false), ("disabled", false)]
        {
            let mirroring = json!({ "state": state, "primary": false });
            let info = json!({ "id": "1", "size": 1, "mirroring": mirroring });
            let info: ImageInfo = serde_json::from_value(info).unwrap();
            assert_eq!(of(Some(&info)).is_some(), is_mirrored, "{state}");
        }
        assert!(of(None).is_none());
    }

    #[test]
    fn a_snapshot_counts_that_came_after_the_image_was_primary_here_itself() {
        let entry = |namespace| json!({ "id": 1, "name": "n", "namespace": namespace });
        let copied = |id: u64, complete: bool| {
            entry(
                json!({ "type": "mirror", "state": "non-primary", "complete": complete, "primary_snap_id": id }),
            )
        };
        let own = entry(json!({ "type": "mirror", "state": "demoted", "complete": true }));
        let user = entry(json!({ "type": "user" }));
        let arrived = |id, listed: &[serde_json::Value]| {
            let copy: Vec<ImageSnapshot> = serde_json::from_value(json!(listed)).unwrap();
            has_arrived(MirrorSnapshot::taken_now(id), &copy)
        };
        assert!(arrived(6, &[copied(6, true), user.clone()]));
        assert!(arrived(6, &[copied(5, true), copied(7, true)]));
        assert!(!arrived(6, &[copied(5, true), copied(6, false), user]));
        assert!(!arrived(6, &[copied(50, true), own.clone()]), "of an image that is no more");
        assert!(arrived(6, &[copied(50, true), own, copied(6, true)]));
        assert!(!arrived(6, &[]));
    }
}
