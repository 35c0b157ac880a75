//! Failover: to the mirrors' target after a disaster, or to any other side after a
//! resynchronisation.

use crate::array::Array;
use crate::blocking::blocking;
use crate::io_error::hangs;
use crate::mirror::is_in_sync;
use crate::object::Object;
use crate::open_copy::abandon_drills;
use crate::processes::Killed;
use crate::resynchronisation::{Locks, Resynchronisation};
use crate::undo_logs;
use driver::sizes::bytes;
use driver::{DriverError, Failover, Phases};
use model::{
    BackendId, FailoverOutcome, Snapshot, Volume, VolumeFailover, VolumeId, VolumeOutcome,
    VolumeStatus,
};
use std::collections::HashSet;
use std::time::Duration;

/// How long the target side may take to record that it is active.
const ACTIVATE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the side that serves may take to show that it lives.
const LIFE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a write may take there: a disk is busy for longer than a monitor.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the target side may take to get ready.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(60);

/// How the volumes' data gets to the target side.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DataMovement {
    /// It is the side that serves: what is not served there shall be, with what may be missing.
    None,
    /// They are mirrored to it all the time.
    Mirrored,
    /// They are made equal now.
    Resynchronise,
}

/// The two sides of a failover.
pub(crate) struct Sides<'a> {
    /// Whose sides they are.
    pub backend: BackendId,
    pub from: &'a Array,
    pub to: &'a Array,
    pub movement: DataMovement,
}

impl Sides<'_> {
    /// Makes the other side ready, and tells what is there.
    pub async fn fail_over(&self, failover: &Failover<'_>) -> Result<FailoverOutcome, DriverError> {
        let mut phases = Phases::begin();
        self.prepare().await?;
        phases.end("prepare the target");
        // what could be read, and not be brought over, is newer where it is
        let mut left = HashSet::new();
        let complete = match self.movement {
            DataMovement::None => served(failover.volumes).map(|volume| volume.id).collect(),
            DataMovement::Mirrored => self.complete_replicas(failover, &mut phases).await?,
            DataMovement::Resynchronise => {
                let complete;
                (complete, left) = self.resynchronise_all(failover, &mut phases).await?;
                complete
            }
        };
        match self.movement {
            DataMovement::None | DataMovement::Mirrored => {
                self.restore_what_is_kept(failover, &complete).await?;
            }
            // what could not be brought over is still where it was, newer than what was kept here
            DataMovement::Resynchronise => {}
        }
        phases.end("serve from the target");
        let result = |volume: &Volume| {
            let is_there = self.to.directory.is_complete(volume.id);
            let accepted = failover.may_lack_writes.contains(&volume.id)
                && volume.replicated
                && !left.contains(&volume.id);
            // what did not leave is where it was
            let stayed =
                failover.target.is_primary() && !volume.replication_status.on_active_side();
            let (outcome, may_lack_writes) = if complete.contains(&volume.id) {
                (VolumeOutcome::FailedOver, false)
            } else if is_there && (accepted || stayed) {
                (VolumeOutcome::FailedOver, !stayed)
            } else if volume.replicated {
                (VolumeOutcome::Failed, false)
            } else {
                (VolumeOutcome::NotReplicated, false)
            };
            VolumeFailover { id: volume.id, outcome, may_lack_writes }
        };
        let volumes = failover.volumes.iter().map(result);
        let is_there = |one: &&Snapshot| self.to.directory.has(Object::Snapshot(one.id));
        Ok(FailoverOutcome {
            active: failover.target.clone(),
            storage_id: Some(self.to.directory.id()?),
            volumes: volumes.collect(),
            known_snapshots: failover.snapshots.iter().map(|one| one.id).collect(),
            snapshots: failover.snapshots.iter().filter(is_there).map(|one| one.id).collect(),
            phases: phases.into_ended(),
        })
    }

    /// Puts back what replicas were before a resynchronisation that did not come to its end.
    async fn restore_what_is_kept(
        &self,
        failover: &Failover<'_>,
        complete: &HashSet<VolumeId>,
    ) -> Result<(), DriverError> {
        let directory = &self.to.directory;
        let is_half = |volume: &&Volume| {
            volume.replicated
                && failover.may_lack_writes.contains(&volume.id)
                && !complete.contains(&volume.id)
                && !directory.is_complete(volume.id)
                && undo_logs::is_kept(directory, volume.id)
        };
        for volume in failover.volumes.iter().filter(is_half) {
            self.to.daemon.close(volume.id).await?;
            self.to.daemon.require_closed(volume.id).await?;
            self.to.relay.let_go(volume.id).await?;
            let (directory, id, size) = (directory.clone(), volume.id, bytes(volume.size_gb));
            let written = blocking(move || undo_logs::restore(&directory, id, size)).await?;
            let age = written.elapsed().unwrap_or_default();
            tracing::warn!(volume.id = %id, ?age, "served as it was before the last resynchronisation");
        }
        Ok(())
    }

    /// The volumes whose replicas are known to be complete. The side that served is cut off, whatever state
    /// it is in.
    async fn complete_replicas(
        &self,
        failover: &Failover<'_>,
        phases: &mut Phases,
    ) -> Result<HashSet<VolumeId>, DriverError> {
        if self.active_side_lives().await {
            self.wait_for_replicas(failover).await?;
            phases.end("wait for the replicas");
        }
        let killed = self.fence_active_side(failover.epoch).await?;
        phases.end("fence the active side");
        fail::fail_point!("volume.cut_off", |_| std::process::abort());
        let ids: Vec<_> = failover.volumes.iter().map(|volume| volume.id).collect();
        let connections = match killed {
            Killed::Gone => self.to.relay.final_connections().await,
            // they stay open, and nothing comes over them any more
            Killed::Hanging => match self.to.relay.seal(&ids).await {
                Ok(()) => self.to.relay.final_connections().await,
                // a relay of an earlier build
                Err(error) => {
                    tracing::warn!(%error, "the links are judged as they are");
                    self.to.relay.connections().await.unwrap_or_default()
                }
            },
        };
        let in_sync = |volume: &&Volume| {
            self.to.directory.has(Object::Volume(volume.id))
                && is_in_sync(self.to, volume.id, &connections)
        };
        let complete: HashSet<_> =
            failover.volumes.iter().filter(in_sync).map(|volume| volume.id).collect();
        self.to.daemon.close_replicas(&ids).await?;
        self.note_complete(&complete).await?;
        self.serve(failover.epoch).await?;
        // a drill that has begun before this ends; one that begins later finds nothing in sync
        if let Err(error) = abandon_drills(self.to, &ids).await {
            tracing::warn!(%error, "a copy for a drill goes on");
        }
        Ok(complete)
    }

    /// Replicas in sync are complete, and what they were before matters no more: the worker that has found it out may not have come to
    /// note it.
    async fn note_complete(&self, complete: &HashSet<VolumeId>) -> Result<(), DriverError> {
        let (directory, complete) = (self.to.directory.clone(), complete.clone());
        blocking(move || {
            complete.into_iter().try_for_each(|id| {
                directory.set_incomplete(id, false)?;
                undo_logs::forget(&directory, id)
            })
        })
        .await
    }

    fn resynchronisation<'f>(
        &'f self,
        failover: &'f Failover<'f>,
        volumes: &[&Volume],
    ) -> Resynchronisation<'f> {
        let Self { backend, from, to, .. } = *self;
        Resynchronisation { backend, from, to, failover, total: volumes.len() }
    }

    /// Whether the side that serves can be used.
    async fn active_side_lives(&self) -> bool {
        self.from.can_be_used(LIFE_TIMEOUT).await
            && self.from.daemon.answers_within(LIFE_TIMEOUT).await
            && self.from.takes_writes(WRITE_TIMEOUT).await
    }

    /// A side that lives is not left before every replica is in sync: its servers go on meanwhile. Fails when one does not come
    /// to be.
    async fn wait_for_replicas(&self, failover: &Failover<'_>) -> Result<(), DriverError> {
        let has_data = |volume: &&Volume| self.from.directory.has(Object::Volume(volume.id));
        let replicated: Vec<_> = replicated(failover.volumes).filter(has_data).collect();
        self.resynchronisation(failover, &replicated)
            .bring_over(replicated, Locks::Taken)
            .await
            .map(drop)
    }

    /// Nobody serves from there any more, and nobody begins to: a write that is acknowledged there from now on
    /// would be on no other side.
    async fn fence_active_side(&self, epoch: i64) -> Result<Killed, DriverError> {
        // it may have burned, and cannot be told
        self.from.set_standby(self.backend, epoch).await?;
        self.from.daemon.fence().await
    }

    async fn serve(&self, epoch: i64) -> Result<(), DriverError> {
        let (directory, backend) = (self.to.directory.clone(), self.backend);
        let serve = blocking(move || Ok(directory.record_epoch(backend, epoch, true)?));
        tokio::time::timeout(ACTIVATE_TIMEOUT, serve).await.unwrap_or_else(|_| Err(hangs()))
    }

    /// Brings everything over that is served from the other side. What cannot be brought is left behind only
    /// if the loss is accepted: its newest content is nowhere else. Returns the volumes that are complete here, and those that were left
    /// although they could be read.
    ///
    /// Servers go on to write on the other side until every volume has been made equal. What follows takes no longer the more
    /// bytes there are.
    async fn resynchronise_all(
        &self,
        failover: &Failover<'_>,
        phases: &mut Phases,
    ) -> Result<(HashSet<VolumeId>, HashSet<VolumeId>), DriverError> {
        let (directory, backend, epoch) = (self.to.directory.clone(), self.backend, failover.epoch);
        blocking(move || Ok(directory.record_epoch(backend, epoch, false)?)).await?;
        let (unmade, served): (Vec<&Volume>, Vec<_>) =
            served(failover.volumes).partition(|volume| self.is_unmade(volume));
        let resynchronisation = self.resynchronisation(failover, &served);
        let (brought, unmade, readable) = match self.from.daemon.ensure_running().await {
            Ok(_) => {
                let readable: HashSet<_> = served.iter().map(|volume| volume.id).collect();
                (resynchronisation.bring_over(served, Locks::Taken).await?, unmade, readable)
            }
            Err(gone) => {
                let all = served.into_iter().chain(unmade).collect();
                (resynchronisation.leave_behind(all, &gone)?, Vec::new(), HashSet::new())
            }
        };
        phases.end("resynchronise");
        fail::fail_point!("volume.brought", |_| std::process::abort());
        // whoever works on a volume keeps its old side open
        let held = resynchronisation.close(&brought).await?;
        let complete = resynchronisation.bring_over(brought, Locks::Held).await?;
        phases.end("close the volumes");
        self.fence_active_side(failover.epoch).await?;
        phases.end("fence the active side");
        let ids: Vec<_> = failover.volumes.iter().map(|volume| volume.id).collect();
        self.to.daemon.close_replicas(&ids).await?;
        self.serve(failover.epoch).await?;
        drop(held);
        let complete: HashSet<_> = complete.iter().chain(&unmade).map(|volume| volume.id).collect();
        let left = readable.difference(&complete).copied().collect();
        Ok((complete, left))
    }

    /// Whether a volume could not be made: there is nothing of it to be brought, and nothing is lost.
    fn is_unmade(&self, volume: &Volume) -> bool {
        let object = Object::Volume(volume.id);
        volume.status == VolumeStatus::Error
            && !self.from.directory.has(object)
            && !self.to.directory.has(object)
    }

    async fn prepare(&self) -> Result<(), DriverError> {
        let directory = self.to.directory.clone();
        let preparing = async {
            blocking(move || directory.prepare()).await?;
            self.to.ensure_data_plane().await.map(drop)
        };
        tokio::time::timeout(PREPARE_TIMEOUT, preparing).await.unwrap_or_else(|_| Err(hangs()))
    }
}

/// The replicated ones among the volumes that are where their backend serves from.
fn replicated(volumes: &[Volume]) -> impl Iterator<Item = &Volume> {
    served(volumes).filter(|volume| volume.replicated)
}

/// The volumes that are where their backend serves from.
fn served(volumes: &[Volume]) -> impl Iterator<Item = &Volume> {
    volumes.iter().filter(|volume| volume.replication_status.on_active_side())
}
