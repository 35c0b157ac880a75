//! Dispatch: sends an admitted operation to the queue of its backend, or to that of the backup services.

use crate::admission::{AdmittedOperation, Executor};
use bus::{BackendMessage, Bus, Context};
use std::time::Duration;

/// After this time the worker's sweep has found the operation and the message is useless.
const DISPATCH_TTL: Duration = Duration::from_secs(60);

/// Sends an admitted operation to whoever executes it, if somebody does. The operation is durable already: should the message be lost, the
/// sweep finds it.
pub(crate) async fn dispatch(bus: &Bus, context: &Context, admitted: &AdmittedOperation) {
    let (operation_id, context) = (admitted.id(), context.for_the_next(DISPATCH_TTL));
    match admitted.executor() {
        Executor::Backend(backend) => {
            bus.send_to_backend(backend, context, BackendMessage::Execute { operation_id }).await;
            tracing::info!(backend.name = backend, "dispatched");
        }
        Executor::BackupService => {
            bus.send_to_backup_service(context, operation_id).await;
            tracing::info!("dispatched to the backup services");
        }
        Executor::Nobody => {}
    }
}
