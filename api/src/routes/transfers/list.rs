//! `GET /volume-transfers` and `GET /volume-transfers/detail`

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known};
use crate::listing::Listing;
use crate::request::RequestContext;
use crate::views;
use axum::extract::{RawQuery, State};
use model::Transfer;
use serde_json::Value;

const TRANSFERS: Listing = Listing {
    key: "transfers",
    links_key: Some("transfers_links"),
    sort_keys: &[
        ("id", "id"),
        ("name", "name"),
        ("display_name", "name"),
        ("volume_id", "volume_id"),
        ("created_at", "created_at"),
    ],
    filters: &[
        Known::open("id", Column::Text("id")),
        Known::open("name", Column::Text("name")),
        Known::open("display_name", Column::Text("name")),
        Known::open("volume_id", Column::Text("volume_id")),
    ],
};

type View = fn(&Transfer, &RequestContext) -> Value;

pub(crate) async fn summary(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), views::transfer::summary).await
}

pub(crate) async fn detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), views::transfer::detail).await
}

/// The next page is one of the summary, of a detailed list too, as Cinder has it.
async fn list(app: &App, context: &RequestContext, query: Option<&str>, view: View) -> Answer {
    let asked = TRANSFERS.ask(app, context, query)?;
    let page = asked.read::<Transfer>(app, views::transfer::COLLECTION).await?;
    page.answer(|transfer| view(transfer, context))
}
