//! `GET /volumes/summary`: how many volumes, how large in all, and what their metadata say.

use super::list::VOLUMES;
use crate::app::App;
use crate::fault::Answer;
use crate::paging::Parameters;
use crate::request::RequestContext;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use database::volumes;
use serde_json::json;

/// Since 3.12 there is a summary.
const SINCE: u16 = 12;
/// Since 3.36 it tells of metadata.
const METADATA_SINCE: u16 = 36;

pub(crate) async fn summary(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    context.version.require(SINCE)?;
    let matching = VOLUMES.matching(Parameters::parse(query.as_deref())?, &context)?;
    let found = volumes::summary(&app.database, &matching).await?;
    let mut view = json!({ "total_count": found.count, "total_size": found.size_gb });
    if context.version.0 >= METADATA_SINCE {
        view["metadata"] = json!(volumes::metadata_values(&app.database, &matching).await?);
    }
    Ok(Json(json!({ "volume-summary": view })).into_response())
}
