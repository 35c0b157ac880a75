//! The NUL character, which PostgreSQL cannot hold in a text.

use crate::fault::Fault;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Error, Result};
use serde_json::{Map, Value};

/// Refuses it in paths and queries.
pub(crate) async fn refuse_in_url(request: Request, next: Next) -> Response {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    if path.contains("%00") || query.contains("%00") {
        return Fault(refusal()).into_response();
    }
    next.run(request).await
}

/// Refuses it in the texts and names of a body.
pub(crate) fn refuse_in_body(body: &Map<String, Value>) -> Result<()> {
    if has(body) { Err(refusal()) } else { Ok(()) }
}

fn has(object: &Map<String, Value>) -> bool {
    object.iter().any(|(name, value)| name.contains('\0') || is_in(value))
}

fn is_in(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(is_in),
        Value::Object(object) => has(object),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn refusal() -> Error {
    Error::bad_request("Invalid input received: a text must not contain the NUL character.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_found_wherever_a_text_can_be() {
        let refused = |body: Value| match body {
            Value::Object(body) => refuse_in_body(&body).is_err(),
            _ => false,
        };
        assert!(refused(json!({ "a": "x\u{0}y" })));
        assert!(refused(json!({ "a\u{0}": 1 })));
        assert!(refused(json!({ "a": [{ "b": [null, { "c\u{0}": true }] }] })));
        assert!(!refused(json!({ "a": ["\\u0000", { "b": 0 }] })));
    }
}
