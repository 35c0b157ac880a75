//! `PUT /os-quota-class-sets/{class}`: submits `update_quota_class`.

use super::show::limits as limits_view;
use super::{effective_quota, limits};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use database::quotas;
use operation::UpdateQuotaClass;
use serde_json::json;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(class): Path<String>,
    Body(body): Body,
) -> Answer {
    let quota = quotas::of(&app.database, "", &class).await?;
    let mut set = Fields::inside(body, "quota_class_set")?;
    set.value("class_name");
    let limits = limits(&mut set, &quota)?;
    set.refuse_rest()?;
    submit(&app, &context, UpdateQuotaClass { class: class.clone(), limits }).await?;
    let quota = quotas::of(&app.database, "", &class).await?;
    let view = limits_view(effective_quota(&app, &quota, false));
    Ok(Json(json!({ "quota_class_set": view })).into_response())
}
