//! Every request gets an id and a span, and leaves a line in the log.

use crate::fault::{Cause, Fault};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header::HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bus::message::next_traceparent;
use model::{Error, RequestId};
use std::any::Any;
use std::time::Instant;
use tracing::{Instrument, info_span};

/// The header in which Cinder gives the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
/// The one that python-cinderclient reads on errors.
const COMPUTE_REQUEST_ID: HeaderName = HeaderName::from_static("x-compute-request-id");

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
        global_request_id = text(request.headers(), "x-openstack-request-id"),
        method = %request.method(),
        path = request.uri().path(),
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
            tracing::info!(status, duration_ms, reason = %error, cause = error.cause(), "answered");
        }
        None => tracing::info!(status, duration_ms, "answered"),
    }
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
