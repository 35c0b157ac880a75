//! `GET /volumes` and `GET /volumes/detail`

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known, filters};
use crate::paging::{Page, Parameters, list_error};
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use common::Result;
use common::db::listing::{Filter, ListQuery};
use common::db::volumes;
use common::model::Volume;
use serde_json::{Value, json};

/// Since 3.45 `with_count` asks for the number of all that match.
const COUNT_SINCE: u16 = 45;

const SORT_KEYS: &[(&str, &str)] = &[
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
];

const FILTERS: &[Known] = &[
    Known::open("name", Column::Text("name")),
    Known::open("display_name", Column::Text("name")),
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
    Known::admin("id", Column::Text("id")),
    Known::admin("user_id", Column::Text("user_id")),
    Known::admin("project_id", Column::Text("project_id")),
    Known::admin("host", Column::Text("host")),
    Known::admin("volume_type_id", Column::Text("volume_type_id")),
    Known::admin("snapshot_id", Column::Text("snapshot_id")),
    Known::admin("source_volid", Column::Text("source_volume_id")),
    Known::admin("multiattach", Column::Bool("multiattach")),
    Known::admin("replication_status", Column::Text("replication_status")),
];

type View = fn(&Volume, &RequestContext) -> Value;

pub(crate) async fn summary(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), "volumes", views::volume::summary).await
}

pub(crate) async fn detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), "volumes/detail", views::volume::detail).await
}

async fn list(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
    collection: &str,
    view: View,
) -> Answer {
    let mut parameters = Parameters::parse(query)?;
    let page = Page::take(&mut parameters, SORT_KEYS, app.config.max_page)?;
    let with_count = context.version.0 >= COUNT_SINCE && parameters.flag("with_count")?;
    let query_all = matching(parameters, context)?;
    let found =
        volumes::list(&app.database, &page.query(query_all.clone())).await.map_err(list_error)?;

    let views: Vec<Value> = found.iter().map(|volume| view(volume, context)).collect();
    let mut answer = json!({ "volumes": views });
    let ids = found.iter().map(|volume| volume.id.0);
    if let Some(link) = page.next_link(&context.links, collection, query, ids) {
        answer["volumes_links"] = link;
    }
    if with_count {
        answer["count"] = json!(volumes::count(&app.database, &query_all).await?);
    }
    Ok(Json(answer).into_response())
}

/// What the parameters ask for, page aside.
fn matching(mut parameters: Parameters, context: &RequestContext) -> Result<ListQuery> {
    let all_projects = parameters.flag("all_tenants")? && context.caller.is_admin();
    let mut filters = filters(parameters.rest(), FILTERS, context)?;
    if !all_projects {
        // without all_tenants even an admin sees only the own project, whatever project_id says
        filters.retain(|filter| !matches!(filter, Filter::OneOf("project_id", _)));
    }
    let project_id = (!all_projects).then(|| context.caller.project_id.clone());
    Ok(ListQuery { project_id, filters, ..ListQuery::default() })
}
