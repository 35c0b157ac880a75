//! Backoff: the growing pause between attempts.

use std::time::Duration;

/// The pause before the attempt of this number, from 0 on.
pub(crate) fn pause_before(attempt: u32) -> Duration {
    Duration::from_millis(100 << attempt.min(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_limit() {
        let pauses = [0, 1, 4, 5, u32::MAX].map(|attempt| pause_before(attempt).as_millis());
        assert_eq!(pauses, [100, 200, 1600, 1600, 1600]);
    }
}
