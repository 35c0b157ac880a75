//! `GET /types`

use crate::app::App;
use crate::fault::Answer;
use crate::fields::parse_boolean;
use crate::filters::{Column, Known, filters};
use crate::paging::{Page, Parameters, list_error};
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use database::listing::{self, Filter, ListQuery};
use model::{Caller, Error, Result, VolumeType};
use serde_json::{Value, json};

const SORT_KEYS: &[(&str, &str)] =
    &[("id", "id"), ("name", "name"), ("created_at", "created_at"), ("updated_at", "updated_at")];

/// By what the list can be filtered.
pub(crate) const FILTERS: &[Known] = &[
    // which types the caller sees at all follows from it
    Known::open("is_public", Column::Absent),
    Known::admin("name", Column::Text("name")),
    Known::open("extra_specs", Column::Map("extra_specs")).since(52),
    Known::admin("id", Column::Text("id")),
    Known::admin("description", Column::Text("description")),
];

pub(crate) async fn list(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut parameters = Parameters::parse(query.as_deref())?;
    let page = Page::take(&mut parameters, SORT_KEYS, app.config.max_page)?;
    let visible = visible(parameters.take("is_public").as_deref(), &context.caller)?;
    let mut filters = filters(parameters.rest(), FILTERS, &context)?;
    if asks_for_hidden_specs(&filters, &context) {
        filters.push(Filter::Nothing);
    }
    filters.extend(visible);
    let asked = page.query(ListQuery { filters, ..ListQuery::default() });
    let found: Vec<VolumeType> = listing::page(&app.database, &asked).await.map_err(list_error)?;
    let ids = found.iter().map(|found| found.id.0);
    let next = page.next_link(&context.links, "types", query.as_deref(), ids);
    let views: Vec<Value> =
        found.iter().map(|found| views::volume_type::detail(found, &context)).collect();
    let mut answer = json!({ "volume_types": views });
    if let Some(next) = next {
        answer["volume_type_links"] = next;
    }
    Ok(Json(answer).into_response())
}

/// Whether a filter would tell the caller of an extra spec that they may not see.
fn asks_for_hidden_specs(filters: &[Filter], context: &RequestContext) -> bool {
    filters.iter().any(|filter| match filter {
        Filter::Has("extra_specs", specs) => {
            specs.keys().any(|key| !views::volume_type::shows_spec(key, context))
        }
        _ => false,
    })
}

/// Which types the caller sees. An admin may ask for private ones (`false`) or for all (`none`); others
/// see the public ones and those that their project has access to.
fn visible(is_public: Option<&str>, caller: &Caller) -> Result<Option<Filter>> {
    let own = || Some(Filter::VisibleTo(caller.project_id.clone()));
    match is_public {
        Some(_) | None if !caller.is_admin => Ok(own()),
        None => Ok(own()),
        Some(text) if text.eq_ignore_ascii_case("none") => Ok(None),
        Some(text) => match parse_boolean(text) {
            Some(true) => Ok(own()),
            Some(false) => Ok(Some(Filter::Is("is_public", false))),
            None => Err(Error::bad_request(format!("Invalid is_public filter [{text}]"))),
        },
    }
}
