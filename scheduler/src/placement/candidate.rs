//! A pool that is considered for a placement.

use model::{Backend, Placement, PoolReport};
use operation::placement::Origin;

/// A pool of a backend, while it is considered.
pub(super) struct Candidate<'a> {
    pub backend: &'a Backend,
    pub pool: &'a PoolReport,
}

impl Candidate<'_> {
    /// Whether the candidate is the pool that holds the volume now.
    pub fn is(&self, origin: &Origin) -> bool {
        self.backend.id == origin.backend_id && self.pool.name == origin.pool
    }

    pub fn placement(&self) -> Placement {
        Placement {
            backend_id: self.backend.id,
            pool: self.pool.name.clone(),
            availability_zone: self.backend.availability_zone.clone(),
        }
    }
}
