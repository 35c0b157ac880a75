//! Weights: which of the fitting places is best.

use super::Candidate;
use std::cmp::Ordering;

/// The place with more room first; by name where that is equal, so that the choice is the same on
/// every scheduler.
pub(super) fn compare(left: &Candidate<'_>, right: &Candidate<'_>) -> Ordering {
    right
        .room_gb()
        .total_cmp(&left.room_gb())
        .then_with(|| left.backend.name.cmp(&right.backend.name))
        .then_with(|| left.pool.name.cmp(&right.pool.name))
}
