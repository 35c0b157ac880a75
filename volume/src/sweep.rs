//! The sweep: operations that no message announced, or whose lease has expired.

use crate::claim::Claims;
use database::{BackendLooks, MOST_DUE};
use model::BackendId;
use std::sync::Arc;
use std::time::Duration;
use steps::slots::Slots;
use steps::tick;
use tokio_util::sync::CancellationToken;

/// After this time an operation counts as not announced.
const SWEEP_GRACE_PERIOD: Duration = Duration::from_secs(2);

/// The sweep of a worker.
pub(crate) struct Sweep {
    pub looks: BackendLooks,
    pub backend_id: BackendId,
    pub slots: Arc<Slots>,
    pub claims: Arc<Claims>,
    pub interval: Duration,
}

impl Sweep {
    /// Looks regularly until the process stops, and at once again where there is more to claim.
    pub async fn sweep_regularly(&self, stopping: &CancellationToken) {
        let sweep = async {
            loop {
                tick::next(self.interval).await;
                while self.sweep().await == Found::More {}
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = sweep => {}
        }
    }

    /// Claims what is due, each as soon as there is a slot for it.
    async fn sweep(&self) -> Found {
        let due = self.looks.due(self.backend_id, SWEEP_GRACE_PERIOD).await;
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the sweep could not read the operation log");
                return Found::All;
            }
        };
        let found = if due.len() < MOST_DUE { Found::All } else { Found::More };
        for operation in due {
            let Some(slot) = self.slots.acquire().await else { return Found::All };
            self.claims.claim_in_background(operation, slot);
        }
        found
    }
}

/// Whether a sweep has found all that was due.
#[derive(PartialEq, Eq)]
enum Found {
    All,
    More,
}
