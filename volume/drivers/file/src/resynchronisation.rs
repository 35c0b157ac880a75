//! Bringing volumes from the side that serves to another one that shall.

use crate::array::Array;
use crate::blocking::blocking;
use crate::fences::{self, ObjectLock};
use crate::io_error::hangs;
use crate::mirror::{Mirror, MirrorQuery, State};
use crate::object::Object;
use driver::sizes::bytes;
use driver::{DriverError, Failover};
use model::{BackendId, ReplicationProgress, Volume};
use std::time::{Duration, Instant};

/// One without progress fails after this time: the side may be full.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// And after this time when every volume that is still on the way fails.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(5);
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

/// How often more may be out of sync than before: a mirror loses its link, and is compared again from the beginning.
const MOST_SETBACKS: u32 = 100;

/// A volume on the way.
struct OnTheWay<'v> {
    volume: &'v Volume,
    out_of_sync_bytes: u64,
    /// What went wrong with the last look.
    error: Option<DriverError>,
}

/// Who keeps the volumes from being worked on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locks {
    /// Each is locked while it is looked at.
    Taken,
    /// The caller has locked them.
    Held,
}

impl<'a> Resynchronisation<'a> {
    /// Makes volumes equal on both sides, all at the same time, and returns those that are. What goes wrong with one is tried again
    /// as long as there is progress.
    pub async fn bring_over<'v>(
        &self,
        volumes: Vec<&'v Volume>,
        locks: Locks,
    ) -> Result<Vec<&'v Volume>, DriverError> {
        let mut brought = Vec::new();
        let mut on_the_way = Vec::new();
        for volume in volumes {
            let out_of_sync_bytes = bytes(volume.size_gb);
            match self.set_out(volume).await {
                Ok(()) => on_the_way.push(OnTheWay { volume, out_of_sync_bytes, error: None }),
                Err(error) => self.accept_loss(volume, &error)?,
            }
        }
        let mut progress = Progress::new();
        while !on_the_way.is_empty() {
            let query = MirrorQuery::run(self.from, self.to).await?;
            let mut still = Vec::new();
            for one in on_the_way {
                match self.look_at(one.volume, &query, locks).await {
                    Ok(Some(State::InSync)) => brought.push(one.volume),
                    Ok(Some(State::OutOfSync(out_of_sync_bytes))) => {
                        still.push(OnTheWay { out_of_sync_bytes, error: None, ..one });
                    }
                    Ok(None) => still.push(one),
                    Err(DriverError::Superseded) => return Err(DriverError::Superseded),
                    Err(error) => still.push(OnTheWay { error: Some(error), ..one }),
                }
            }
            on_the_way = still;
            self.tell(&on_the_way);
            let patience = if on_the_way.iter().all(|one| one.error.is_some()) {
                FAILURE_TIMEOUT
            } else {
                STALL_TIMEOUT
            };
            let out_of_sync_bytes = on_the_way.iter().map(|one| one.out_of_sync_bytes).sum();
            if progress.has_stalled(out_of_sync_bytes, patience) {
                for OnTheWay { volume, out_of_sync_bytes, error } in on_the_way.drain(..) {
                    let error = error.unwrap_or_else(|| no_progress(out_of_sync_bytes));
                    self.accept_loss(volume, &error)?;
                }
            }
            if !on_the_way.is_empty() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
        Ok(brought)
    }

    /// How far a volume is; `None` while somebody works on it.
    async fn look_at(
        &self,
        volume: &Volume,
        query: &MirrorQuery,
        locks: Locks,
    ) -> Result<Option<State>, DriverError> {
        let _taken = match locks {
            Locks::Held => None,
            Locks::Taken => {
                let fence = self.from.directory.fence_file(Object::Volume(volume.id));
                let taken = blocking(move || fences::try_lock_exclusive(&fence)).await?;
                if taken.is_none() {
                    return Ok(None);
                }
                taken
            }
        };
        self.mirror(volume).ensure_running(query).await.map(Some)
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
        if !self.failover.leave_behind && !self.failover.may_lack_writes.contains(&volume.id) {
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

/// Whether there is any.
struct Progress {
    out_of_sync_bytes: u64,
    since: Instant,
    setbacks: u32,
}

impl Progress {
    fn new() -> Self {
        Self { out_of_sync_bytes: u64::MAX, since: Instant::now(), setbacks: 0 }
    }

    /// Whether nothing has changed for too long, or too often to the worse.
    fn has_stalled(&mut self, out_of_sync_bytes: u64, patience: Duration) -> bool {
        if out_of_sync_bytes > self.out_of_sync_bytes {
            self.setbacks += 1;
        }
        if out_of_sync_bytes != self.out_of_sync_bytes {
            (self.out_of_sync_bytes, self.since) = (out_of_sync_bytes, Instant::now());
        }
        self.since.elapsed() > patience || self.setbacks > MOST_SETBACKS
    }
}

fn no_progress(out_of_sync_bytes: u64) -> DriverError {
    DriverError::failed(format!(
        "the resynchronisation makes no progress; {out_of_sync_bytes} bytes are out of sync"
    ))
}
