//! Bringing volumes from the side that serves to another one that shall.

use crate::array::Array;
use crate::fences::ObjectLock;
use crate::io_error::hangs;
use crate::mirror::{Mirror, MirrorQuery, State};
use crate::object::Object;
use crate::sizes::bytes;
use driver::{DriverError, Failover};
use model::{BackendId, ReplicationProgress, Volume};
use std::time::{Duration, Instant};

/// One without progress fails after this time: the side may be full.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an operation on a volume may keep it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the volumes are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The resynchronisation of a backend's volumes.
pub(crate) struct Resynchronisation<'a> {
    /// Whose volumes they are.
    pub backend: BackendId,
    pub from: &'a Array,
    pub to: &'a Array,
    pub failover: &'a Failover<'a>,
    /// How many volumes.
    pub total: usize,
}

/// A volume on the way.
struct OnTheWay<'v> {
    volume: &'v Volume,
    out_of_sync_bytes: u64,
}

impl<'a> Resynchronisation<'a> {
    /// Makes volumes equal on both sides, all at the same time, and returns those that are.
    pub async fn bring_over<'v>(
        &self,
        volumes: Vec<&'v Volume>,
    ) -> Result<Vec<&'v Volume>, DriverError> {
        let mut brought = Vec::new();
        let mut on_the_way = Vec::new();
        for volume in volumes {
            match self.set_out(volume).await {
                Ok(()) => {
                    on_the_way.push(OnTheWay { volume, out_of_sync_bytes: bytes(volume.size_gb) })
                }
                Err(error) => self.accept_loss(volume, &error)?,
            }
        }
        let (mut least, mut since) = (u64::MAX, Instant::now());
        while !on_the_way.is_empty() {
            let query = MirrorQuery::run(self.from, self.to).await?;
            let mut still = Vec::new();
            for OnTheWay { volume, .. } in on_the_way {
                match self.mirror(volume).ensure_running(&query).await {
                    Ok(State::InSync) => brought.push(volume),
                    Ok(State::OutOfSync(out_of_sync_bytes)) => {
                        still.push(OnTheWay { volume, out_of_sync_bytes });
                    }
                    Err(error) => self.accept_loss(volume, &error)?,
                }
            }
            on_the_way = still;
            self.tell(&on_the_way);
            let out_of_sync_bytes = on_the_way.iter().map(|one| one.out_of_sync_bytes).sum();
            if out_of_sync_bytes < least {
                (least, since) = (out_of_sync_bytes, Instant::now());
            } else if since.elapsed() > STALL_TIMEOUT {
                for OnTheWay { volume, out_of_sync_bytes } in on_the_way.drain(..) {
                    self.accept_loss(volume, &no_progress(out_of_sync_bytes))?;
                }
            }
            if !on_the_way.is_empty() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
        Ok(brought)
    }

    /// The side that serves cannot be read: nothing is brought over.
    pub fn leave_behind<'v>(
        &self,
        volumes: Vec<&'v Volume>,
        gone: &DriverError,
    ) -> Result<Vec<&'v Volume>, DriverError> {
        for volume in volumes {
            self.accept_loss(volume, gone)?;
        }
        Ok(Vec::new())
    }

    /// From now on nobody writes where the volumes were, and nobody works on them while the result lives.
    pub async fn close(&self, volumes: &[&Volume]) -> Result<Vec<ObjectLock>, DriverError> {
        let from = self.from;
        let mut held = Vec::new();
        for volume in volumes {
            let lock = from.lock_exclusive(Object::Volume(volume.id), self.failover.fence);
            let locked = tokio::time::timeout(LOCK_TIMEOUT, lock).await;
            held.push(locked.unwrap_or_else(|_| Err(hangs()))?);
        }
        let ids: Vec<_> = volumes.iter().map(|volume| volume.id).collect();
        from.daemon.close_exports(&ids).await?;
        Ok(held)
    }

    fn mirror(&self, volume: &Volume) -> Mirror<'a> {
        let Self { backend, from, to, .. } = *self;
        Mirror { from, to, backend, id: volume.id, size: bytes(volume.size_gb) }
    }

    async fn set_out(&self, volume: &Volume) -> Result<(), DriverError> {
        if !self.from.directory.has(Object::Volume(volume.id)) {
            return Err(DriverError::failed("it is not there"));
        }
        // the storage daemon of a side that was down may still have clients
        self.to.daemon.close_exports(&[volume.id]).await?;
        Ok(())
    }

    /// What could not be brought over fails alone if the loss is accepted, and everything if it is not.
    fn accept_loss(&self, volume: &Volume, error: &DriverError) -> Result<(), DriverError> {
        if let DriverError::Superseded = error {
            return Err(DriverError::Superseded);
        }
        if !self.failover.accept_data_loss {
            let reason = format!("volume {} cannot be resynchronised: {error}", volume.id);
            return Err(DriverError::failed(reason));
        }
        tracing::error!(volume.id = %volume.id, %error, "resynchronisation failed");
        Ok(())
    }

    fn tell(&self, on_the_way: &[OnTheWay<'_>]) {
        let named = on_the_way.iter().take(ReplicationProgress::MOST_NAMED);
        self.failover.progress.set(ReplicationProgress {
            total: self.total,
            in_sync: self.total.saturating_sub(on_the_way.len()),
            out_of_sync_bytes: on_the_way.iter().map(|one| one.out_of_sync_bytes).sum(),
            out_of_sync: named.map(|one| one.volume.id).collect(),
            out_of_sync_count: on_the_way.len(),
            looked_at: None,
        });
    }
}

fn no_progress(out_of_sync_bytes: u64) -> DriverError {
    DriverError::failed(format!(
        "the resynchronisation makes no progress; {out_of_sync_bytes} bytes are out of sync"
    ))
}
