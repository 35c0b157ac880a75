//! Submits operations to the gate, like the API.

use crate::session::Session;
use bus::message::Submitted;
use bus::{Bus, Context};
use model::{Caller, OperationId, RequestId, Result};
use operation::Operation;
use std::time::Duration;
use submit::Submitter;
use tokio_util::sync::CancellationToken;

/// How long to wait for the connection to the broker.
const CONNECT: Duration = Duration::from_secs(10);

/// Submits an operation as an operator at the machine.
pub async fn submit(
    session: &Session,
    operation: impl Into<Operation>,
) -> Result<(OperationId, Submitted)> {
    let stopping = CancellationToken::new();
    let bus = Bus::start(&session.config.bus, "cinderblock-manage", stopping.clone());
    bus.wait_until_ready(CONNECT).await;
    let timeout = Duration::from_secs_f64(session.config.api.submit_timeout_seconds);
    let submitter = Submitter { bus, database: session.database.clone(), timeout };
    let mut context = Context::of_process(RequestId::random(), None, timeout);
    context.caller = Caller {
        user_id: "cinderblock-manage".to_owned(),
        roles: vec!["admin".to_owned()],
        is_admin: true,
        ..Caller::default()
    };
    let submitted = submitter.submit(context, &operation.into()).await;
    stopping.cancel();
    submitted
}
