//! A message: there is something to do.

use crate::worker::Worker;
use common::Result;
use common::bus::serve::Receive;
use common::bus::{BackendMessage, Context};
use std::sync::Arc;

impl Receive for Worker {
    type Message = BackendMessage;
    type Reply = ();

    /// Returns, and with it acknowledges the message, once the operation is claimed: from then on the
    /// operation log knows whose it is.
    async fn receive(self: &Arc<Self>, _context: Context, message: BackendMessage) -> Result<()> {
        let BackendMessage::Execute { operation_id } = message;
        let Some(place) = self.place().await else { return Ok(()) };
        if let Err(error) = self.take(operation_id, place).await {
            tracing::warn!(operation.id = %operation_id, %error, "not claimed; the sweep will find it");
        }
        Ok(())
    }
}
