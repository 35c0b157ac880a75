//! Follow: the driver works on the side from which its backend serves, and on no other.
//!
//! A worker begins as one that follows nothing, and looks again whenever a failover has ended and with every
//! sweep. Until it follows the backend's present epoch, it claims nothing but failovers and opens no data
//! path; so one that cannot reach the side that serves, because it has burned, is there to leave it.

use crate::driver::DriverError;
use crate::recover;
use crate::worker::Worker;
use common::Error;
use common::bus::serve::Receive;
use common::bus::{Context, FanOut};
use common::db::backends::{self, Serving};
use common::db::{DbError, volumes};
use common::model::{ReplicationProgress, ReplicationStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Mutex;

/// From where a worker serves.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// The epoch whose side the driver works on; 0 as long as it works on none.
    epoch: AtomicI64,
    /// Held by whoever changes it. `true` once a failover was under way: what mirrors there were, may have
    /// ended with it.
    saw_failover: Mutex<bool>,
}

impl Position {
    /// The epoch whose side the driver works on; 0 as long as it works on none.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Relaxed)
    }
}

impl Worker {
    /// Follows the backend to the side from which it serves, if it does not work there already.
    pub async fn follow(&self) {
        if let Err(error) = self.try_to_follow().await {
            tracing::error!(backend.name = self.backend_name, %error, "does not serve; trying again");
        }
    }

    async fn try_to_follow(&self) -> Result<(), DriverError> {
        let mut saw_failover = self.position.saw_failover.lock().await;
        let serving = self.serving().await?;
        if serving.replication_status == ReplicationStatus::FailingOver {
            *saw_failover = true;
            return Ok(());
        }
        if self.is_at(&serving) {
            return Ok(());
        }
        let active = serving.active_backend_id.as_deref();
        self.check_storage(active).await?;
        let missed =
            *saw_failover || serving.replication_status == ReplicationStatus::FailoverError;
        if missed || self.position.epoch() != 0 {
            fail::fail_point!("volume.follow", |_| Err(DriverError::failed("volume.follow")));
            self.driver.failover_completed(active).await?;
        } else {
            self.driver.start(active).await?;
        }
        if serving.promoted {
            let volumes = volumes::of_backend(&self.database, self.backend_id).await?;
            self.driver.promoted(&volumes).await?;
        }
        self.progress.set(ReplicationProgress::default());
        self.position.epoch.store(serving.epoch, Ordering::Relaxed);
        self.confirm_alive().await?;
        recover::restore_exports(self).await;
        let side = active.unwrap_or("default");
        tracing::info!(backend.name = self.backend_name, side, "serving");
        Ok(())
    }

    /// Refuses a storage that does not hold the backend's volumes: an array that was promoted away, or one that
    /// is new where another one has burned.
    async fn check_storage(&self, active: Option<&str>) -> Result<(), DriverError> {
        let Some(storage) = self.driver.storage_id(active).await? else { return Ok(()) };
        if backends::is_on_storage(&self.database, self.backend_id, &storage, self.has_targets)
            .await?
        {
            return Ok(());
        }
        let side = active.unwrap_or("default");
        Err(DriverError::failed(format!(
            "the storage of side {side} ({storage}) is not the one that the backend's volumes are on: correct \
             the configuration, bring that storage back, or fail over"
        )))
    }

    /// From where the backend serves.
    pub async fn serving(&self) -> Result<Serving, DbError> {
        backends::serving(&self.database, self.backend_id).await
    }

    /// Whether the driver works on the side from which the backend serves.
    pub fn is_at(&self, serving: &Serving) -> bool {
        serving.epoch == self.position.epoch()
    }

    /// Whether the driver works on the side from which the backend serves now.
    pub async fn may_serve(&self) -> Result<bool, DbError> {
        Ok(self.is_at(&self.serving().await?))
    }
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
