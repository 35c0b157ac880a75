//! `GET /os-services/protection?host=…`: how well the volumes of a backend are protected, which a failover would find. No service of Cinder
//! tells that.

use super::target::host_or_cluster;
use crate::app::App;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::paging::Parameters;
use crate::request::RequestContext;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use serde_json::json;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let parameters = Parameters::parse(query.as_deref())?.rest();
    let named = parameters.into_iter().map(|(key, value)| (key, json!(value))).collect();
    let mut named = Fields::of_body(named);
    let backend = host_or_cluster(&app, &context, &mut named).await?;
    named.refuse_rest()?;
    let mut shown = json!(app.database.protection(backend.id).await?);
    let replication = backend.report.map(|report| report.replication);
    shown["host"] = json!(backend.name);
    shown["replication_status"] = json!(backend.replication_status);
    shown["out_of_sync_bytes"] = json!(replication.map(|looked| looked.out_of_sync_bytes));
    Ok(Json(json!({ "protection": shown })).into_response())
}
