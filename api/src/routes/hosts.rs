//! `/os-hosts`: the older view of services, and what is on the backend of each.

use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views::timestamp;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use database::backends::{self, Usage};
use database::services;
use model::{Backend, Condition, Error, Service};
use operation::{DisableBackend, EnableBackend};
use serde_json::{Value, json};

pub(crate) async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let zone = Parameters::parse(query.as_deref())?.take("zone").filter(|zone| !zone.is_empty());
    let backends = backends::list(&app.database).await?;
    let services = services::list(&app.database).await?;
    let lines: Vec<Value> = services
        .iter()
        .filter(|service| zone.as_ref().is_none_or(|zone| service.availability_zone == *zone))
        .map(|service| line(service, &backends))
        .collect();
    Ok(Json(json!({ "hosts": lines })).into_response())
}

fn line(service: &Service, backends: &[Backend]) -> Value {
    let backend = backends.iter().find(|backend| Some(backend.id) == service.backend_id);
    let disabled = backend.is_some_and(|backend| backend.is(Condition::Disabled));
    json!({
        "host_name": service.host,
        "service": service.binary,
        "zone": service.availability_zone,
        "service-status": if service.is_up { "available" } else { "unavailable" },
        "service-state": if disabled { "disabled" } else { "enabled" },
        "last-update": timestamp(service.seen_at),
    })
}

pub(crate) async fn show(State(app): State<App>, Path(host): Path<String>) -> Answer {
    let backend = find(&app, &host).await?;
    let by_project = backends::usage(&app.database, backend.id).await?;
    let total = by_project.iter().fold(Usage::total(), |total, usage| total + usage);
    let row = |usage: &Usage| {
        json!({ "resource": {
            "host": host,
            "project": usage.project_id,
            // numbers as texts, as ever
            "volume_count": usage.volumes.to_string(),
            "total_volume_gb": usage.volume_gb.to_string(),
            "snapshot_count": usage.snapshots.to_string(),
            "total_snapshot_gb": usage.snapshot_gb.to_string(),
        } })
    };
    let rows: Vec<Value> = std::iter::once(&total).chain(&by_project).map(row).collect();
    Ok(Json(json!({ "host": rows })).into_response())
}

/// `enable_backend` and `disable_backend`, asked in the older way.
pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(host): Path<String>,
    Body(body): Body,
) -> Answer {
    let backend = find(&app, &host).await?;
    let mut asked = Fields::of_body(body);
    let status = asked.text("status")?.flatten().ok_or_else(|| required("status"))?;
    asked.refuse_rest()?;
    let backend_id = backend.id;
    let status = match status.to_lowercase().as_str() {
        "enable" => {
            submit(&app, &context, EnableBackend { backend_id }).await?;
            "enabled"
        }
        "disable" => {
            submit(&app, &context, DisableBackend { backend_id, reason: None }).await?;
            "disabled"
        }
        other => {
            let complaint = "is not one of ['enable', 'disable']";
            return Err(invalid("status", &json!(other), complaint).into());
        }
    };
    Ok(Json(json!({ "host": host, "status": status })).into_response())
}

async fn find(app: &App, host: &str) -> Answer<Backend> {
    let services = services::list(&app.database).await?;
    // a member of a cluster has a name of its own
    let member = services.iter().find(|service| service.host == host);
    let id = member.and_then(|service| service.backend_id);
    let known = backends::list(&app.database).await?;
    let found = known.into_iter().find(|backend| backend.name == host || Some(backend.id) == id);
    Ok(found.ok_or_else(|| Error::not_found(format!("Host {host} could not be found.")))?)
}
