//! Submit, as routes need it: an operation is admitted, or it is waited for until it has ended.

use crate::app::App;
use crate::request::RequestContext;
use bus::message::Submitted;
use database::operation_log::{self, Ended};
use model::{Error, ErrorKind, OperationId, Result};
use operation::Operation;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a resource on which another operation is under way is left alone.
const TRY_BUSY_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How often an operation is looked at whose end is waited for: often at first.
const SHORTEST_LOOK: Duration = Duration::from_millis(5);
const LONGEST_LOOK: Duration = Duration::from_millis(200);

/// Submits an operation; returns once it is admitted, and with certainty that it happens.
pub(crate) async fn submit(
    app: &App,
    context: &RequestContext,
    operation: impl Into<Operation>,
) -> Result<Submitted> {
    submit_with_id(app, context, operation.into()).await.map(|(_, submitted)| submitted)
}

async fn submit_with_id(
    app: &App,
    context: &RequestContext,
    operation: Operation,
) -> Result<(OperationId, Submitted)> {
    app.submitter.submit(context.for_the_bus(), &operation).await
}

/// Submits an operation that opens or closes a data path, and returns its result once it has ended.
/// While another one works on the same volume, it is tried again: two servers may come at once.
pub(crate) async fn submit_and_wait(
    app: &App,
    context: &RequestContext,
    operation: impl Into<Operation>,
) -> Result<Value> {
    let operation = operation.into();
    let patience = Duration::from_secs_f64(app.config.connect_timeout_seconds);
    let begun = Instant::now();
    let id = loop {
        match submit_with_id(app, context, operation.clone()).await {
            Ok((id, _)) => break id,
            Err(busy) if busy.kind() == ErrorKind::Busy && begun.elapsed() < patience => {
                tokio::time::sleep(TRY_BUSY_AGAIN_AFTER).await;
            }
            Err(error) => return Err(error),
        }
    };
    wait(app, id, patience.saturating_sub(begun.elapsed())).await
}

async fn wait(app: &App, id: OperationId, patience: Duration) -> Result<Value> {
    let begun = Instant::now();
    let mut pause = SHORTEST_LOOK;
    loop {
        match operation_log::ended(&app.database, id).await? {
            Some(Ended { error: None, result }) => return Ok(result.unwrap_or_default()),
            Some(Ended { error: Some(error), .. }) => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "The backend could not open or close the data path.",
                )
                .caused_by(error));
            }
            None if begun.elapsed() > patience => {
                return Err(Error::unavailable(
                    "The backend has not finished yet. The request stands and will be carried out; \
                     look at the volume's attachments.",
                ));
            }
            None => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(LONGEST_LOOK);
    }
}
