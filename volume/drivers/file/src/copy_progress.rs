//! The progress of a copy, in the log.

/// Logs every tenth of a copy.
#[derive(Default)]
pub(crate) struct CopyProgress {
    /// How much there is to copy, in any unit.
    pub total: u64,
    logged_tenths: u64,
}

impl CopyProgress {
    pub fn of(total: u64) -> Self {
        Self { total, logged_tenths: 0 }
    }

    pub fn log(&mut self, done: u64) {
        let tenths = done.saturating_mul(10).checked_div(self.total).unwrap_or(10);
        if tenths > self.logged_tenths {
            self.logged_tenths = tenths;
            tracing::info!(percent = tenths * 10, "copying");
        }
    }
}
