//! Claim: an operation becomes this worker's, with a lease and a fencing token, and is executed in the background.

use crate::attempt::Attempts;
use crate::position::FollowedEpoch;
use database::operation_log;
use model::OperationId;
use std::sync::Arc;
use std::time::Duration;
use steps::slots::Slot;
use tokio_util::task::TaskTracker;

/// The claims of a worker.
pub(crate) struct Claims {
    pub log: operation_log::Claims,
    pub position: Arc<FollowedEpoch>,
    pub attempts: Arc<Attempts>,
    pub executing: TaskTracker,
}

impl Claims {
    /// Claims an operation and, unless another worker has it, executes it in the background.
    pub async fn claim(&self, id: OperationId, slot: Slot) {
        match self.log.claim(id, self.position.epoch()).await {
            Ok(None) => {}
            Ok(Some(claimed)) => {
                let attempts = self.attempts.clone();
                self.executing.spawn(async move {
                    attempts.attempt(claimed).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(operation.id = %id, %error, "not claimed; the sweep will find it");
            }
        }
    }

    /// The same without waiting for the claim: those that wait at the same moment share a transaction.
    pub fn claim_in_background(self: &Arc<Self>, id: OperationId, slot: Slot) {
        let claims = self.clone();
        self.executing.spawn(async move { claims.claim(id, slot).await });
    }

    /// Waits until all claimed operations have ended; `false` when that takes longer than the timeout.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.executing.close();
        tokio::time::timeout(timeout, self.executing.wait()).await.is_ok()
    }
}
