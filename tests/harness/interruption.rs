//! The end of a run that the user or the system asks for.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves when the user or the system asks to end.
///
/// # Errors
/// When the signals cannot be listened to.
pub async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
