//! `delete_message`: a user has read what there was to read.

use super::contract::{Class, Contract, Definition, Ending, Resource, Touch};
use model::MessageId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteMessage {
    /// Which message.
    pub message_id: MessageId,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "remove a message to a user",
    class: Class::Record,
    subject: Touch { when_done: Ending::Removed(None), ..Touch::keeping_status(Resource::Message) },
    others: &[],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DeleteMessage {
    fn subject(&self) -> Uuid {
        self.message_id.0
    }
}
