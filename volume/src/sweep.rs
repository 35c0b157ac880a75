//! The sweep: operations that no message announced, or whose lease has expired.

use crate::claim::Claims;
use crate::slots::Slots;
use database::{Database, operation_log};
use model::BackendId;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After this time an operation counts as not announced.
const SWEEP_GRACE_PERIOD: Duration = Duration::from_secs(2);

/// The sweep of a worker.
pub(crate) struct Sweep {
    pub database: Database,
    pub backend_id: BackendId,
    pub slots: Arc<Slots>,
    pub claims: Arc<Claims>,
    pub interval: Duration,
}

impl Sweep {
    /// Looks regularly until the process stops.
    pub async fn sweep_regularly(&self, stopping: &CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(self.interval) => {}
            }
            self.sweep(stopping).await;
        }
    }

    async fn sweep(&self, stopping: &CancellationToken) {
        let due = operation_log::due(&self.database, self.backend_id, SWEEP_GRACE_PERIOD).await;
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                return tracing::warn!(%error, "the sweep could not read the operation log");
            }
        };
        for operation in due {
            if stopping.is_cancelled() || self.slots.free() == 0 {
                return;
            }
            let Some(slot) = self.slots.acquire().await else { return };
            self.claims.claim_in_background(operation, slot);
        }
    }
}
