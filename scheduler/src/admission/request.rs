//! A request to the gate.

use bus::Context;
use model::OperationId;
use operation::Operation;

/// A request as it arrived.
pub(crate) struct Request<'a> {
    pub id: OperationId,
    pub context: &'a Context,
    pub operation: &'a Operation,
}
