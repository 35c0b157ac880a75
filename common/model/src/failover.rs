//! The result of a failover: where the backend's volumes and snapshots are now.

use super::{Side, SnapshotId, Volume, VolumeId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// Which replicas are served although they may lack acknowledged writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedLoss {
    /// Those that had every acknowledged write at this moment, by the database's clock, or later.
    Since(#[serde(with = "rfc3339")] OffsetDateTime),
    /// All, however old they are.
    Any,
}

impl AcceptedLoss {
    /// Whether a replica is among them that had every acknowledged write at this moment, as far as that is known.
    #[must_use]
    pub fn covers(self, as_of: Option<OffsetDateTime>) -> bool {
        match self {
            Self::Since(earliest) => as_of.is_some_and(|as_of| as_of >= earliest),
            Self::Any => true,
        }
    }
}

/// The result of a failover.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FailoverOutcome {
    /// The side that serves from now on.
    pub active: Side,
    /// What identifies its storage.
    pub storage_id: Option<String>,
    /// The result for each volume.
    pub volumes: Vec<VolumeFailover>,
    /// The snapshots that the backend has had.
    pub known_snapshots: Vec<SnapshotId>,
    /// Those of them that are on the side that serves.
    pub snapshots: Vec<SnapshotId>,
    /// How long each phase has taken, in their order; empty when the driver has none.
    #[serde(skip)]
    pub phases: Vec<FailoverPhase>,
}

/// How long a phase of a failover has taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailoverPhase {
    /// What was done.
    pub phase: Cow<'static, str>,
    /// How long it took.
    pub seconds: f64,
}

/// What a failover came to, for operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailoverReport {
    /// How many volumes are served.
    pub failed_over: usize,
    /// How many replicated ones are not.
    pub failed: usize,
    /// How many are not, because they are not replicated.
    pub not_replicated: usize,
    /// How many of those that are served may lack acknowledged writes.
    pub may_lack_writes: usize,
    /// When the oldest of them had every acknowledged write; `None` when that is not known of all.
    #[serde(with = "rfc3339::option")]
    pub oldest_as_of: Option<OffsetDateTime>,
    /// How long each phase has taken.
    pub phases: Vec<FailoverPhase>,
}

impl FailoverReport {
    /// The report of a failover of these volumes.
    #[must_use]
    pub fn new(outcome: &FailoverOutcome, volumes: &[Volume]) -> Self {
        let count =
            |wanted| outcome.volumes.iter().filter(|volume| volume.outcome == wanted).count();
        let as_of: HashMap<_, _> =
            volumes.iter().map(|volume| (volume.id, volume.as_of_on(&outcome.active))).collect();
        let lacking = outcome.volumes.iter().filter(|volume| volume.may_lack_writes);
        let lacking: Vec<_> =
            lacking.map(|volume| as_of.get(&volume.id).copied().flatten()).collect();
        let is_known = lacking.iter().all(Option::is_some);
        Self {
            failed_over: count(VolumeOutcome::FailedOver),
            failed: count(VolumeOutcome::Failed),
            not_replicated: count(VolumeOutcome::NotReplicated),
            may_lack_writes: lacking.len(),
            oldest_as_of: lacking.into_iter().flatten().min().filter(|_| is_known),
            phases: outcome.phases.clone(),
        }
    }
}

/// The result of a failover for one volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeFailover {
    /// The volume.
    pub id: VolumeId,
    /// Its result.
    pub outcome: VolumeOutcome,
    /// Whether what is served may lack acknowledged writes.
    #[serde(skip)]
    pub may_lack_writes: bool,
}

impl VolumeFailover {
    /// The result of a volume of which nothing is missing where it is served.
    #[must_use]
    pub const fn of(id: VolumeId, outcome: VolumeOutcome) -> Self {
        Self { id, outcome, may_lack_writes: false }
    }
}

text_enum! {
    /// The result of a failover for a volume.
    pub enum VolumeOutcome {
        /// Available on the new active side.
        FailedOver = "failed-over",
        /// It is replicated, and cannot be served from there.
        Failed = "failed",
        /// It is not replicated, and so is not there.
        NotReplicated = "not-replicated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    #[test]
    fn a_replica_is_accepted_that_is_not_older_than_what_is_accepted() {
        let at = |minute| datetime!(2026-01-01 12:00 UTC) + time::Duration::minutes(minute);
        let since = AcceptedLoss::Since(at(5));
        for (as_of, is_covered) in
            [(Some(at(5)), true), (Some(at(6)), true), (Some(at(4)), false), (None, false)]
        {
            assert_eq!(since.covers(as_of), is_covered, "{as_of:?}");
            assert!(AcceptedLoss::Any.covers(as_of));
        }
        let written = json!({ "since": "2026-01-01T12:05:00Z" });
        assert_eq!(json!(since), written);
        assert_eq!(serde_json::from_value::<AcceptedLoss>(written).unwrap(), since);
        assert_eq!(json!(AcceptedLoss::Any), json!("any"));
    }
}
