//! The part of an operation that depends on its arguments.

use super::columns::Columns;
use super::placement::PlacementRequest;
use super::resource::Role;
use model::Caller;
use std::any::Any;
use uuid::Uuid;

/// An operation's arguments, and how they become columns. Implemented once per operation, in the
/// file that bears its name; pure.
pub trait Definition: Any {
    /// The id of the resource that it is about.
    fn subject(&self) -> Uuid;

    /// The other resources that the contract speaks of. Several may play the same part.
    fn others(&self) -> Vec<(Role, Uuid)> {
        Vec::new()
    }

    /// Resources that must stay as they are while the operation is in progress, though it does not
    /// change them: what it copies from.
    fn uses(&self) -> Vec<Uuid> {
        Vec::new()
    }

    /// The resource on which no other such operation may be in progress at the same time, although both
    /// may be about other resources: the data path of a volume is opened and closed by one at a time.
    fn exclusive_on(&self) -> Option<Uuid> {
        None
    }

    /// Columns written together with the admission. For a new resource: the whole row, less what
    /// placement decides.
    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::none()
    }

    /// The row that is made of the subject where there is none yet, for what exists by being spoken of.
    fn base(&self) -> Option<Columns> {
        None
    }

    /// Columns written when it is done.
    fn columns_when_done(&self) -> Columns {
        Columns::none()
    }

    /// Columns written when it has failed: what its admission wrote and must not stay.
    fn columns_when_failed(&self) -> Columns {
        Columns::none()
    }

    /// What the place must be like, for an operation that puts a volume on a backend.
    fn placement_request(&self) -> Option<PlacementRequest> {
        None
    }
}
