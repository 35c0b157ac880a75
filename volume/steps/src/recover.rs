//! Recover: what becomes of an operation whose worker died.

use operation::contract::{AfterCrash, Runs};

/// An operation that was tried this many times ends as failed: its worker died, or met with a transient error.
const MAX_ATTEMPTS: i32 = 5;

/// What is to be done with a claimed operation.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Execute it, for the first time or again.
    Execute,
    /// End it as failed, for this reason.
    Fail(&'static str),
}

/// Decides by the operation's contract and by how many times it was claimed, this time included.
pub fn decide(runs: Runs, attempts: i32) -> Decision {
    match runs {
        Runs::InAdmission => Decision::Fail("it ended with its admission"),
        Runs::OnBackend(_) | Runs::InBackupService(_) if attempts <= 1 => Decision::Execute,
        Runs::OnBackend(_) | Runs::InBackupService(_) if attempts > MAX_ATTEMPTS => Decision::Fail(
            "it was tried too many times: each time its worker died, or what it needs was not there",
        ),
        Runs::OnBackend(AfterCrash::Rerun) | Runs::InBackupService(AfterCrash::Rerun) => {
            Decision::Execute
        }
        Runs::OnBackend(AfterCrash::Fail) | Runs::InBackupService(AfterCrash::Fail) => {
            Decision::Fail("its worker died while executing it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_attempt_is_executed_whatever_the_contract_says_of_crashes() {
        for after_crash in AfterCrash::ALL {
            assert_eq!(decide(Runs::OnBackend(*after_crash), 1), Decision::Execute);
        }
    }

    #[test]
    fn later_attempts_are_executed_if_the_contract_says_so_and_not_without_end() {
        let rerun = Runs::OnBackend(AfterCrash::Rerun);
        for attempts in 2..=MAX_ATTEMPTS {
            assert_eq!(decide(rerun, attempts), Decision::Execute);
            let fails = decide(Runs::OnBackend(AfterCrash::Fail), attempts);
            assert_eq!(fails, Decision::Fail("its worker died while executing it"));
        }
        assert!(matches!(decide(rerun, MAX_ATTEMPTS + 1), Decision::Fail(_)));
    }

    #[test]
    fn what_ended_with_its_admission_is_not_executed() {
        assert!(matches!(decide(Runs::InAdmission, 1), Decision::Fail(_)));
    }
}
