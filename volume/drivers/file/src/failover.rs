//! Serving from another side: to the mirrors' target after a disaster, or anywhere else with everything that
//! is there.

use crate::array::Array;
use crate::blocking::blocking;
use crate::fences::Held;
use crate::mirror::{Mirror, Seen, State, is_in_step};
use crate::object::Object;
use crate::sizes::bytes;
use driver::{DriverError, Failover, Fence};
use model::{
    BackendId, FailedOver, Fate, ReplicationProgress, Snapshot, Volume, VolumeFate, VolumeId,
};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How long the other side may take to be told that it serves.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so long without a byte less to bring, a volume cannot be brought: the other side may be full.
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// How often a volume that is brought over is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How volumes come to the other side.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// It is the side that serves: what is not served there shall be, with what may be missing.
    Nowhere,
    /// They are mirrored to it all the time.
    Mirrored,
    /// They are copied now.
    Copying,
}

/// The two sides of a failover.
pub(crate) struct Sides<'a> {
    /// Whose sides they are.
    pub backend: BackendId,
    pub from: &'a Array,
    pub to: &'a Array,
    pub way: Way,
}

impl Sides<'_> {
    /// Makes the other side ready, and tells what is there.
    pub async fn fail_over(&self, failover: &Failover<'_>) -> Result<FailedOver, DriverError> {
        let complete = match self.way {
            Way::Nowhere => {
                self.prepare().await?;
                served(failover.volumes).map(|volume| volume.id).collect()
            }
            Way::Mirrored => self.rely_on_mirrors(failover).await?,
            Way::Copying => self.bring_over(failover).await?,
        };
        let fate = |volume: &Volume| {
            let is_there = self.to.directory.has_all_of(volume.id);
            let accepted = failover.accept_data_loss && volume.replicated;
            // what did not leave is where it was
            let stayed = failover.target.is_primary() && !volume.replication_status.is_served();
            if complete.contains(&volume.id) || (is_there && (accepted || stayed)) {
                Fate::Moved
            } else if volume.replicated {
                Fate::Failed
            } else {
                Fate::Absent
            }
        };
        let volumes = failover.volumes.iter().map(|one| VolumeFate { id: one.id, fate: fate(one) });
        let is_there = |one: &&Snapshot| self.to.directory.has(Object::Snapshot(one.id));
        Ok(FailedOver {
            active: failover.target.clone(),
            storage_id: Some(self.to.directory.id()?),
            volumes: volumes.collect(),
            known_snapshots: failover.snapshots.iter().map(|one| one.id).collect(),
            snapshots: failover.snapshots.iter().filter(is_there).map(|one| one.id).collect(),
        })
    }

    /// The volumes whose replicas are known to be complete. The side that served is cut off, whatever state
    /// it is in.
    async fn rely_on_mirrors(
        &self,
        failover: &Failover<'_>,
    ) -> Result<HashSet<VolumeId>, DriverError> {
        // nothing is left for a side that cannot be used
        self.prepare().await?;
        self.leave(failover.epoch).await?;
        fail::fail_point!("volume.cut_off", |_| std::process::abort());
        let links = self.to.relay.final_links().await;
        let in_step = |volume: &&Volume| is_in_step(self.to, volume.id, &links);
        let complete = failover.volumes.iter().filter(in_step).map(|volume| volume.id).collect();
        for volume in failover.volumes {
            self.to.daemon.close_replica(volume.id).await?;
        }
        self.serve(failover.epoch).await?;
        Ok(complete)
    }

    /// Nobody serves from there any more, and nobody begins to: a write that is acknowledged there from now on
    /// would be on no other side.
    async fn leave(&self, epoch: i64) -> Result<(), DriverError> {
        // it may have burned, and cannot be told
        self.from.rest(self.backend, epoch).await?;
        self.from.daemon.end().await
    }

    async fn serve(&self, epoch: i64) -> Result<(), DriverError> {
        let (directory, backend) = (self.to.directory.clone(), self.backend);
        let serve = blocking(move || Ok(directory.enter(backend, epoch, true)?));
        tokio::time::timeout(PATIENCE, serve).await.unwrap_or_else(|_| Err(hangs()))
    }

    /// Brings everything over that is served from the other side. What cannot be brought is left behind only
    /// if the loss is accepted: its newest content is nowhere else.
    async fn bring_over(&self, failover: &Failover<'_>) -> Result<HashSet<VolumeId>, DriverError> {
        self.prepare().await?;
        let (directory, backend, epoch) = (self.to.directory.clone(), self.backend, failover.epoch);
        blocking(move || Ok(directory.enter(backend, epoch, false)?)).await?;
        let reachable = self.from.daemon.ensure_running().await;
        let mut complete = HashSet::new();
        // what is at home must not be opened where it was
        let mut held = Vec::new();
        let served: Vec<&Volume> = served(failover.volumes).collect();
        for (done, volume) in served.iter().enumerate() {
            let later: u64 = served[done + 1..].iter().map(|volume| bytes(volume.size_gb)).sum();
            let tell = |missing: u64| {
                failover.progress.set(ReplicationProgress {
                    total: served.len(),
                    in_step: done,
                    bytes_left: missing + later,
                    behind: served[done..].iter().map(|volume| volume.id).collect(),
                    looked_at: None,
                });
            };
            tell(bytes(volume.size_gb));
            let brought = match &reachable {
                Ok(_) => self.bring(volume, failover.fence, &tell).await,
                Err(gone) => Err(DriverError::failed(gone.to_string())),
            };
            fail::fail_point!("volume.brought", |_| std::process::abort());
            match brought {
                Ok(hold) => {
                    complete.insert(volume.id);
                    held.push(hold);
                }
                Err(DriverError::Superseded) => return Err(DriverError::Superseded),
                Err(error) if failover.accept_data_loss => {
                    tracing::error!(volume.id = %volume.id, %error, "not brought over");
                }
                Err(error) => {
                    let reason = format!("volume {} cannot be brought over: {error}", volume.id);
                    return Err(DriverError::failed(reason));
                }
            }
            tracing::info!(done = done + 1, of = served.len(), "brought over");
        }
        self.leave(failover.epoch).await?;
        self.serve(failover.epoch).await?;
        Ok(complete)
    }

    /// Brings one volume over, and keeps everybody else away from where it was. `tell` is called with the number
    /// of bytes that are still missing, again and again.
    async fn bring(
        &self,
        volume: &Volume,
        fence: Fence,
        tell: &(dyn Fn(u64) + Sync),
    ) -> Result<Held, DriverError> {
        let (from, to, id) = (self.from, self.to, volume.id);
        let mirror = Mirror { from, to, backend: self.backend, id, size: bytes(volume.size_gb) };
        if !from.directory.has(Object::Volume(id)) {
            return Err(DriverError::failed("it is not there"));
        }
        // one that came back from the dead may have servers
        to.daemon.close_exports(id).await?;
        self.wait_until_in_step(&mirror, tell).await?;
        // from now on nobody writes; what was written last must still come over
        let hold = from.hold(Object::Volume(id), fence);
        let held =
            tokio::time::timeout(STALLED_AFTER, hold).await.unwrap_or_else(|_| Err(hangs()))?;
        from.daemon.close_exports(id).await?;
        self.wait_until_in_step(&mirror, tell).await?;
        mirror.stop().await?;
        if let Err(error) = self.compare(id).await {
            to.directory.set_incomplete(id, true)?;
            return Err(error);
        }
        Ok(held)
    }

    async fn wait_until_in_step(
        &self,
        mirror: &Mirror<'_>,
        tell: &(dyn Fn(u64) + Sync),
    ) -> Result<(), DriverError> {
        let (mut least, mut since) = (u64::MAX, Instant::now());
        while let State::Behind(missing) =
            mirror.keep(&Seen::look(self.from, self.to).await?).await?
        {
            tell(missing);
            if missing < least {
                (least, since) = (missing, Instant::now());
            } else if since.elapsed() > STALLED_AFTER {
                let why = format!("it does not go on, with {missing} bytes left");
                return Err(DriverError::failed(why));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Both sides must have the same bytes before the other one serves.
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
        tokio::time::timeout(STALLED_AFTER, preparing).await.unwrap_or_else(|_| Err(hangs()))
    }
}

fn hangs() -> DriverError {
    DriverError::failed("the storage does not answer")
}

/// The volumes that are where their backend serves from.
fn served(volumes: &[Volume]) -> impl Iterator<Item = &Volume> {
    volumes.iter().filter(|volume| volume.replication_status.is_served())
}
