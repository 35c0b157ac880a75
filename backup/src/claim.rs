//! Claim: an operation becomes this service's, with a lease and a fencing token, and is executed in the background.

use crate::attempt::Attempts;
use crate::reached::Reached;
use database::{Database, operation_log};
use model::OperationId;
use std::sync::Arc;
use std::time::Duration;
use steps::slots::Slot;
use tokio_util::task::TaskTracker;

/// The claims of a backup service.
pub(crate) struct Claims {
    pub database: Database,
    pub reached: Arc<Reached>,
    /// The zone of this service.
    pub zone: String,
    pub owner: String,
    pub lease: Duration,
    pub attempts: Arc<Attempts>,
    pub executing: TaskTracker,
}

impl Claims {
    /// Claims an operation and, unless another service has it, executes it in the background.
    pub async fn claim(&self, id: OperationId, slot: Slot) {
        let Self { database, zone, owner, lease, .. } = self;
        let reached = self.reached.ids();
        match operation_log::claim_for_backup(database, id, &reached, zone, owner, *lease).await {
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

    /// Waits until all claimed operations have ended; `false` when that takes longer than the timeout.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.executing.close();
        tokio::time::timeout(timeout, self.executing.wait()).await.is_ok()
    }
}
