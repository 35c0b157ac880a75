//! Receive: a message announces an operation.

use crate::claim::Claims;
use bus::serve::Receive;
use bus::{BackendAnswer, BackendMessage, Context};
use model::{Error, Result};
use std::sync::Arc;
use steps::slots::Slots;

/// Receives the messages of the backup services' queue.
pub(crate) struct Receiver {
    pub slots: Arc<Slots>,
    pub claims: Arc<Claims>,
}

impl Receive for Receiver {
    type Message = BackendMessage;
    type Reply = BackendAnswer;

    /// Returns, and with it acknowledges the message, once the operation is claimed. What comes while no slot is free is found by the
    /// sweep, of this service or of another one.
    async fn receive(
        self: &Arc<Self>,
        _context: Context,
        message: BackendMessage,
    ) -> Result<BackendAnswer> {
        match message {
            BackendMessage::Execute { operation_id } => {
                match self.slots.try_acquire() {
                    Some(slot) => self.claims.claim(operation_id, slot).await,
                    None => {
                        tracing::debug!(operation.id = %operation_id, "left to the sweep");
                    }
                }
                Ok(BackendAnswer::Noted)
            }
            BackendMessage::ListStored { .. } => {
                Err(Error::internal("a backup service has no backend's objects"))
            }
        }
    }
}
