//! The epoch whose side the worker's driver works on, and whether it may serve there.

use database::backends::{self, ActiveSide};
use database::{Database, DbError};
use model::BackendId;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;

/// The epoch whose side the driver works on. Only the step `follow` changes it.
pub(crate) struct FollowedEpoch {
    database: Database,
    backend_id: BackendId,
    /// 0 as long as the driver works on no side.
    epoch: AtomicI64,
    changed: Notify,
}

impl FollowedEpoch {
    pub fn new(database: Database, backend_id: BackendId) -> Self {
        Self { database, backend_id, epoch: AtomicI64::default(), changed: Notify::new() }
    }

    /// The epoch whose side the driver works on; 0 as long as it works on none.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The driver works on the side of this epoch now.
    pub fn set(&self, epoch: i64) {
        self.epoch.store(epoch, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Returns when the driver has begun to work on another side, or on any at all.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The active side of the backend, by its row.
    pub async fn serving(&self) -> Result<ActiveSide, DbError> {
        backends::serving(&self.database, self.backend_id).await
    }

    /// Whether the driver works on the active side.
    pub fn follows_epoch_of(&self, serving: &ActiveSide) -> bool {
        serving.epoch == self.epoch()
    }

    /// Whether the driver works on the side that is the active one now.
    pub async fn may_serve(&self) -> Result<bool, DbError> {
        Ok(self.follows_epoch_of(&self.serving().await?))
    }
}
