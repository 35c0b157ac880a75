//! The epoch whose side the worker's driver works on, and whether it may serve there.

use database::backends::ActiveSide;
use database::{BackendLooks, DbError};
use model::BackendId;
use tokio::sync::watch;

/// The epoch whose side the driver works on. Only the step `follow` changes it.
pub(crate) struct FollowedEpoch {
    looks: BackendLooks,
    backend_id: BackendId,
    /// 0 as long as the driver works on no side.
    epoch: watch::Sender<i64>,
}

impl FollowedEpoch {
    pub fn new(looks: BackendLooks, backend_id: BackendId) -> Self {
        Self { looks, backend_id, epoch: watch::Sender::default() }
    }

    /// The epoch whose side the driver works on; 0 as long as it works on none.
    pub fn epoch(&self) -> i64 {
        *self.epoch.borrow()
    }

    /// The driver works on the side of this epoch now.
    pub fn set(&self, epoch: i64) {
        self.epoch.send_replace(epoch);
    }

    /// Returns when the driver works on the side of another epoch than this one.
    pub async fn left(&self, epoch: i64) {
        // the sender is ours: it does not end before this does
        let _ = self.epoch.subscribe().wait_for(|followed| *followed != epoch).await;
    }

    /// The active side of the backend, by its row.
    pub async fn serving(&self) -> Result<ActiveSide, DbError> {
        self.looks.serving(self.backend_id).await
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
