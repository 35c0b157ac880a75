//! How far replication, or a failover, is.

use model::ReplicationProgress;
use std::sync::{Mutex, PoisonError};

/// The latest progress of replication, or of a failover, for the next report.
#[derive(Debug, Default)]
pub struct LatestProgress(Mutex<ReplicationProgress>);

impl LatestProgress {
    /// Replaces the progress.
    pub fn set(&self, progress: ReplicationProgress) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// The progress that was set last.
    #[must_use]
    pub fn get(&self) -> ReplicationProgress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
