//! A message: there is something to do.

use crate::worker::Worker;
use bus::serve::Receive;
use bus::{BackendAnswer, BackendMessage, Context};
use model::{Error, Result};
use std::sync::Arc;

impl Receive for Worker {
    type Message = BackendMessage;
    type Reply = BackendAnswer;

    /// Returns, and with it acknowledges the message, once the operation is claimed: from then on the
    /// operation log knows whose it is.
    async fn receive(
        self: &Arc<Self>,
        _context: Context,
        message: BackendMessage,
    ) -> Result<BackendAnswer> {
        match message {
            BackendMessage::Execute { operation_id } => {
                let Some(place) = self.place().await else { return Ok(BackendAnswer::Noted) };
                if let Err(error) = self.take(operation_id, place).await {
                    tracing::warn!(operation.id = %operation_id, %error, "not claimed; the sweep will find it");
                }
                Ok(BackendAnswer::Noted)
            }
            BackendMessage::ListStored { what } => {
                let stored = self.driver.list_stored(what).await.map_err(Error::internal)?;
                Ok(BackendAnswer::Stored(stored))
            }
        }
    }
}
