//! `GET /os-availability-zone`: the zones that backends are in.

use crate::app::App;
use crate::fault::Answer;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use database::backends;
use model::Condition;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A zone is available while one of its backends is enabled.
pub(crate) async fn list(State(app): State<App>) -> Answer {
    let mut zones: BTreeMap<String, bool> = BTreeMap::new();
    for backend in backends::list(&app.database).await? {
        let enabled = !backend.is(Condition::Disabled);
        *zones.entry(backend.availability_zone).or_default() |= enabled;
    }
    let view =
        |(zone, available)| json!({ "zoneName": zone, "zoneState": { "available": available } });
    let views: Vec<Value> = zones.into_iter().map(view).collect();
    Ok(Json(json!({ "availabilityZoneInfo": views })).into_response())
}
