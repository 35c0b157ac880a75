//! `POST /workers/cleanup`: other workers claim the operations of dead processes without waiting for their
//! leases.

use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use crate::request::RequestContext;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::{backends, services};
use model::{Backend, Condition, Service};
use serde_json::{Value, json};

/// Since 3.24 dead processes can be cleaned up after.
const SINCE: u16 = 24;

pub(crate) async fn cleanup(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    context.version.require(SINCE)?;
    let mut asked = Fields::of_body(body);
    let (cluster, host) = (asked.text("cluster_name")?.flatten(), asked.text("host")?.flatten());
    let (id, binary) = (asked.uuid("service_id")?, asked.text("binary")?.flatten());
    let disabled = asked.boolean("disabled")?;
    if asked.boolean("is_up")? == Some(true) {
        let complaint = "would expire the leases of processes that are up";
        return Err(invalid("is_up", &json!(true), complaint).into());
    }
    // a resource's operation is its process's
    asked.uuid("resource_id")?;
    asked.text("resource_type")?;
    asked.text("until")?;
    asked.refuse_rest()?;
    let backends = backends::list(&app.database).await?;
    let all = services::list(&app.database).await?;
    let backend_of = |service: &Service| -> Option<&Backend> {
        backends.iter().find(|backend| Some(backend.id) == service.backend_id)
    };
    let is_meant = |service: &&Service| {
        let backend = backend_of(service);
        let is_disabled = backend.is_some_and(|backend| backend.is(Condition::Disabled));
        !service.is_up
            && id.is_none_or(|id| service.id.0 == id)
            && binary.as_deref().is_none_or(|binary| service.binary.as_str() == binary)
            && host.as_deref().is_none_or(|host| service.host == host)
            && disabled.is_none_or(|disabled| is_disabled == disabled)
            && cluster
                .as_deref()
                .is_none_or(|name| backend.and_then(Backend::cluster_name) == Some(name))
    };
    let (mut cleaning, mut unavailable) = (Vec::new(), Vec::new());
    for service in all.iter().filter(is_meant) {
        let backend = backend_of(service);
        let view: Value = json!({
            "id": service.id,
            "host": service.host,
            "binary": service.binary,
            "cluster_name": backend.and_then(Backend::cluster_name),
        });
        // whether anybody is there to go on
        if backend.is_some_and(|backend| backend.is(Condition::Down)) {
            unavailable.push(view);
            continue;
        }
        let released = services::release_operations(&app.database, service).await?;
        tracing::info!(service.host = service.host, released, "cleaned up");
        cleaning.push(view);
    }
    let answer = json!({ "cleaning": cleaning, "unavailable": unavailable });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}
