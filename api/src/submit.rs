//! Submit for routes: returns after the admission, or after the end of the operation.

use crate::app::App;
use crate::fault::{Answer, Fault};
use crate::request::RequestContext;
use bus::message::Submitted;
use database::DbError;
use database::operation_log::{self, OperationResult};
use model::{Error, ErrorKind, OperationId, Result};
use operation::Operation;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};

/// The retry interval while another operation on the same resource is in progress.
const BUSY_RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// The poll interval while waiting for the end of an operation; it grows between these two.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(5);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(200);

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

/// Submits an operation that opens or closes a data path, and returns once it has ended well.
/// While another one works on the same volume, it is tried again: two servers may come at once.
pub(crate) async fn submit_and_wait(
    app: &App,
    context: &RequestContext,
    operation: impl Into<Operation>,
) -> Result<()> {
    let operation = operation.into();
    let timeout = Duration::from_secs_f64(app.config.connect_timeout_seconds);
    let started = Instant::now();
    let id = loop {
        match submit_with_id(app, context, operation.clone()).await {
            Ok((id, _)) => break id,
            Err(busy) if busy.kind() == ErrorKind::Busy && started.elapsed() < timeout => {
                tokio::time::sleep(BUSY_RETRY_INTERVAL).await;
            }
            Err(error) => return Err(error),
        }
    };
    wait(app, id, timeout.saturating_sub(started.elapsed())).await
}

/// The subject of an admitted operation: from the admission, or read, when a repeated request did not bring it.
pub(crate) async fn subject_after<T: DeserializeOwned, Reading>(
    app: &App,
    submitted: Submitted,
    read: impl Fn() -> Reading,
) -> Answer<T>
where
    Reading: Future<Output = Answer<T>>,
{
    match submitted.subject {
        Some(row) => Ok(serde_json::from_value(row).map_err(Error::internal)?),
        None => read_after(app, read).await,
    }
}

/// Reads what an admitted operation has left. It happened: that the database does not answer for a moment is no reason to say
/// anything else.
pub(crate) async fn read_after<T, Reading>(app: &App, read: impl Fn() -> Reading) -> Answer<T>
where
    Reading: Future<Output = Answer<T>>,
{
    let timeout = Duration::from_secs_f64(app.config.connect_timeout_seconds);
    let started = Instant::now();
    loop {
        match read().await {
            Err(Fault(error))
                if error.kind() == ErrorKind::Unavailable && started.elapsed() < timeout =>
            {
                tokio::time::sleep(MAX_POLL_INTERVAL).await;
            }
            read => return read,
        }
    }
}

async fn wait(app: &App, id: OperationId, timeout: Duration) -> Result<()> {
    let started = Instant::now();
    let mut pause = MIN_POLL_INTERVAL;
    loop {
        let ended = match operation_log::ended(&app.database, id).await {
            // it was admitted: that the database does not answer for a moment is no reason to say anything else
            Err(DbError::Unavailable(_)) => None,
            ended => ended?,
        };
        match ended {
            Some(OperationResult { error: None, .. }) => return Ok(()),
            Some(OperationResult { error: Some(error), .. }) => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "The backend failed to open or close the data path.",
                )
                .caused_by(error));
            }
            None if started.elapsed() > timeout => {
                return Err(Error::unavailable(
                    "The backend has not finished yet. The request stands and will be carried out; \
                     look at the volume's attachments.",
                ));
            }
            None => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(MAX_POLL_INTERVAL);
    }
}
