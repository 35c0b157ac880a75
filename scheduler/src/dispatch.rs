//! Dispatch: telling a backend's workers that there is something for them.

use crate::admission::AdmittedOperation;
use bus::{BackendMessage, Bus, Context};
use std::time::Duration;

/// After that the sweep has found the operation, and the message would only be noise.
const HINT_LIFETIME: Duration = Duration::from_secs(60);

/// Announces an admitted operation to the backend that executes it, if one does. The operation is safe
/// already: should the message be lost, the backend's sweep finds it.
pub(crate) async fn dispatch(bus: &Bus, context: &Context, admitted: &AdmittedOperation) {
    let Some(backend) = admitted.executing_backend() else { return };
    let message = BackendMessage::Execute { operation_id: admitted.id() };
    bus.hint(backend, context.for_the_next(HINT_LIFETIME), message).await;
    tracing::info!(backend.name = backend, "dispatched");
}
