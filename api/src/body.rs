//! The JSON body of a request.

use crate::app::App;
use crate::fault::Fault;
use crate::nul;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use futures_util::StreamExt;
use model::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// A body that is a JSON object.
pub(crate) struct Body(pub Map<String, Value>);

impl FromRequest<App> for Body {
    type Rejection = Fault;

    async fn from_request(request: Request, app: &App) -> Result<Self, Fault> {
        Ok(read(request, app).await.map(Self)?)
    }
}

/// The bytes of a body, if they are not too many. What is over the limit is received and dropped, within
/// reason: a client that is still sending would not read the answer.
async fn collect(body: axum::body::Body, limit: usize) -> Result<Vec<u8>> {
    const DROPPED_AT_MOST: usize = 1 << 20;
    let (mut bytes, mut received) = (Vec::new(), 0);
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| {
            Error::bad_request("The request body ended too early.").caused_by(error)
        })?;
        received += part.len();
        if received <= limit {
            bytes.extend_from_slice(&part);
        } else if received > DROPPED_AT_MOST {
            break;
        }
    }
    if received <= limit {
        return Ok(bytes);
    }
    let message = format!("Request is too large: the limit is {limit} bytes.");
    Err(Error::new(ErrorKind::OverLimit, message))
}

async fn read(request: Request, app: &App) -> Result<Map<String, Value>> {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    let limit = app.config.max_body_bytes;
    let bytes =
        tokio::time::timeout(app.config.body_timeout(), collect(request.into_body(), limit))
            .await
            .map_err(|_| Error::bad_request("The request body did not come in time."))??;
    let Some(content_type) = content_type.filter(|_| !bytes.is_empty()) else {
        return Err(Error::bad_request("A JSON body with a Content-Type is required."));
    };
    let media_type =
        content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if !matches!(media_type.trim(), "application/json" | "application/vnd.openstack.volume+json") {
        return Err(Error::new(ErrorKind::UnsupportedMediaType, "Unsupported Content-Type"));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(body)) => {
            nul::refuse_in_body(&body)?;
            Ok(body)
        }
        Ok(_) | Err(_) => Err(Error::bad_request("Malformed request body")),
    }
}
