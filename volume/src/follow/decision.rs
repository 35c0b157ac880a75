//! What a worker has to do so that its driver works on the active side.

use database::backends::ActiveSide;
use model::ReplicationStatus;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing: the driver works on the active side.
    Stay,
    /// Nothing yet: a failover is in progress, and its end decides about the side.
    WaitForFailover,
    /// Begin on the active side, on which the backend has been served all the time.
    Start,
    /// Begin on the active side after a failover that this worker has seen or missed: mirrors that there were may
    /// have ended with it.
    CompleteFailover,
}

/// Decides by the backend's row, the epoch whose side the driver works on (0: none), and whether this worker has seen
/// a failover in progress.
pub(crate) fn decide(serving: &ActiveSide, worker_epoch: i64, saw_failover: bool) -> Decision {
    let failed = serving.replication_status == ReplicationStatus::FailoverError;
    if serving.replication_status == ReplicationStatus::FailingOver {
        Decision::WaitForFailover
    } else if serving.epoch == worker_epoch {
        Decision::Stay
    } else if saw_failover || failed || worker_epoch != 0 {
        Decision::CompleteFailover
    } else {
        Decision::Start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Side;

    fn serving(epoch: i64, replication_status: ReplicationStatus) -> ActiveSide {
        let active = Side::Primary;
        ActiveSide { active, epoch, replication_status, promoted: false, storage_id: None }
    }

    #[test]
    fn a_failover_in_progress_is_waited_for_in_every_epoch() {
        for epoch in [0, 3, 4] {
            for saw_failover in [false, true] {
                let decision =
                    decide(&serving(4, ReplicationStatus::FailingOver), epoch, saw_failover);
                assert_eq!(decision, Decision::WaitForFailover, "{epoch} {saw_failover}");
            }
        }
    }

    #[test]
    fn a_worker_on_the_active_side_stays_there() {
        for status in [ReplicationStatus::Enabled, ReplicationStatus::FailoverError] {
            for saw_failover in [false, true] {
                assert_eq!(decide(&serving(4, status), 4, saw_failover), Decision::Stay);
            }
        }
    }

    #[test]
    fn only_a_worker_that_has_just_begun_and_seen_no_failover_starts() {
        for (status, epoch, saw_failover, decision) in [
            (ReplicationStatus::Disabled, 0, false, Decision::Start),
            (ReplicationStatus::FailedOver, 0, false, Decision::Start),
            (ReplicationStatus::FailedOver, 0, true, Decision::CompleteFailover),
            (ReplicationStatus::FailedOver, 3, false, Decision::CompleteFailover),
            (ReplicationStatus::FailoverError, 0, false, Decision::CompleteFailover),
        ] {
            assert_eq!(
                decide(&serving(4, status), epoch, saw_failover),
                decision,
                "{status} {epoch}"
            );
        }
    }
}
