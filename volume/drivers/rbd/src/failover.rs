//! Failover: the images of the other side become primary, after everything has come there, or as they are.

use crate::cluster::Cluster;
use crate::image_move::{Brought, ImageMove};
use crate::mirror::{self, Promoted};
use crate::shapes::{ImageInfo, ImageSnapshot};
use crate::{images, names, records};
use driver::{DriverError, Failover, Phases};
use futures_util::future::join_all;
use model::{
    BackendId, FailoverOutcome, Snapshot, SnapshotId, Volume, VolumeFailover, VolumeId,
    VolumeOutcome,
};
use std::collections::{HashMap, HashSet};

/// The two sides of a failover.
pub(crate) struct Sides<'a> {
    /// Whose sides they are.
    pub backend: BackendId,
    pub from: &'a Cluster,
    pub to: &'a Cluster,
}

/// What a volume's image has come to on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    /// Primary, with everything.
    Whole,
    /// Primary, as it was when it was last brought up to date.
    AsItWas,
    /// Not served.
    NotServed,
}

impl Sides<'_> {
    /// Makes the other side ready, and tells what is there.
    pub async fn fail_over(
        &self,
        failover: &Failover<'_>,
        storage_id: String,
    ) -> Result<FailoverOutcome, DriverError> {
        let mut phases = Phases::begin();
        records::claim(self.to, self.backend, failover.fence).await?;
        let there = if failover.from == failover.target {
            self.serve_as_they_are(failover, failover.volumes.iter().collect()).await?
        } else if records::enter_epoch_if_it_lives(self.from, self.backend, failover.epoch).await? {
            phases.end("look at the active side");
            self.move_over(failover, &mut phases).await?
        } else {
            phases.end("look at the active side");
            require_accepted(failover)?;
            tracing::warn!(
                target = %failover.target,
                "the side that is left does not answer: its clients may write to it for as long as they reach it"
            );
            let replicated = served(failover.volumes).filter(|volume| volume.replicated);
            self.serve_as_they_are(failover, replicated.collect()).await?
        };
        records::enter_epoch(self.to, self.backend, failover.epoch).await?;
        self.leave_nothing(failover, &there).await;
        phases.end("serve from the target");
        let snapshots = self.snapshots_there(failover.snapshots).await?;
        Ok(FailoverOutcome {
            active: failover.target.clone(),
            storage_id: Some(storage_id),
            volumes: failover.volumes.iter().map(|one| outcome(one, failover, &there)).collect(),
            known_snapshots: failover.snapshots.iter().map(|one| one.id).collect(),
            snapshots,
            phases: phases.into_ended(),
        })
    }

    /// Moves what is served, while servers go on to write until all of it has come once; then for as long as the rest takes, nobody can.
    async fn move_over(
        &self,
        failover: &Failover<'_>,
        phases: &mut Phases,
    ) -> Result<HashMap<VolumeId, There>, DriverError> {
        // what is replicated; and home, everything
        let moves = |one: &&Volume| one.replicated || failover.target.is_primary();
        let moves: Vec<_> =
            served(failover.volumes).filter(moves).map(|volume| self.image_move(volume)).collect();
        let brought = join_all(moves.iter().map(ImageMove::bring)).await;
        phases.end("resynchronise");
        let (mut home, mut ready) = (Vec::new(), Vec::new());
        for (one, brought) in moves.iter().zip(brought) {
            match brought {
                Ok(Brought::ReadyToCutOver) => ready.push(one),
                Ok(Brought::IsThere) => home.push(one),
                // its newest content is where it was, and an old copy is not served while that can be read
                Err(error) if failover.leave_behind => {
                    tracing::warn!(volume.id = %one.id, %error, "left behind");
                }
                Err(error) => {
                    let text = format!("volume {} cannot be brought over: {error}", one.id);
                    return Err(DriverError::failed(text));
                }
            }
        }
        let cut_over = join_all(ready.iter().map(|one| one.cut_over())).await;
        if let Err(error) = cut_over.into_iter().collect::<Result<(), _>>() {
            join_all(ready.iter().map(|one| one.take_back())).await;
            return Err(error);
        }
        phases.end("demote and promote");
        Ok(ready.into_iter().chain(home).map(|one| (one.id, There::Whole)).collect())
    }

    fn image_move(&self, volume: &Volume) -> ImageMove<'_> {
        ImageMove {
            from: self.from,
            to: self.to,
            id: volume.id,
            image: names::image(volume.id),
            stays_mirrored: volume.replicated,
        }
    }

    /// What was mirrored to come here alone is mirrored no more, and leaves nothing where it was.
    async fn leave_nothing(&self, failover: &Failover<'_>, there: &HashMap<VolumeId, There>) {
        let is_over = |one: &&Volume| {
            !one.replicated
                && failover.from != failover.target
                && there.get(&one.id) == Some(&There::Whole)
        };
        let over = failover.volumes.iter().filter(is_over).map(|volume| self.image_move(volume));
        let over: Vec<_> = over.collect();
        for (one, ended) in over.iter().zip(join_all(over.iter().map(ImageMove::end)).await) {
            if let Err(error) = ended {
                tracing::warn!(volume.id = %one.id, %error, "its copy is left where it was");
            }
        }
    }

    /// Serves these as they are, where it is accepted that they may lack writes.
    async fn serve_as_they_are(
        &self,
        failover: &Failover<'_>,
        volumes: Vec<&Volume>,
    ) -> Result<HashMap<VolumeId, There>, DriverError> {
        let promoted = volumes.into_iter().map(|volume| self.serve_as_it_is(failover, volume));
        // each comes to its end, whatever becomes of the others: a promotion that is broken off leaves an image torn
        join_all(promoted).await.into_iter().collect()
    }

    async fn serve_as_it_is(
        &self,
        failover: &Failover<'_>,
        volume: &Volume,
    ) -> Result<(VolumeId, There), DriverError> {
        let image = names::image(volume.id);
        let info = images::info(self.to, &image).await?;
        let is_accepted = failover.may_lack_writes.contains(&volume.id);
        let there = match mirror::of(info.as_ref()) {
            _ if failover.from == failover.target && self.serves(&image, info.as_ref()).await? => {
                There::Whole
            }
            Some(_) if is_accepted => self.promote_as_it_is(&image).await?,
            Some(_) | None => There::NotServed,
        };
        Ok((volume.id, there))
    }

    /// Whether an image of the side that serves takes writes there; one that was demoted for a failover that failed does again.
    async fn serves(&self, image: &str, info: Option<&ImageInfo>) -> Result<bool, DriverError> {
        match mirror::of(info) {
            Some(mirroring) if mirroring.primary => Ok(true),
            Some(_) => Ok(mirror::promote(self.to, image).await? == Promoted::Whole),
            None => Ok(info.is_some()),
        }
    }

    /// An image of which nothing is complete cannot be promoted, and does not keep the others from it; nor does one that is torn.
    async fn promote_as_it_is(&self, image: &str) -> Result<There, DriverError> {
        let copy = mirror::snapshots(self.to, image).await?;
        if copy.is_some_and(|copy| mirror::is_half_rolled_back(&copy)) {
            tracing::error!(
                image,
                "not served: a promotion was broken off while it rolled the image back"
            );
            return Ok(There::NotServed);
        }
        let promote = async || {
            mirror::promote_as_it_is(self.to, image).await?;
            self.remove_half_copied(image).await
        };
        match promote().await {
            Ok(()) => Ok(There::AsItWas),
            Err(DriverError::Failed(reason)) => {
                tracing::warn!(image, reason, "not served");
                Ok(There::NotServed)
            }
            Err(other) => Err(other),
        }
    }

    /// Removes the snapshots of which the content has not come, so that nobody takes them for what they were.
    async fn remove_half_copied(&self, image: &str) -> Result<(), DriverError> {
        let promoted = mirror::snapshots(self.to, image).await?.unwrap_or_default();
        for ImageSnapshot { name, .. } in mirror::half_copied(&promoted) {
            tracing::warn!(image, snapshot = name, "a snapshot that is half copied is removed");
            images::remove_snapshot(self.to, image, name).await?;
        }
        Ok(())
    }

    /// Those of the snapshots that are on the other side.
    async fn snapshots_there(
        &self,
        snapshots: &[Snapshot],
    ) -> Result<Vec<SnapshotId>, DriverError> {
        if snapshots.is_empty() {
            return Ok(Vec::new());
        }
        let listed = images::list(self.to).await?.into_iter();
        let there: HashSet<_> = listed.filter_map(|one| Some((one.image, one.snapshot?))).collect();
        let is_there = |one: &&Snapshot| {
            there.contains(&(names::image(one.volume_id), names::snapshot(one.id)))
        };
        Ok(snapshots.iter().filter(is_there).map(|one| one.id).collect())
    }
}

/// What is on the other side, is what the volumes were some time ago. Fails, before anything has changed, when that is not accepted of
/// every volume.
fn require_accepted(failover: &Failover<'_>) -> Result<(), DriverError> {
    let is_missed = |one: &&Volume| one.replicated && !failover.may_lack_writes.contains(&one.id);
    let missed: Vec<_> = served(failover.volumes).filter(is_missed).collect();
    match missed.first() {
        Some(first) if !failover.leave_behind => Err(DriverError::failed(format!(
            "the side that serves does not answer, and what {} of {} volumes were is older than is accepted, or of an unknown age: volume \
             {}, for instance. Serve them as they were with --accept-data-loss and --max-age, or fail over without them with --leave-behind",
            missed.len(),
            failover.volumes.len(),
            first.id
        ))),
        Some(_) | None => Ok(()),
    }
}

fn outcome(
    volume: &Volume,
    failover: &Failover<'_>,
    there: &HashMap<VolumeId, There>,
) -> VolumeFailover {
    // what did not leave is where it was
    let stayed = failover.target.is_primary() && !volume.replication_status.on_active_side();
    let (outcome, may_lack_writes) = match there.get(&volume.id) {
        Some(There::Whole) => (VolumeOutcome::FailedOver, false),
        Some(There::AsItWas) => (VolumeOutcome::FailedOver, true),
        _ if stayed => (VolumeOutcome::FailedOver, false),
        Some(There::NotServed) | None if volume.replicated => (VolumeOutcome::Failed, false),
        Some(There::NotServed) | None => (VolumeOutcome::NotReplicated, false),
    };
    VolumeFailover { id: volume.id, outcome, may_lack_writes }
}

/// The volumes that are where their backend serves from.
fn served(volumes: &[Volume]) -> impl Iterator<Item = &Volume> {
    volumes.iter().filter(|volume| volume.replication_status.on_active_side())
}
