//! Claim: an operation becomes this worker's, with a lease and a fencing token, and is executed in the background.

use crate::attempt::Attempts;
use crate::identity::Identity;
use crate::position::FollowedEpoch;
use crate::slots::Slot;
use database::operation_log::{self, ClaimedOperation};
use database::{Database, DbError};
use model::OperationId;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// The claims of a worker.
pub(crate) struct Claims {
    pub database: Database,
    pub identity: Arc<Identity>,
    pub position: Arc<FollowedEpoch>,
    pub lease: Duration,
    pub attempts: Arc<Attempts>,
    pub executing: TaskTracker,
}

impl Claims {
    /// Claims an operation and, unless another worker has it, executes it in the background.
    pub async fn claim(&self, id: OperationId, slot: Slot) -> Result<(), DbError> {
        if let Some(claimed) = self.try_to_claim(id).await? {
            let attempts = self.attempts.clone();
            self.executing.spawn(async move {
                attempts.attempt(claimed).await;
                drop(slot);
            });
        }
        Ok(())
    }

    async fn try_to_claim(&self, id: OperationId) -> Result<Option<ClaimedOperation>, DbError> {
        let Identity { backend_id, owner, .. } = &*self.identity;
        let epoch = self.position.epoch();
        operation_log::claim(&self.database, id, *backend_id, epoch, owner, self.lease).await
    }

    /// Waits until all claimed operations have ended; `false` when that takes longer than the timeout.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.executing.close();
        tokio::time::timeout(timeout, self.executing.wait()).await.is_ok()
    }
}
