//! The placement that an operation gives to its subject.

use model::migration::Stage;
use model::{BackendId, Migration, Placement};

/// The effect of an operation on the placement of its subject.
#[derive(Clone, Copy, Debug)]
pub enum PlacementChange<'a> {
    /// The placement does not change.
    Unchanged,
    /// It is new, and goes here.
    New(&'a Placement),
    /// It stays on this backend, which was chosen again.
    StaysOn(BackendId),
    /// It goes from one backend to another.
    Migrates {
        /// The backend that holds it.
        from: BackendId,
        /// Where it goes.
        to: &'a Placement,
    },
}

impl PlacementChange<'_> {
    /// The backend that the operation runs on (first), where that is decided.
    pub(crate) const fn backend_id(&self) -> Option<BackendId> {
        match self {
            Self::Unchanged => None,
            Self::New(placement) => Some(placement.backend_id),
            Self::StaysOn(backend_id) | Self::Migrates { from: backend_id, .. } => {
                Some(*backend_id)
            }
        }
    }

    pub(crate) fn migration(&self) -> Option<Migration> {
        match self {
            Self::Unchanged | Self::New(_) | Self::StaysOn(_) => None,
            Self::Migrates { from, to } => {
                Some(Migration { from: *from, to: (*to).clone(), stage: Stage::Open })
            }
        }
    }
}
