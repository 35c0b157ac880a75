//! Receive: a message announces an operation, or asks for the stored objects of the backend.

use crate::claim::Claims;
use crate::slots::Slots;
use crate::step::StepError;
use bus::serve::Receive;
use bus::{BackendAnswer, BackendMessage, Context};
use driver::Driver;
use model::{Capability, Error, Manageable, OperationId, Result, StoredObject};
use std::sync::Arc;

/// Receives the messages of a backend's queue.
pub(crate) struct Receiver {
    pub slots: Arc<Slots>,
    pub claims: Arc<Claims>,
    pub driver: Arc<dyn Driver>,
}

impl Receive for Receiver {
    type Message = BackendMessage;
    type Reply = BackendAnswer;

    /// Returns, and with it acknowledges the message, once the operation is claimed: from then on the operation log
    /// knows whose it is.
    async fn receive(
        self: &Arc<Self>,
        _context: Context,
        message: BackendMessage,
    ) -> Result<BackendAnswer> {
        match message {
            BackendMessage::Execute { operation_id } => {
                self.claim(operation_id).await;
                Ok(BackendAnswer::Noted)
            }
            BackendMessage::ListStored { what } => {
                self.list_stored(what).await.map(BackendAnswer::Stored).map_err(Error::internal)
            }
        }
    }
}

impl Receiver {
    async fn claim(&self, operation: OperationId) {
        let Some(slot) = self.slots.acquire().await else { return };
        if let Err(error) = self.claims.claim(operation, slot).await {
            tracing::warn!(operation.id = %operation, %error, "not claimed; the sweep will find it");
        }
    }

    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, StepError> {
        let manage = self.driver.manage().ok_or(StepError::without(Capability::Manage))?;
        Ok(manage.list_stored(what).await?)
    }
}
