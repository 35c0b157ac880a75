//! Every request gets an id and a span, and leaves a line in the log.

use crate::fault::{Cause, Fault};
use crate::fields::clipped;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header::HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bus::message::next_traceparent;
use model::{Error, RequestId};
use std::any::Any;
use std::time::Instant;
use tracing::{Instrument, info_span};
use uuid::Uuid;

/// The header in which Cinder gives the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
/// The one that python-cinderclient reads on errors.
const COMPUTE_REQUEST_ID: HeaderName = HeaderName::from_static("x-compute-request-id");

/// The most of a client's text that stands in one field of the log, in bytes.
const MAX_LOGGED: usize = 512;
/// The length of a UUID with its hyphens.
const UUID_LENGTH: usize = 36;

/// Where a request belongs.
#[derive(Clone)]
pub(crate) struct Trace {
    pub request_id: RequestId,
    pub traceparent: String,
}

/// Follows a request from its arrival to its answer.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let trace = Trace {
        request_id: RequestId::random(),
        traceparent: next_traceparent(text(request.headers(), "traceparent")),
    };
    let span = info_span!(
        "request",
        request_id = %trace.request_id,
        traceparent = trace.traceparent,
        global_request_id = global_request_id(request.headers()),
        method = %request.method(),
        path = clipped(request.uri().path(), MAX_LOGGED),
    );
    let id = HeaderValue::from_str(&trace.request_id.0);
    request.extensions_mut().insert(trace);
    let started = Instant::now();
    let mut response = async {
        let response = next.run(request).await;
        log(&response, started);
        response
    }
    .instrument(span)
    .await;
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID, id.clone());
        response.headers_mut().insert(COMPUTE_REQUEST_ID, id);
    }
    response
}

fn log(response: &Response, started: Instant) {
    let (status, duration_ms) = (response.status().as_u16(), started.elapsed().as_millis());
    match response.extensions().get::<Cause>() {
        Some(Cause(error)) if status == 500 => {
            tracing::error!(status, duration_ms, cause = error.cause(), "answered");
        }
        Some(Cause(error)) => {
            // a text, not what it displays: line breaks in it are escaped
            let reason = error.to_string();
            let reason = clipped(&reason, MAX_LOGGED);
            tracing::info!(status, duration_ms, reason, cause = error.cause(), "answered");
        }
        None => tracing::info!(status, duration_ms, "answered"),
    }
}

/// The id that another service gave to what this request is a part of; anything else in its header is ignored.
fn global_request_id(headers: &HeaderMap) -> Option<&str> {
    let id = text(headers, "x-openstack-request-id")?;
    let uuid = id.strip_prefix("req-")?;
    let is_lower_case = !uuid.bytes().any(|byte| byte.is_ascii_uppercase());
    (uuid.len() == UUID_LENGTH && is_lower_case && Uuid::try_parse(uuid).is_ok()).then_some(id)
}

/// The answer to a request whose handling panicked.
pub(crate) fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Fault(Error::internal(format!("panicked: {what}"))).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
