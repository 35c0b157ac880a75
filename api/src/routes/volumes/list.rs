//! `GET /volumes` and `GET /volumes/detail`

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known};
use crate::listing::Listing;
use crate::request::RequestContext;
use crate::views;
use axum::extract::{RawQuery, State};
use model::Volume;

pub(crate) const VOLUMES: Listing = Listing {
    key: "volumes",
    links_key: Some("volumes_links"),
    sort_keys: &[
        ("id", "id"),
        ("name", "name"),
        ("display_name", "name"),
        ("status", "status"),
        ("size", "size_gb"),
        ("availability_zone", "availability_zone"),
        ("bootable", "bootable"),
        ("host", "host"),
        ("volume_type_id", "volume_type_id"),
        ("created_at", "created_at"),
        ("updated_at", "updated_at"),
    ],
    filters: &[
        Known::open("name", Column::Text("name")),
        Known::open("status", Column::Text("status")),
        Known::open("metadata", Column::Map("metadata")),
        Known::open("bootable", Column::Bool("bootable")),
        Known::open("migration_status", Column::Text("migration_status")),
        Known::open("availability_zone", Column::Text("availability_zone")),
        Known::open("group_id", Column::Absent).since(10),
        Known::open("size", Column::Number("size_gb")),
        Known::open("created_at", Column::Time("created_at")),
        Known::open("updated_at", Column::Time("updated_at")),
        Known::open("consumes_quota", Column::Bool("consumes_quota")).since(65),
        Known::admin("glance_metadata", Column::Map("image_metadata")).since(4),
        Known::admin("display_name", Column::Text("name")),
        Known::admin("description", Column::Text("description")),
        Known::admin("display_description", Column::Text("description")),
        Known::admin("cluster_name", Column::Text("cluster_name")),
        Known::admin("service_uuid", Column::Text("service_id")),
        Known::admin("id", Column::Text("id")),
        Known::admin("user_id", Column::Text("user_id")),
        Known::admin("project_id", Column::Text("project_id")),
        Known::admin("host", Column::Text("host")),
        Known::admin("volume_type_id", Column::Text("volume_type_id")),
        Known::admin("snapshot_id", Column::Text("snapshot_id")),
        Known::admin("source_volid", Column::Text("source_volume_id")),
        Known::admin("multiattach", Column::Bool("multiattach")),
        Known::admin("replication_status", Column::Text("replication_status")),
        Known::admin("attach_status", Column::Text("attach_status")),
    ],
};

pub(crate) async fn summary(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = VOLUMES.ask(&app, &context, query.as_deref())?;
    let page = asked.read::<Volume>(&app, "volumes").await?;
    page.answer(|volume| views::volume::summary(volume, &context))
}

pub(crate) async fn detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = VOLUMES.ask(&app, &context, query.as_deref())?;
    let page = asked.read::<Volume>(&app, "volumes/detail").await?;
    page.answer(|volume| views::volume::detail(volume, &context))
}
