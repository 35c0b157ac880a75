//! How long the phases of a failover take.

use model::FailoverPhase;
use std::time::Instant;

/// The phases that have ended, and when the one began that has not.
#[derive(Debug)]
pub struct Phases {
    began: Instant,
    ended: Vec<FailoverPhase>,
}

impl Phases {
    /// The first one begins.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), ended: Vec::new() }
    }

    /// A phase ends, and the next one begins.
    pub fn end(&mut self, name: &'static str) {
        let now = Instant::now();
        let seconds = (now - self.began).as_secs_f64();
        self.ended.push(FailoverPhase { phase: name.into(), seconds });
        self.began = now;
    }

    /// All that have ended.
    #[must_use]
    pub fn into_ended(self) -> Vec<FailoverPhase> {
        self.ended
    }
}
