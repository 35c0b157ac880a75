//! Follow: the driver works on the side from which its backend serves, and on no other.
//!
//! A worker begins as one that follows nothing, and looks again and again, at once when it hears that a failover
//! has ended. Until it follows the backend's present epoch, it claims nothing but failovers and opens no data
//! path; so one that cannot reach the side that serves, because it has burned, is there to leave it.

use crate::driver::DriverError;
use crate::recover;
use crate::worker::Worker;
use bus::serve::Receive;
use bus::{Context, FanOut};
use database::backends::{self, Serving};
use database::{DbError, volumes};
use model::{Error, ReplicationProgress, ReplicationStatus, Side};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

/// How long one attempt may take: storage that hangs must not keep the worker from another side.
const PATIENCE: Duration = Duration::from_secs(30);

/// From where a worker serves.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// The epoch whose side the driver works on; 0 as long as it works on none.
    epoch: AtomicI64,
    /// Held by whoever changes it. `true` once a failover was under way: what mirrors there were, may have
    /// ended with it.
    saw_failover: Mutex<bool>,
    /// Told when it has changed.
    changed: Notify,
}

impl Position {
    /// The epoch whose side the driver works on; 0 as long as it works on none.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Relaxed)
    }
}

/// Looks regularly until the process stops.
pub(crate) async fn follow_regularly(worker: &Worker, stopping: &CancellationToken) {
    while !stopping.is_cancelled() {
        worker.follow().await;
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(worker.config.volume.sweep()) => {}
        }
    }
}

impl Worker {
    /// Follows the backend to the side from which it serves, if it does not work there already.
    pub async fn follow(&self) {
        let attempt = tokio::time::timeout(PATIENCE, self.try_to_follow()).await;
        let late = |_| Err(DriverError::failed("the storage does not answer"));
        match attempt.unwrap_or_else(late) {
            Ok(true) => recover::restore_exports(self).await,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(backend.name = self.backend_name, %error, "does not serve; trying again");
            }
        }
    }

    /// `true` when it works on another side now, or on any at all.
    async fn try_to_follow(&self) -> Result<bool, DriverError> {
        let mut saw_failover = self.position.saw_failover.lock().await;
        let serving = self.serving().await?;
        if serving.replication_status == ReplicationStatus::FailingOver {
            *saw_failover = true;
            return Ok(false);
        }
        if self.is_at(&serving) {
            return Ok(false);
        }
        let (active, epoch) = (&serving.active, serving.epoch);
        self.check_storage(&serving).await?;
        let missed =
            *saw_failover || serving.replication_status == ReplicationStatus::FailoverError;
        if missed || self.position.epoch() != 0 {
            fail::fail_point!("volume.follow", |_| Err(DriverError::failed("volume.follow")));
            self.driver.failover_completed(active, epoch).await?;
        } else {
            self.driver.start(active, epoch).await?;
        }
        self.bind_storage(&serving).await?;
        if serving.promoted {
            let volumes = volumes::of_backend(&self.database, self.backend_id).await?;
            self.driver.promoted(&volumes).await?;
        }
        self.progress.set(ReplicationProgress::default());
        self.position.epoch.store(epoch, Ordering::Relaxed);
        self.position.changed.notify_waiters();
        self.confirm_alive().await?;
        tracing::info!(backend.name = self.backend_name, side = %active, "serving");
        Ok(true)
    }

    /// Refuses a storage that does not hold the backend's volumes: an array that was promoted away, or one that
    /// is new where another one has burned.
    async fn check_storage(&self, serving: &Serving) -> Result<(), DriverError> {
        let Some(bound) = serving.storage_id.as_ref().filter(|_| self.has_targets) else {
            return Ok(());
        };
        let active = &serving.active;
        match self.driver.storage_id(active).await? {
            Some(found) if found != *bound => Err(other_storage(active, &found)),
            Some(_) | None => Ok(()),
        }
    }

    /// From its first side on, a replicated backend is on the storage that it is on.
    async fn bind_storage(&self, serving: &Serving) -> Result<(), DriverError> {
        if serving.storage_id.is_some() || !self.has_targets {
            return Ok(());
        }
        let active = &serving.active;
        let Some(found) = self.driver.storage_id(active).await? else { return Ok(()) };
        if backends::bind_storage(&self.database, self.backend_id, &found).await? {
            return Ok(());
        }
        Err(other_storage(active, &found))
    }

    /// From where the backend serves.
    pub async fn serving(&self) -> Result<Serving, DbError> {
        backends::serving(&self.database, self.backend_id).await
    }

    /// Whether the driver works on the side from which the backend serves.
    pub fn is_at(&self, serving: &Serving) -> bool {
        serving.epoch == self.position.epoch()
    }

    /// Returns when the driver has begun to work on another side, or on any at all.
    pub async fn position_changed(&self) {
        self.position.changed.notified().await;
    }

    /// Whether the driver works on the side from which the backend serves now.
    pub async fn may_serve(&self) -> Result<bool, DbError> {
        Ok(self.is_at(&self.serving().await?))
    }
}

fn other_storage(side: &Side, found: &str) -> DriverError {
    DriverError::failed(format!(
        "the storage of side {side} ({found}) is not the one that the backend's volumes are on: correct the \
         configuration, bring that storage back, or fail over"
    ))
}

/// Hears that a failover has ended, whichever worker has done it.
pub(crate) struct Follower(pub Arc<Worker>);

impl Receive for Follower {
    type Message = FanOut;
    type Reply = ();

    async fn receive(self: &Arc<Self>, _context: Context, message: FanOut) -> Result<(), Error> {
        match message {
            FanOut::FailoverCompleted { backend } if backend == self.0.backend_name => {
                self.0.follow().await;
            }
            FanOut::FailoverCompleted { .. }
            | FanOut::BackendReport { .. }
            | FanOut::SetLogLevel(_) => {}
        }
        Ok(())
    }
}
