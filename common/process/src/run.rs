//! The life cycle of a process, from `main` to the exit code.

use crate::about::About;
use crate::command_line::CommandLine;
use crate::telemetry;
use anyhow::Context;
use configuration::Config;
use rustix::fs::Mode;
use sd_notify::NotifyState;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The state of the process that its main task needs.
#[derive(Clone, Debug)]
pub struct ProcessLifecycle {
    stopping: CancellationToken,
}

impl ProcessLifecycle {
    /// Cancelled when the process is asked to end: then nothing new may begin.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Tells systemd, if it runs, that the process is ready.
    pub fn ready(&self) {
        notify(NotifyState::Ready);
        tracing::info!("ready");
    }
}

/// Runs a process until its work ends or it is told to stop (SIGTERM, SIGINT).
pub fn main<Work: Future<Output = anyhow::Result<()>>>(
    about: About,
    work: impl FnOnce(Config, ProcessLifecycle) -> Work,
) -> ExitCode {
    let command_line = CommandLine::read(&about);
    match run(&about, &command_line, work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // the log may not have started
            let _ = writeln!(std::io::stderr(), "{}: {error:#}", about.name);
            ExitCode::FAILURE
        }
    }
}

fn run<Work: Future<Output = anyhow::Result<()>>>(
    about: &About,
    command_line: &CommandLine,
    work: impl FnOnce(Config, ProcessLifecycle) -> Work,
) -> anyhow::Result<()> {
    let config = Config::load(command_line.config.as_deref()).context("configuration")?;
    (about.check)(&config).context("configuration")?;
    if command_line.check_config {
        writeln!(std::io::stdout(), "the configuration is in order")?;
        return Ok(());
    }
    // what any of the processes writes, and those that it starts, is for its own user
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    telemetry::start(&config.log)?;
    #[cfg(feature = "failpoints")]
    let _crash_points = fail::FailScenario::setup();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let timeout = Duration::from_secs(config.services.shutdown_seconds);
    let outcome = runtime.block_on(live(timeout, |lifecycle| work(config, lifecycle)));
    // a driver call that cannot be interrupted must not prevent the exit
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

async fn live<Work: Future<Output = anyhow::Result<()>>>(
    timeout: Duration,
    work: impl FnOnce(ProcessLifecycle) -> Work,
) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut work = std::pin::pin!(work(ProcessLifecycle { stopping: stopping.clone() }));
    tokio::select! {
        outcome = &mut work => return outcome,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(
        "stopping: no new operation starts; running operations finish or are handed over"
    );
    notify(NotifyState::Stopping);
    stopping.cancel();
    match tokio::time::timeout(timeout, work).await {
        Ok(outcome) => {
            tracing::info!("stopped");
            outcome
        }
        Err(_) => {
            tracing::warn!(
                seconds = timeout.as_secs(),
                "stopped with operations in progress: other workers recover them"
            );
            Ok(())
        }
    }
}

fn notify(state: NotifyState<'_>) {
    // no systemd: nothing to notify
    let _ = sd_notify::notify(&[state]);
}
