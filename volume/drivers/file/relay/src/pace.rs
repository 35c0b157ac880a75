//! Keeps work below so many bytes in a second, where servers need the disks.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// Keeps work below so many bytes in a second.
pub(crate) struct Pace {
    bytes_per_second: Option<NonZeroU64>,
    began: Instant,
    done: u64,
}

impl Pace {
    /// With this bound, or without one.
    pub fn new(bytes_per_second: Option<NonZeroU64>) -> Self {
        Self { bytes_per_second, began: Instant::now(), done: 0 }
    }

    /// So much was done; waits until the next may be.
    pub async fn keep(&mut self, bytes: u64) {
        self.done += bytes;
        let Some(bytes_per_second) = self.bytes_per_second else { return };
        let due = Duration::from_secs_f64(self.done as f64 / bytes_per_second.get() as f64);
        tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
    }
}
