//! Errors as Cinder's clients know them: `{"<key>": {"code": …, "message": …}}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use database::DbError;
use model::{Error, ErrorKind};
use serde_json::json;
use std::sync::Arc;

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct Fault(pub Error);

/// The result of a route.
pub(crate) type Answer<T = Response> = Result<T, Fault>;

/// The cause of a fault, for the log; rides on the response.
#[derive(Clone)]
pub(crate) struct Cause(pub Arc<Error>);

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let kind = error.kind();
        let code = kind.http_status();
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match kind {
            // Cinder answers it without a body
            ErrorKind::PreconditionFailed => status.into_response(),
            ErrorKind::OverLimit => {
                let fault = json!({ "code": code, "message": error.message(), "retryAfter": "0" });
                (status, Json(json!({ kind.fault_key(): fault }))).into_response()
            }
            ErrorKind::BadRequest
            | ErrorKind::Busy
            | ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::MethodNotAllowed
            | ErrorKind::NotAcceptable
            | ErrorKind::Conflict
            | ErrorKind::UnsupportedMediaType
            | ErrorKind::Internal
            | ErrorKind::Unavailable => {
                let fault = json!({ "code": code, "message": error.message() });
                (status, Json(json!({ kind.fault_key(): fault }))).into_response()
            }
        };
        if let Some(seconds) = kind.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Cause(Arc::new(error)));
        response
    }
}
