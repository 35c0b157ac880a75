//! What is said, and when.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

pub(crate) struct Timeline {
    started: Instant,
}

impl Timeline {
    pub fn begin() -> Self {
        Self { started: Instant::now() }
    }

    pub fn say(&self, what: impl Display) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{:6.2} s  {what}", self.started.elapsed().as_secs_f64())?;
        Ok(())
    }

    /// What belongs to what was said last.
    pub fn detail(what: impl Display) -> anyhow::Result<()> {
        writeln!(std::io::stdout().lock(), "            {what}")?;
        Ok(())
    }
}
