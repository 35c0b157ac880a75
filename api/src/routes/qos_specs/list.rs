//! `GET /qos-specs`

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known, filters};
use crate::paging::{Page, Parameters, list_error};
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use database::listing::{self, ListQuery};
use model::QosSpecs;
use serde_json::{Value, json};

const SORT_KEYS: &[(&str, &str)] =
    &[("id", "id"), ("name", "name"), ("consumer", "consumer"), ("created_at", "created_at")];

const FILTERS: &[Known] = &[
    Known::open("id", Column::Text("id")),
    Known::open("name", Column::Text("name")),
    Known::open("consumer", Column::Text("consumer")),
];

pub(crate) async fn list(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut parameters = Parameters::parse(query.as_deref())?;
    let page = Page::take(&mut parameters, SORT_KEYS, app.config.max_page)?;
    let filters = filters(parameters.rest(), FILTERS, &context)?;
    let asked = page.query(ListQuery { filters, ..ListQuery::default() });
    let found: Vec<QosSpecs> = listing::page(&app.database, &asked).await.map_err(list_error)?;
    let ids = found.iter().map(|found| found.id.0);
    let next = page.next_link(&context.links, "qos-specs", query.as_deref(), ids);
    let views: Vec<Value> = found.iter().map(views::qos_specs::summary).collect();
    let mut answer = json!({ "qos_specs": views });
    if let Some(next) = next {
        answer["qos_specs_links"] = next;
    }
    Ok(Json(answer).into_response())
}
