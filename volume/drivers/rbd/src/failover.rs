//! Failover: the images of the other side become primary, after everything has come there, or as they are.

use crate::cluster::Cluster;
use crate::mirror::{self, MirrorSnapshot, Promoted};
use crate::shapes::ImageInfo;
use crate::{copies, images, names, records, watchers};
use driver::{DriverError, Failover, Phases};
use futures_util::future::{join_all, try_join_all};
use model::{
    BackendId, FailoverOutcome, Snapshot, SnapshotId, Volume, VolumeFailover, VolumeId,
    VolumeOutcome,
};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long the side that serves may take to show that it lives.
const LIFE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a mirror snapshot may be on its way, while the other side makes no progress.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(120);
/// How often it is looked whether what does not arrive cannot.
const SPLIT_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is looked whether something has arrived.
const PAUSE: Duration = Duration::from_millis(500);

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
        } else if self.active_side_lives(failover).await {
            phases.end("look at the active side");
            self.move_over(failover, &mut phases).await?
        } else {
            phases.end("look at the active side");
            require_accepted(failover)?;
            tracing::warn!(
                target = %failover.target,
                "the side that is left does not answer: its clients may write to it for as long as they reach it"
            );
            self.serve_as_they_are(failover, served(failover.volumes).collect()).await?
        };
        records::enter_epoch(self.to, self.backend, failover.epoch).await?;
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

    /// Whether the side that serves takes writes; if so, it knows of the failover from now on.
    async fn active_side_lives(&self, failover: &Failover<'_>) -> bool {
        let epoch = records::enter_epoch(self.from, self.backend, failover.epoch);
        matches!(tokio::time::timeout(LIFE_TIMEOUT, epoch).await, Ok(Ok(())))
    }

    /// Moves what is served, while servers go on to write until all of it has come once; then for as long as the rest takes, nobody can.
    async fn move_over(
        &self,
        failover: &Failover<'_>,
        phases: &mut Phases,
    ) -> Result<HashMap<VolumeId, There>, DriverError> {
        // what is replicated; and home, everything
        let moves = |one: &&Volume| one.replicated || failover.target.is_primary();
        let come = self.bring_all(served(failover.volumes).filter(moves).collect()).await;
        phases.end("resynchronise");
        let mut ready = Vec::new();
        for (volume, come) in come {
            match come {
                Ok(()) => ready.push(volume),
                // its newest content is where it was, and an old copy is not served while that can be read
                Err(error) if failover.leave_behind => {
                    tracing::warn!(volume.id = %volume.id, %error, "left behind");
                }
                Err(error) => {
                    let id = volume.id;
                    let text = format!("volume {id} cannot be brought over: {error}");
                    return Err(DriverError::failed(text));
                }
            }
        }
        let cut_over = join_all(ready.iter().map(|volume| self.cut_over(volume))).await;
        if let Err(error) = cut_over.into_iter().collect::<Result<(), _>>() {
            self.take_back(&ready).await;
            return Err(error);
        }
        phases.end("demote and promote");
        Ok(ready.iter().map(|volume| (volume.id, There::Whole)).collect())
    }

    /// Brings everything over that there is now.
    async fn bring_all<'f>(
        &self,
        volumes: Vec<&'f Volume>,
    ) -> Vec<(&'f Volume, Result<(), DriverError>)> {
        let brought = join_all(volumes.iter().map(|volume| self.bring(volume))).await;
        volumes.into_iter().zip(brought).collect()
    }

    async fn bring(&self, volume: &Volume) -> Result<(), DriverError> {
        let image = names::image(volume.id);
        let (here, there) =
            tokio::try_join!(images::info(self.from, &image), images::info(self.to, &image))?;
        if mirror::of(there.as_ref()).is_some_and(|there| there.primary) {
            if mirror::of(here.as_ref()).is_some_and(|here| !here.primary) {
                // an earlier attempt has come so far
                return Ok(());
            }
            self.make_copy_of(&image).await?;
        } else if there.is_some() && mirror::of(there.as_ref()).is_none() {
            return Err(DriverError::failed(format!("there is another {image} on the target")));
        }
        self.mirror_from_here(&image, here.as_ref()).await?;
        let snapshot = mirror::take(self.from, &image).await?;
        self.wait_for(&image, snapshot).await
    }

    /// An image that was primary on both sides, or is on its own on the other one, becomes a copy again: whoever writes to it there is
    /// cut off.
    async fn make_copy_of(&self, image: &str) -> Result<(), DriverError> {
        tracing::warn!(image, "it was primary where it was left: it becomes a copy");
        watchers::cut_off(self.to, image).await?;
        mirror::demote(self.to, image).await?;
        Ok(mirror::resync(self.to, image).await?)
    }

    async fn mirror_from_here(
        &self,
        image: &str,
        here: Option<&ImageInfo>,
    ) -> Result<(), DriverError> {
        match mirror::of(here) {
            Some(mirroring) if mirroring.primary => Ok(()),
            // an attempt was given up after it had been demoted
            Some(_) => match mirror::promote(self.from, image).await? {
                Promoted::Whole => Ok(()),
                Promoted::NotYet => {
                    Err(DriverError::failed(format!("{image} is primary on neither side")))
                }
            },
            None if here.is_none() => {
                Err(DriverError::failed(format!("there is no image {image}")))
            }
            None => mirror::enable(self.from, image).await,
        }
    }

    /// Waits until a mirror snapshot is there, for as long as there is progress.
    async fn wait_for(&self, image: &str, snapshot: MirrorSnapshot) -> Result<(), DriverError> {
        let (mut seen, mut progressed, mut examined) = (None, Instant::now(), Instant::now());
        loop {
            let copy = mirror::snapshots(self.to, image).await?;
            if copy.as_ref().is_some_and(|copy| mirror::has_arrived(snapshot, copy)) {
                return Ok(());
            }
            if copy != seen {
                (seen, progressed) = (copy, Instant::now());
            }
            if progressed.elapsed() > ARRIVAL_TIMEOUT {
                return Err(DriverError::failed(format!("{image} does not arrive on the target")));
            }
            if examined.elapsed() > SPLIT_INTERVAL {
                examined = Instant::now();
                if seen.is_some() && mirror::is_split(self.to, image).await? {
                    self.make_copy_of(image).await?;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Nobody writes to an image on this side any more, and when the rest has come, on the other one everybody may.
    async fn cut_over(&self, volume: &Volume) -> Result<(), DriverError> {
        let image = names::image(volume.id);
        watchers::cut_off(self.from, &image).await?;
        mirror::demote(self.from, &image).await?;
        let began = Instant::now();
        // that it succeeds is the proof that nothing is missing
        while mirror::promote(self.to, &image).await? == Promoted::NotYet {
            if began.elapsed() > ARRIVAL_TIMEOUT {
                return Err(DriverError::failed(format!("{image} is not promoted on the target")));
            }
            tokio::time::sleep(PAUSE).await;
        }
        if !volume.replicated {
            // it is home, and was mirrored to come here alone
            mirror::disable(self.to, &image).await?;
            if let Err(error) = copies::remove(self.from, &image).await {
                tracing::warn!(image, %error, "its copy is left where it was");
            }
        }
        Ok(())
    }

    /// The side that serves goes on to do so, as far as images have not been promoted on the other one.
    async fn take_back(&self, volumes: &[&Volume]) {
        for volume in volumes {
            let image = names::image(volume.id);
            // one that has been promoted is demoted there first
            let taken_back = async {
                mirror::demote(self.to, &image).await?;
                let began = Instant::now();
                while mirror::promote(self.from, &image).await? == Promoted::NotYet
                    && began.elapsed() < ARRIVAL_TIMEOUT
                {
                    tokio::time::sleep(PAUSE).await;
                }
                Ok::<_, DriverError>(())
            };
            if let Err(error) = taken_back.await {
                tracing::error!(image, %error, "not taken back after a failover that failed");
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
        try_join_all(promoted).await.map(HashMap::from_iter)
    }

    async fn serve_as_it_is(
        &self,
        failover: &Failover<'_>,
        volume: &Volume,
    ) -> Result<(VolumeId, There), DriverError> {
        let image = names::image(volume.id);
        let info = images::info(self.to, &image).await?;
        let there = match mirror::of(info.as_ref()) {
            // an earlier attempt has promoted it, or it was never elsewhere
            Some(mirroring) if mirroring.primary && failover.from == failover.target => {
                There::Whole
            }
            None if info.is_some() && failover.from == failover.target => There::Whole,
            Some(_) if failover.may_lack_writes.contains(&volume.id) => {
                mirror::promote_as_it_is(self.to, &image).await?;
                There::AsItWas
            }
            Some(_) | None => There::NotServed,
        };
        Ok((volume.id, there))
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
