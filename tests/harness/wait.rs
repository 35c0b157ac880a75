//! Waiting for a state, with a deadline.

use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Looks until there is a result.
///
/// # Errors
/// When the deadline passes; the error says what was waited for.
pub async fn until_some<T, Looking: Future<Output = Option<T>>>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Looking,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        anyhow::ensure!(started.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Looks until it is so.
///
/// # Errors
/// When the deadline passes; the error says what was waited for.
pub async fn until<Looking: Future<Output = bool>>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Looking,
) -> anyhow::Result<()> {
    until_some(what, deadline, || {
        let looking = look();
        async move { looking.await.then_some(()) }
    })
    .await
}
