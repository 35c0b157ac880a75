//! `GET /os-services`

use crate::app::App;
use crate::fault::Answer;
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use database::{backends, services};
use model::Service;
use serde_json::{Value, json};

pub(crate) async fn list(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut parameters = Parameters::parse(query.as_deref())?;
    let (host, binary) = (parameters.take("host"), parameters.take("binary"));
    let backends = backends::list(&app.database).await?;
    let lines: Vec<Value> = services::list(&app.database)
        .await?
        .iter()
        .filter(|service| host.as_deref().is_none_or(|host| is_on(service, host)))
        .filter(|service| binary.as_deref().is_none_or(|binary| service.binary.as_str() == binary))
        .map(|service| {
            let backend = backends.iter().find(|backend| Some(backend.id) == service.backend_id);
            views::service::line(service, backend, &context)
        })
        .collect();
    Ok(Json(json!({ "services": lines })).into_response())
}

/// `host` means the host itself and all backends of it.
fn is_on(service: &Service, host: &str) -> bool {
    service.host.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}
