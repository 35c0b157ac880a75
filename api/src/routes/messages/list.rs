//! `GET /messages`

use super::SINCE;
use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known};
use crate::listing::Listing;
use crate::request::RequestContext;
use crate::views;
use axum::extract::{RawQuery, State};
use model::Message;

pub(crate) const MESSAGES: Listing = Listing {
    key: "messages",
    links_key: Some("messages_links"),
    sort_keys: &[
        ("id", "id"),
        ("event_id", "event_id"),
        ("resource_uuid", "resource_id"),
        ("resource_type", "resource_type"),
        ("message_level", "message_level"),
        ("request_id", "request_id"),
        ("guaranteed_until", "expires_at"),
        ("created_at", "created_at"),
    ],
    filters: &[
        Known::open("resource_uuid", Column::Text("resource_id")).since(5),
        Known::open("resource_type", Column::Text("resource_type")).since(5),
        Known::open("event_id", Column::Text("event_id")).since(5),
        Known::open("request_id", Column::Text("request_id")).since(5),
        Known::open("message_level", Column::Text("message_level")).since(5),
    ],
};

pub(crate) async fn list(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    context.version.require(SINCE)?;
    let asked = MESSAGES.ask(&app, &context, query.as_deref())?;
    let page = asked.read::<Message>(&app, "messages").await?;
    page.answer(|message| views::message::detail(message, &context))
}
