//! Filters: why a place does not fit.

use super::Candidate;
use model::{BackendId, Condition, extra_specs};
use operation::placement::{Affinity, WantedPlace};

/// Why a place does not fit; the order is that of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Misfit {
    Frozen,
    Disabled,
    FailingOver,
    Down,
    Silent,
    AlreadyThere,
    MustNotLeave,
    Elsewhere,
    NotWithOthers,
    WithOthers,
    OtherZone,
    OtherKind,
    TooFull,
    JustClosed,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Frozen => "frozen",
            Self::Disabled => "disabled",
            Self::FailingOver => "failing over",
            Self::Down => "down",
            Self::Silent => "without any report",
            Self::AlreadyThere => "where it is already",
            Self::MustNotLeave => "excluded by the migration policy",
            Self::Elsewhere => "elsewhere",
            Self::NotWithOthers => "without the volumes of same_host",
            Self::WithOthers => "with a volume of different_host",
            Self::OtherZone => "in another zone",
            Self::OtherKind => "not what the volume type asks for",
            Self::TooFull => "too full",
            Self::JustClosed => "closed just now",
        })
    }
}

type Filter = fn(&Candidate<'_>, &WantedPlace) -> Option<Misfit>;

/// In the order in which they are asked.
const FILTERS: &[Filter] =
    &[origin, pinned, affinity, condition, availability_zone, capabilities, capacity];

/// The first reason for which the place does not fit.
pub(super) fn misfit(candidate: &Candidate<'_>, wanted: &WantedPlace) -> Option<Misfit> {
    FILTERS.iter().find_map(|filter| filter(candidate, wanted))
}

/// It must not stay there, or not go there.
fn origin(candidate: &Candidate<'_>, wanted: &WantedPlace) -> Option<Misfit> {
    let origin = wanted.origin.as_ref()?;
    if candidate.is(origin) {
        (!origin.may_stay).then_some(Misfit::AlreadyThere)
    } else {
        (!origin.may_leave).then_some(Misfit::MustNotLeave)
    }
}

/// It must be on another backend, or in another pool.
fn pinned(candidate: &Candidate<'_>, wanted: &WantedPlace) -> Option<Misfit> {
    let right_backend = wanted.backend_id.is_none_or(|pinned| candidate.backend.id == pinned);
    let right_pool = wanted.pool.as_ref().is_none_or(|pinned| candidate.pool.name == *pinned);
    (!right_backend || !right_pool).then_some(Misfit::Elsewhere)
}

/// Other volumes must be there, or must not.
fn affinity(candidate: &Candidate<'_>, wanted: &WantedPlace) -> Option<Misfit> {
    let is_here = |backend: &BackendId| *backend == candidate.backend.id;
    let Affinity { same, different } = &wanted.affinity;
    if same.as_ref().is_some_and(|backends| !backends.iter().any(is_here)) {
        Some(Misfit::NotWithOthers)
    } else if different.iter().any(is_here) {
        Some(Misfit::WithOthers)
    } else {
        None
    }
}

/// The gate would refuse it there.
fn condition(candidate: &Candidate<'_>, _wanted: &WantedPlace) -> Option<Misfit> {
    candidate
        .backend
        .conditions
        .iter()
        .map(|condition| match condition {
            Condition::Frozen => Misfit::Frozen,
            Condition::Disabled => Misfit::Disabled,
            Condition::FailingOver => Misfit::FailingOver,
            Condition::Down => Misfit::Down,
        })
        .min()
}

/// It is in another zone than the one that was asked for, or than those of the volume type.
fn availability_zone(candidate: &Candidate<'_>, wanted: &WantedPlace) -> Option<Misfit> {
    let zone = &candidate.backend.availability_zone;
    let asked = wanted.availability_zone.as_ref().is_none_or(|asked| asked == zone);
    let allowed = extra_specs::allows_zone(&wanted.extra_specs, zone);
    (!asked || !allowed).then_some(Misfit::OtherZone)
}

/// It does not offer what the volume type asks for.
fn capabilities(candidate: &Candidate<'_>, wanted: &WantedPlace) -> Option<Misfit> {
    let report = candidate.backend.report.as_ref()?;
    (!extra_specs::fits(report, candidate.pool, &wanted.extra_specs)).then_some(Misfit::OtherKind)
}

/// It has no room: neither real room, nor room to promise.
fn capacity(candidate: &Candidate<'_>, wanted: &WantedPlace) -> Option<Misfit> {
    if wanted.origin.as_ref().is_some_and(|origin| candidate.is(origin)) {
        return None;
    }
    let size = f64::from(wanted.size_gb);
    let fits = candidate.free_gb() >= size && candidate.promisable_gb() >= size;
    (!fits).then_some(Misfit::TooFull)
}

impl Candidate<'_> {
    /// GiB that the storage could still take.
    fn free_gb(&self) -> f64 {
        let reserved =
            self.pool.total_capacity_gb * f64::from(self.pool.reserved_percentage) / 100.0;
        let free = self.pool.free_capacity_gb - reserved;
        // a volume takes room only as it is written to, so free room counts several times
        if self.pool.thin_provisioning_support {
            free * self.pool.max_over_subscription_ratio
        } else {
            free
        }
    }

    /// GiB that may still be promised.
    pub(super) fn promisable_gb(&self) -> f64 {
        let pool = self.pool;
        let usable = pool.total_capacity_gb * (1.0 - f64::from(pool.reserved_percentage) / 100.0);
        let promised = self.backend.promised_gb.get(&pool.name).copied().unwrap_or_default();
        let ratio =
            if pool.thin_provisioning_support { pool.max_over_subscription_ratio } else { 1.0 };
        usable * ratio - promised.max(pool.provisioned_capacity_gb)
    }

    /// GiB that are left by both measures.
    pub(super) fn room_gb(&self) -> f64 {
        self.free_gb().min(self.promisable_gb())
    }
}
