//! Failover: to the mirrors' target after a disaster, or to any other side after a
//! resynchronisation.

use crate::array::Array;
use crate::blocking::blocking;
use crate::fences::ObjectLock;
use crate::kept_images;
use crate::mirror::{Mirror, MirrorQuery, State, is_in_sync};
use crate::object::Object;
use crate::sizes::bytes;
use driver::{DriverError, Failover, Fence};
use model::{
    BackendId, FailoverOutcome, ReplicationProgress, Snapshot, Volume, VolumeFailover, VolumeId,
    VolumeOutcome,
};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How long the target side may take to record that it is active.
const ACTIVATE_TIMEOUT: Duration = Duration::from_secs(5);
/// A resynchronisation without progress fails after this time: the target side may be full.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a volume that is brought over is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How the volumes' data gets to the target side.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DataMovement {
    /// It is the side that serves: what is not served there shall be, with what may be missing.
    None,
    /// They are mirrored to it all the time.
    Mirrored,
    /// They are copied now.
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
        let complete = match self.movement {
            DataMovement::None => {
                self.prepare().await?;
                served(failover.volumes).map(|volume| volume.id).collect()
            }
            DataMovement::Mirrored => self.complete_replicas(failover).await?,
            DataMovement::Resynchronise => self.resynchronise_all(failover).await?,
        };
        match self.movement {
            DataMovement::None | DataMovement::Mirrored if failover.accept_data_loss => {
                self.restore_kept_images(failover.volumes).await?;
            }
            // what could not be brought over is still where it was, newer than any image
            DataMovement::None | DataMovement::Mirrored | DataMovement::Resynchronise => {}
        }
        let outcome = |volume: &Volume| {
            let is_there = self.to.directory.is_complete(volume.id);
            let accepted = failover.accept_data_loss && volume.replicated;
            // what did not leave is where it was
            let stayed =
                failover.target.is_primary() && !volume.replication_status.on_active_side();
            if complete.contains(&volume.id) || (is_there && (accepted || stayed)) {
                VolumeOutcome::FailedOver
            } else if volume.replicated {
                VolumeOutcome::Failed
            } else {
                VolumeOutcome::NotReplicated
            }
        };
        let volumes =
            failover.volumes.iter().map(|one| VolumeFailover { id: one.id, outcome: outcome(one) });
        let is_there = |one: &&Snapshot| self.to.directory.has(Object::Snapshot(one.id));
        Ok(FailoverOutcome {
            active: failover.target.clone(),
            storage_id: Some(self.to.directory.id()?),
            volumes: volumes.collect(),
            known_snapshots: failover.snapshots.iter().map(|one| one.id).collect(),
            snapshots: failover.snapshots.iter().filter(is_there).map(|one| one.id).collect(),
        })
    }

    /// Puts back what replicas were before a resynchronisation that did not come to its end.
    async fn restore_kept_images(&self, volumes: &[Volume]) -> Result<(), DriverError> {
        let directory = &self.to.directory;
        let is_half = |volume: &&Volume| {
            volume.replicated
                && !directory.is_complete(volume.id)
                && kept_images::is_kept(directory, volume.id)
        };
        for volume in volumes.iter().filter(is_half) {
            self.to.daemon.close(volume.id).await?;
            self.to.daemon.require_closed(volume.id).await?;
            let (directory, id, size) = (directory.clone(), volume.id, bytes(volume.size_gb));
            let written = blocking(move || kept_images::restore(&directory, id, size)).await?;
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
    ) -> Result<HashSet<VolumeId>, DriverError> {
        // nothing is left for a side that cannot be used
        self.prepare().await?;
        self.fence_active_side(failover.epoch).await?;
        fail::fail_point!("volume.cut_off", |_| std::process::abort());
        let connections = self.to.relay.final_connections().await;
        let in_sync = |volume: &&Volume| is_in_sync(self.to, volume.id, &connections);
        let complete = failover.volumes.iter().filter(in_sync).map(|volume| volume.id).collect();
        for volume in failover.volumes {
            self.to.daemon.close_replica(volume.id).await?;
        }
        self.serve(failover.epoch).await?;
        Ok(complete)
    }

    /// Nobody serves from there any more, and nobody begins to: a write that is acknowledged there from now on
    /// would be on no other side.
    async fn fence_active_side(&self, epoch: i64) -> Result<(), DriverError> {
        // it may have burned, and cannot be told
        self.from.set_standby(self.backend, epoch).await?;
        self.from.daemon.end().await
    }

    async fn serve(&self, epoch: i64) -> Result<(), DriverError> {
        let (directory, backend) = (self.to.directory.clone(), self.backend);
        let serve = blocking(move || Ok(directory.record_epoch(backend, epoch, true)?));
        tokio::time::timeout(ACTIVATE_TIMEOUT, serve).await.unwrap_or_else(|_| Err(hangs()))
    }

    /// Brings everything over that is served from the other side. What cannot be brought is left behind only
    /// if the loss is accepted: its newest content is nowhere else.
    async fn resynchronise_all(
        &self,
        failover: &Failover<'_>,
    ) -> Result<HashSet<VolumeId>, DriverError> {
        self.prepare().await?;
        let (directory, backend, epoch) = (self.to.directory.clone(), self.backend, failover.epoch);
        blocking(move || Ok(directory.record_epoch(backend, epoch, false)?)).await?;
        let reachable = self.from.daemon.ensure_running().await;
        let mut complete = HashSet::new();
        // a volume that is resynchronised must not be opened on its old side
        let mut held = Vec::new();
        let served: Vec<&Volume> = served(failover.volumes).collect();
        for (done, volume) in served.iter().enumerate() {
            let later: u64 = served[done + 1..].iter().map(|volume| bytes(volume.size_gb)).sum();
            let tell = |out_of_sync_bytes: u64| {
                failover.progress.set(ReplicationProgress {
                    total: served.len(),
                    in_sync: done,
                    out_of_sync_bytes: out_of_sync_bytes + later,
                    out_of_sync: served[done..]
                        .iter()
                        .map(|volume| volume.id)
                        .take(ReplicationProgress::MOST_NAMED)
                        .collect(),
                    out_of_sync_count: served.len() - done,
                    looked_at: None,
                });
            };
            tell(bytes(volume.size_gb));
            let brought = match &reachable {
                Ok(_) => self.resynchronise(volume, failover.fence, &tell).await,
                Err(gone) => Err(DriverError::failed(gone.to_string())),
            };
            fail::fail_point!("volume.brought", |_| std::process::abort());
            #[cfg(feature = "failpoints")]
            tokio::time::sleep(slowness()).await;
            match brought {
                Ok(lock_exclusive) => {
                    complete.insert(volume.id);
                    held.push(lock_exclusive);
                }
                Err(DriverError::Superseded) => return Err(DriverError::Superseded),
                Err(error) if failover.accept_data_loss => {
                    tracing::error!(volume.id = %volume.id, %error, "resynchronisation failed");
                }
                Err(error) => {
                    let reason = format!("volume {} cannot be resynchronised: {error}", volume.id);
                    return Err(DriverError::failed(reason));
                }
            }
            tracing::info!(done = done + 1, of = served.len(), "resynchronised");
        }
        self.fence_active_side(failover.epoch).await?;
        self.serve(failover.epoch).await?;
        Ok(complete)
    }

    /// Brings one volume over, and keeps everybody else away from where it was. `tell` is called with the number
    /// of bytes that are still missing, again and again.
    async fn resynchronise(
        &self,
        volume: &Volume,
        fence: Fence,
        tell: &(dyn Fn(u64) + Sync),
    ) -> Result<ObjectLock, DriverError> {
        let (from, to, id) = (self.from, self.to, volume.id);
        let mirror = Mirror { from, to, backend: self.backend, id, size: bytes(volume.size_gb) };
        if !from.directory.has(Object::Volume(id)) {
            return Err(DriverError::failed("it is not there"));
        }
        // the storage daemon of a side that was down may still have clients
        to.daemon.close_exports(id).await?;
        self.wait_until_in_sync(&mirror, tell).await?;
        // from now on nobody writes; what was written last must still come over
        let lock_exclusive = from.lock_exclusive(Object::Volume(id), fence);
        let held = tokio::time::timeout(STALL_TIMEOUT, lock_exclusive)
            .await
            .unwrap_or_else(|_| Err(hangs()))?;
        from.daemon.close_exports(id).await?;
        self.wait_until_in_sync(&mirror, tell).await?;
        mirror.stop().await?;
        if let Err(error) = self.compare(id).await {
            to.directory.set_incomplete(id, true)?;
            return Err(error);
        }
        Ok(held)
    }

    async fn wait_until_in_sync(
        &self,
        mirror: &Mirror<'_>,
        tell: &(dyn Fn(u64) + Sync),
    ) -> Result<(), DriverError> {
        let (mut least, mut since) = (u64::MAX, Instant::now());
        while let State::OutOfSync(out_of_sync_bytes) =
            mirror.ensure_running(&MirrorQuery::run(self.from, self.to).await?).await?
        {
            tell(out_of_sync_bytes);
            if out_of_sync_bytes < least {
                (least, since) = (out_of_sync_bytes, Instant::now());
            } else if since.elapsed() > STALL_TIMEOUT {
                let why = format!(
                    "the resynchronisation makes no progress; {out_of_sync_bytes} bytes are out of sync"
                );
                return Err(DriverError::failed(why));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Compares the volume on both sides before the target side becomes active.
    async fn compare(&self, id: VolumeId) -> Result<(), DriverError> {
        let file = |array: &Array| array.directory.file(Object::Volume(id));
        let mut command = Command::new("qemu-img");
        command.kill_on_drop(true).args(["compare", "-f", "raw", "-F", "raw", "-U"]);
        let output = command.arg(file(self.from)).arg(file(self.to)).output().await;
        let output = output.map_err(|error| DriverError::failed(format!("qemu-img: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout);
        Err(DriverError::failed(format!("the sides differ: {}", said.trim())))
    }

    async fn prepare(&self) -> Result<(), DriverError> {
        let directory = self.to.directory.clone();
        let preparing = async {
            blocking(move || directory.prepare()).await?;
            self.to.ensure_data_plane().await.map(drop)
        };
        tokio::time::timeout(STALL_TIMEOUT, preparing).await.unwrap_or_else(|_| Err(hangs()))
    }
}

fn hangs() -> DriverError {
    DriverError::failed("the storage does not answer")
}

/// The volumes that are where their backend serves from.
fn served(volumes: &[Volume]) -> impl Iterator<Item = &Volume> {
    volumes.iter().filter(|volume| volume.replication_status.on_active_side())
}

/// How many milliseconds the failpoint adds to each volume. A failpoint that sleeps by itself would hold up the renewal of
/// the lease as well.
#[cfg(feature = "failpoints")]
fn slowness() -> std::time::Duration {
    let milliseconds = |text: Option<String>| text.and_then(|text| text.parse().ok());
    fail::fail_point!("volume.brought_slowly", |text| {
        std::time::Duration::from_millis(milliseconds(text).unwrap_or_default())
    });
    std::time::Duration::ZERO
}
