//! `GET /snapshots` and `GET /snapshots/detail`

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known};
use crate::listing::Listing;
use crate::request::RequestContext;
use crate::views;
use axum::extract::{RawQuery, State};
use model::Snapshot;
use serde_json::Value;

pub(crate) const SNAPSHOTS: Listing = Listing {
    key: "snapshots",
    links_key: Some("snapshots_links"),
    sort_keys: &[
        ("id", "id"),
        ("name", "name"),
        ("display_name", "name"),
        ("status", "status"),
        ("volume_id", "volume_id"),
        ("created_at", "created_at"),
        ("updated_at", "updated_at"),
    ],
    filters: &[
        Known::open("name", Column::Text("name")),
        Known::open("status", Column::Text("status")),
        Known::open("volume_id", Column::Text("volume_id")),
        Known::open("metadata", Column::Map("metadata")).since(22),
        Known::open("availability_zone", Column::Text("availability_zone")),
        Known::open("consumes_quota", Column::Bool("consumes_quota")).since(65),
        Known::admin("display_name", Column::Text("name")),
        Known::admin("description", Column::Text("description")),
        Known::admin("created_at", Column::Time("created_at")),
        Known::admin("updated_at", Column::Time("updated_at")),
        Known::admin("volume_type_id", Column::Text("volume_type_id")),
        Known::admin("id", Column::Text("id")),
        Known::admin("user_id", Column::Text("user_id")),
        Known::admin("project_id", Column::Text("project_id")),
        Known::admin("host", Column::Text("backend_name")),
    ],
};

type View = fn(&Snapshot, &RequestContext) -> Value;

pub(crate) async fn summary(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), "snapshots", |snapshot, _| {
        views::snapshot::summary(snapshot)
    })
    .await
}

pub(crate) async fn detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), "snapshots/detail", views::snapshot::detail).await
}

async fn list(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
    collection: &str,
    view: View,
) -> Answer {
    let asked = SNAPSHOTS.ask(app, context, query)?;
    asked.read::<Snapshot>(app, collection).await?.answer(|snapshot| view(snapshot, context))
}
