//! Messages to users.

use super::timestamp;
use crate::request::RequestContext;
use model::Message;
use serde_json::{Value, json};

/// What every answer shows.
pub(crate) fn detail(message: &Message, context: &RequestContext) -> Value {
    json!({
        "id": message.id,
        "event_id": message.event_id,
        "user_message": format!("{}: {}", message.action, message.detail),
        "message_level": message.message_level,
        "resource_type": message.resource_type,
        "resource_uuid": message.resource_id,
        "request_id": message.request_id,
        "created_at": timestamp(Some(message.created_at)),
        "guaranteed_until": timestamp(Some(message.expires_at)),
        "links": context.links.of_item("messages", message.id),
    })
}
