//! Dispatch: sends an admitted operation to the queue of its backend.

use crate::admission::AdmittedOperation;
use bus::{BackendMessage, Bus, Context};
use std::time::Duration;

/// After this time the worker's sweep has found the operation and the message is useless.
const DISPATCH_TTL: Duration = Duration::from_secs(60);

/// Sends an admitted operation to the backend that executes it, if there is one. The operation is durable
/// already: should the message be lost, the backend's sweep finds it.
pub(crate) async fn dispatch(bus: &Bus, context: &Context, admitted: &AdmittedOperation) {
    let Some(backend) = admitted.executing_backend() else { return };
    let message = BackendMessage::Execute { operation_id: admitted.id() };
    bus.send_to_backend(backend, context.for_the_next(DISPATCH_TTL), message).await;
    tracing::info!(backend.name = backend, "dispatched");
}
