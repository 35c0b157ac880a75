//! Ticks: the workers of a process look at their backends at the same moments, so that their looks share statements.

use std::sync::LazyLock;
use std::time::Duration;
use tokio::time::Instant;

/// The moment from which ticks are counted.
static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Waits until the next tick of this interval.
pub async fn next(interval: Duration) {
    tokio::time::sleep(left(FIRST.elapsed(), interval)).await;
}

/// How long it is until the next tick.
fn left(elapsed: Duration, interval: Duration) -> Duration {
    let interval = interval.as_nanos().max(1);
    let nanoseconds = interval - elapsed.as_nanos() % interval;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_wakes_at_the_same_moment() {
        let milliseconds = Duration::from_millis;
        let until = |elapsed| left(milliseconds(elapsed), milliseconds(1000));
        assert_eq!(until(0), milliseconds(1000));
        assert_eq!(until(1300), milliseconds(700));
        assert_eq!(until(1999), milliseconds(1));
        assert_eq!(until(2000), milliseconds(1000));
    }
}
