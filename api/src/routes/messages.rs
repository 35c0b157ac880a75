//! `/messages`: what users are told of operations that failed after they had been accepted.

pub(crate) mod delete_message;
pub(crate) mod list;
pub(crate) mod show;
use model::{Error, MessageId};

/// Since 3.3 there are messages.
const SINCE: u16 = 3;

/// The id that a path names; one that no message can have is as unknown as any other.
fn parse_id(id: &str) -> Result<MessageId, Error> {
    id.parse().map_err(|_| not_found(id))
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("Message {id} could not be found."))
}
