//! A user message: the record for a user of an operation that failed after it had been accepted.

use super::MessageId;
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use uuid::Uuid;

text_enum! {
    /// How serious a message is, in Cinder's words.
    pub enum MessageLevel {
        /// An operation has failed.
        Error = "ERROR",
    }
}

/// A message as the view `message_details` shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The request whose operation failed.
    pub request_id: String,
    /// What kind of thing it is about, in Cinder's words: `VOLUME`, `VOLUME_SNAPSHOT`.
    pub resource_type: String,
    /// Which one.
    pub resource_id: Uuid,
    /// What happened, as a word for programs.
    pub event_id: String,
    /// What was tried, as people say it.
    pub action: String,
    /// What came of it.
    pub detail: String,
    /// How serious it is.
    pub message_level: MessageLevel,
    /// When it happened.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when the message stays.
    #[serde(with = "rfc3339")]
    pub expires_at: OffsetDateTime,
}
