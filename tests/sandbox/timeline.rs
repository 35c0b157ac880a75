//! A demonstration: what is said, and when.

use harness::files;
use harness::interruption::interrupted;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Shows something in a new directory below `.run`; what it started ends with it, also when it is interrupted.
pub(crate) async fn show(
    directory: &str,
    tell: impl AsyncFnOnce(&Timeline, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let timeline = Timeline { started: Instant::now() };
    let directory = files::run_directory().join(directory);
    if directory.exists() {
        harness::end_daemons_below(&directory);
        std::fs::remove_dir_all(&directory)?;
    }
    tokio::select! {
        outcome = tell(&timeline, &directory) => outcome?,
        interrupted = interrupted() => { interrupted?; anyhow::bail!("interrupted") }
    }
    std::fs::remove_dir_all(&directory)?;
    timeline.say("everything is as it says. Nothing is left running.")
}

pub(crate) struct Timeline {
    started: Instant,
}

impl Timeline {
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
