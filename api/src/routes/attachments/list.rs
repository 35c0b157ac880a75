//! `GET /attachments` and `GET /attachments/detail`

use super::SINCE;
use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known};
use crate::listing::Listing;
use crate::request::RequestContext;
use crate::views;
use axum::extract::{RawQuery, State};
use model::Attachment;
use serde_json::Value;

pub(crate) const ATTACHMENTS: Listing = Listing {
    key: "attachments",
    links_key: None,
    sort_keys: &[
        ("id", "id"),
        ("volume_id", "volume_id"),
        ("instance_uuid", "instance_id"),
        ("attach_status", "status"),
        ("created_at", "created_at"),
    ],
    filters: &[
        Known::open("volume_id", Column::Text("volume_id")),
        Known::open("status", Column::Text("status")),
        Known::open("attach_status", Column::Text("status")),
        Known::open("instance_id", Column::Text("instance_id")),
        Known::admin("id", Column::Text("id")),
        Known::admin("project_id", Column::Text("project_id")),
    ],
};

pub(crate) async fn summary(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), views::attachment::summary).await
}

pub(crate) async fn detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), views::attachment::detail).await
}

async fn list(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
    view: fn(&Attachment) -> Value,
) -> Answer {
    context.version.require(SINCE)?;
    let asked = ATTACHMENTS.ask(app, context, query)?;
    asked.read::<Attachment>(app, "attachments").await?.answer(view)
}
