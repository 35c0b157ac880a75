//! `GET /backups` and `GET /backups/detail`

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known};
use crate::listing::Listing;
use crate::request::RequestContext;
use crate::views;
use axum::extract::{RawQuery, State};
use model::Backup;
use serde_json::Value;

pub(crate) const BACKUPS: Listing = Listing {
    key: "backups",
    links_key: Some("backups_links"),
    sort_keys: &[
        ("id", "id"),
        ("name", "name"),
        ("display_name", "name"),
        ("status", "status"),
        ("volume_id", "volume_id"),
        ("size", "size_gb"),
        ("created_at", "created_at"),
        ("updated_at", "updated_at"),
    ],
    filters: &[
        Known::open("name", Column::Text("name")),
        Known::open("status", Column::Text("status")),
        Known::open("volume_id", Column::Text("volume_id")),
        Known::admin("display_name", Column::Text("name")),
        Known::admin("description", Column::Text("description")),
        Known::admin("snapshot_id", Column::Text("snapshot_id")),
        Known::admin("parent_id", Column::Text("parent_id")),
        Known::admin("availability_zone", Column::Text("availability_zone")),
        Known::admin("size", Column::Number("size_gb")),
        Known::admin("created_at", Column::Time("created_at")),
        Known::admin("updated_at", Column::Time("updated_at")),
        Known::admin("id", Column::Text("id")),
        Known::admin("user_id", Column::Text("user_id")),
        Known::admin("project_id", Column::Text("project_id")),
    ],
};

type View = fn(&Backup, &RequestContext) -> Value;

pub(crate) async fn summary(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), "backups", views::backup::summary).await
}

pub(crate) async fn detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), "backups/detail", views::backup::detail).await
}

async fn list(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
    collection: &str,
    view: View,
) -> Answer {
    let asked = BACKUPS.ask(app, context, query)?;
    asked.read::<Backup>(app, collection).await?.answer(|backup| view(backup, context))
}
