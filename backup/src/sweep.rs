//! The sweep: operations that no message announced, or whose lease has expired.

use crate::claim::Claims;
use crate::reached::Reached;
use database::{Database, MOST_DUE, operation_log};
use std::sync::Arc;
use std::time::Duration;
use steps::slots::Slots;
use steps::tick;
use tokio_util::sync::CancellationToken;

/// After this time an operation counts as not announced.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The sweep of a backup service.
pub(crate) struct Sweep {
    pub database: Database,
    pub reached: Arc<Reached>,
    /// The zone of this service.
    pub zone: String,
    pub interval: Duration,
    pub slots: Arc<Slots>,
    pub claims: Arc<Claims>,
}

impl Sweep {
    /// Looks regularly until the process stops, and at once again where there is more to claim.
    pub async fn sweep_regularly(&self, stopping: &CancellationToken) {
        let sweep = async {
            loop {
                tick::next(self.interval).await;
                while self.found_more().await {}
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = sweep => {}
        }
    }

    /// Claims what is due, each as soon as there is a slot for it; `true` where there may be more.
    async fn found_more(&self) -> bool {
        let reached = self.reached.ids();
        let due =
            operation_log::due_for_backup(&self.database, &reached, &self.zone, GRACE_PERIOD).await;
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the sweep could not read the operation log");
                return false;
            }
        };
        let more = due.len() >= MOST_DUE;
        for operation in due {
            let Some(slot) = self.slots.acquire().await else { return false };
            self.claims.claim(operation, slot).await;
        }
        more
    }
}
