//! Filters: which candidates are rejected, and why.

use super::candidate::Candidate;
use model::{BackendId, Condition, extra_specs};
use operation::placement::{Affinity, PlacementRequest};

/// Why a filter rejects a candidate; the order of the variants is the order in the error message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FilterRejection {
    Frozen,
    Disabled,
    FailingOver,
    Down,
    NeverReported,
    AlreadyOnBackend,
    MigrationPolicyNever,
    NotRequestedBackend,
    SameHostHint,
    DifferentHostHint,
    OtherAvailabilityZone,
    MissingCapability,
    InsufficientCapacity,
    ConditionChanged,
}

impl std::fmt::Display for FilterRejection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Frozen => "frozen",
            Self::Disabled => "disabled",
            Self::FailingOver => "failing over",
            Self::Down => "down",
            Self::NeverReported => "that never reported",
            Self::AlreadyOnBackend => "already holding the volume",
            Self::MigrationPolicyNever => "excluded by the migration policy",
            Self::NotRequestedBackend => "not the requested backend",
            Self::SameHostHint => "without the volumes of same_host",
            Self::DifferentHostHint => "with a volume of different_host",
            Self::OtherAvailabilityZone => "in another availability zone",
            Self::MissingCapability => "without the capabilities of the volume type",
            Self::InsufficientCapacity => "with insufficient capacity",
            Self::ConditionChanged => "closed just now",
        })
    }
}

type Filter = fn(&Candidate<'_>, &PlacementRequest) -> Option<FilterRejection>;

/// In the order in which they are applied.
const FILTERS: &[Filter] =
    &[origin, pinned, affinity, condition, availability_zone, capabilities, capacity];

/// The first rejection of the candidate; `None` if all filters accept it.
pub(super) fn filter_rejection(
    candidate: &Candidate<'_>,
    wanted: &PlacementRequest,
) -> Option<FilterRejection> {
    FILTERS.iter().find_map(|filter| filter(candidate, wanted))
}

/// Rejects the origin if the volume must leave it, and every other backend if the volume must stay.
fn origin(candidate: &Candidate<'_>, wanted: &PlacementRequest) -> Option<FilterRejection> {
    let origin = wanted.origin.as_ref()?;
    if candidate.is(origin) {
        (!origin.may_stay).then_some(FilterRejection::AlreadyOnBackend)
    } else {
        (!origin.may_leave).then_some(FilterRejection::MigrationPolicyNever)
    }
}

/// Rejects every backend or pool other than the requested one.
fn pinned(candidate: &Candidate<'_>, wanted: &PlacementRequest) -> Option<FilterRejection> {
    let right_backend = wanted.backend_id.is_none_or(|pinned| candidate.backend.id == pinned);
    let right_pool = wanted.pool.as_ref().is_none_or(|pinned| candidate.pool.name == *pinned);
    (!right_backend || !right_pool).then_some(FilterRejection::NotRequestedBackend)
}

/// Applies the `same_host` and `different_host` scheduler hints.
fn affinity(candidate: &Candidate<'_>, wanted: &PlacementRequest) -> Option<FilterRejection> {
    let is_here = |backend: &BackendId| *backend == candidate.backend.id;
    let Affinity { same, different } = &wanted.affinity;
    if same.as_ref().is_some_and(|backends| !backends.iter().any(is_here)) {
        Some(FilterRejection::SameHostHint)
    } else if different.iter().any(is_here) {
        Some(FilterRejection::DifferentHostHint)
    } else {
        None
    }
}

/// Rejects a backend whose condition blocks placement.
fn condition(candidate: &Candidate<'_>, _wanted: &PlacementRequest) -> Option<FilterRejection> {
    candidate
        .backend
        .conditions
        .iter()
        .map(|condition| match condition {
            Condition::Frozen => FilterRejection::Frozen,
            Condition::Disabled => FilterRejection::Disabled,
            Condition::FailingOver => FilterRejection::FailingOver,
            Condition::Down => FilterRejection::Down,
        })
        .min()
}

/// Rejects a backend outside the requested availability zone or the zones of the volume type.
fn availability_zone(
    candidate: &Candidate<'_>,
    wanted: &PlacementRequest,
) -> Option<FilterRejection> {
    let zone = &candidate.backend.availability_zone;
    let asked = wanted.availability_zone.as_ref().is_none_or(|asked| asked == zone);
    let allowed = extra_specs::allows_zone(&wanted.extra_specs, zone);
    (!asked || !allowed).then_some(FilterRejection::OtherAvailabilityZone)
}

/// Rejects a pool that does not satisfy the extra specs of the volume type.
fn capabilities(candidate: &Candidate<'_>, wanted: &PlacementRequest) -> Option<FilterRejection> {
    let report = candidate.backend.report.as_ref()?;
    (!extra_specs::fits(report, candidate.pool, &wanted.extra_specs))
        .then_some(FilterRejection::MissingCapability)
}

/// Rejects a pool without enough free capacity or without enough provisionable capacity.
fn capacity(candidate: &Candidate<'_>, wanted: &PlacementRequest) -> Option<FilterRejection> {
    if wanted.origin.as_ref().is_some_and(|origin| candidate.is(origin)) {
        return None;
    }
    let size = f64::from(wanted.size_gb);
    let fits = candidate.free_gb() >= size && candidate.provisionable_gb() >= size;
    (!fits).then_some(FilterRejection::InsufficientCapacity)
}

impl Candidate<'_> {
    /// Free capacity, in GiB: without the reserved percentage, times the oversubscription ratio of thin pools.
    fn free_gb(&self) -> f64 {
        let reserved =
            self.pool.total_capacity_gb * f64::from(self.pool.reserved_percentage) / 100.0;
        let free = self.pool.free_capacity_gb - reserved;
        // thin volumes use capacity only as they are written, so free capacity counts several times
        if self.pool.thin_provisioning_support {
            free * self.pool.max_over_subscription_ratio
        } else {
            free
        }
    }

    /// Capacity that may still be provisioned, in GiB.
    pub(super) fn provisionable_gb(&self) -> f64 {
        let pool = self.pool;
        let usable = pool.total_capacity_gb * (1.0 - f64::from(pool.reserved_percentage) / 100.0);
        let allocated = self.backend.allocated_gb.get(&pool.name).copied().unwrap_or_default();
        let ratio =
            if pool.thin_provisioning_support { pool.max_over_subscription_ratio } else { 1.0 };
        usable * ratio - allocated.max(pool.provisioned_capacity_gb)
    }

    /// The smaller of free and provisionable capacity, in GiB.
    pub(super) fn available_gb(&self) -> f64 {
        self.free_gb().min(self.provisionable_gb())
    }
}
