//! `PUT /os-services/freeze`: submits `freeze_backend`.
//!
//! The answer says how many operations, admitted before the freeze, still run; with `?drain=SECONDS` it
//! comes once there are none, or when that time is up.

use super::target::host_or_cluster;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::operation_log;
use model::{BackendId, Error, Result};
use operation::FreezeBackend;
use std::time::{Duration, Instant};

const IN_FLIGHT: &str = "x-cinderblock-operations-in-flight";
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The longest time that an answer is delayed.
const MAX_DRAIN: Duration = Duration::from_secs(600);

pub(crate) async fn freeze(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
    Body(body): Body,
) -> Answer {
    let drain = drain(query.as_deref())?;
    let mut body = Fields::of_body(body);
    let backend = host_or_cluster(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    let submitted = submit(&app, &context, FreezeBackend { backend_id: backend.id }).await?;
    let in_flight = match (submitted.operations_in_flight, drain) {
        (Some(count), None) => count,
        (None, None) => operation_log::in_flight(&app.database, backend.id).await?,
        (_, Some(timeout)) => wait_until_idle(&app, backend.id, timeout).await?,
    };
    Ok((StatusCode::OK, [(IN_FLIGHT, in_flight.to_string())]).into_response())
}

fn drain(query: Option<&str>) -> Result<Option<Duration>> {
    let Some(text) = Parameters::parse(query)?.take("drain") else { return Ok(None) };
    match text.parse().map(Duration::from_secs) {
        Ok(timeout) if timeout <= MAX_DRAIN => Ok(Some(timeout)),
        _ => Err(Error::bad_request(format!(
            "drain: give the longest time to wait in seconds, at most {}.",
            MAX_DRAIN.as_secs()
        ))),
    }
}

async fn wait_until_idle(app: &App, backend: BackendId, timeout: Duration) -> Answer<u64> {
    let started = Instant::now();
    loop {
        let count = operation_log::in_flight(&app.database, backend).await?;
        if count == 0 || started.elapsed() >= timeout {
            return Ok(count);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
