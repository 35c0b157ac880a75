//! `GET /os-quota-sets/{project}`, `…/defaults` and `GET /os-quota-class-sets/{class}`

use super::{EffectiveQuota, effective_quota, find};
use crate::app::App;
use crate::fault::Answer;
use crate::paging::Parameters;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use database::quotas;
use serde_json::{Map, Value, json};

pub(crate) async fn show(
    State(app): State<App>,
    Path(project): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let with_usage = Parameters::parse(query.as_deref())?.flag("usage")?;
    let quota = find(&app, &project).await?;
    let view = |EffectiveQuota { limit, usage }| match with_usage {
        true => json!({ "limit": limit, "in_use": usage.in_use, "reserved": usage.reserved }),
        false => json!(limit),
    };
    let mut set: Map<String, Value> = effective_quota(&app, &quota, true)
        .into_iter()
        .map(|(name, held)| (name, view(held)))
        .collect();
    set.insert("id".to_owned(), json!(project));
    Ok(Json(json!({ "quota_set": set })).into_response())
}

pub(crate) async fn defaults(State(app): State<App>, Path(project): Path<String>) -> Answer {
    let quota = find(&app, &project).await?;
    let mut set = limits(effective_quota(&app, &quota, false));
    set.insert("id".to_owned(), json!(project));
    Ok(Json(json!({ "quota_set": set })).into_response())
}

pub(crate) async fn class(State(app): State<App>, Path(class): Path<String>) -> Answer {
    let quota = quotas::of(&app.database, "", &class).await?;
    let mut set = limits(effective_quota(&app, &quota, false));
    set.insert("id".to_owned(), json!(class));
    Ok(Json(json!({ "quota_class_set": set })).into_response())
}

/// The limits alone.
pub(super) fn limits(
    effective_quota: impl IntoIterator<Item = (String, EffectiveQuota)>,
) -> Map<String, Value> {
    effective_quota.into_iter().map(|(name, held)| (name, json!(held.limit))).collect()
}
