//! Receive: a message announces an operation, or asks for the stored objects of the backend.

use crate::claim::Claims;
use bus::serve::Receive;
use bus::{BackendAnswer, BackendMessage, Context};
use driver::Driver;
use model::{Capability, Error, Manageable, OperationId, Result, StoredObject};
use std::sync::Arc;
use steps::slots::Slots;
use steps::step::StepError;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// How many operations may wait for a slot. What is announced beyond that is found by the sweep.
const MOST_WAITING: usize = 1024;

/// Receives the messages of a backend's queue.
pub(crate) struct Receiver {
    slots: Arc<Slots>,
    claims: Arc<Claims>,
    driver: Arc<dyn Driver>,
    wait: mpsc::Sender<OperationId>,
    waiting: Mutex<mpsc::Receiver<OperationId>>,
}

impl Receive for Receiver {
    type Message = BackendMessage;
    type Reply = BackendAnswer;

    /// Returns, and with it acknowledges the message, once the operation is claimed, or waits for a slot: a message that
    /// waited for the end of other operations would keep all behind it from being received.
    async fn receive(
        self: &Arc<Self>,
        _context: Context,
        message: BackendMessage,
    ) -> Result<BackendAnswer> {
        match message {
            BackendMessage::Execute { operation_id } => {
                self.announced(operation_id).await;
                Ok(BackendAnswer::Noted)
            }
            BackendMessage::ListStored { what } => {
                self.list_stored(what).await.map(BackendAnswer::Stored).map_err(Error::internal)
            }
        }
    }
}

impl Receiver {
    pub fn new(slots: Arc<Slots>, claims: Arc<Claims>, driver: Arc<dyn Driver>) -> Self {
        let (wait, waiting) = mpsc::channel(MOST_WAITING);
        Self { slots, claims, driver, wait, waiting: Mutex::new(waiting) }
    }

    /// Claims what was announced while no slot was free, until the process stops.
    pub async fn claim_waiting(&self, stopping: &CancellationToken) {
        let mut waiting = self.waiting.lock().await;
        let claim_next = async {
            while let Some(operation) = waiting.recv().await {
                let Some(slot) = self.slots.acquire().await else { return };
                self.claims.claim_in_background(operation, slot);
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = claim_next => {}
        }
    }

    async fn announced(&self, operation: OperationId) {
        match self.slots.try_acquire() {
            Some(slot) => self.claims.claim(operation, slot).await,
            None if self.wait.try_send(operation).is_ok() => {}
            None => tracing::debug!(operation.id = %operation, "left to the sweep"),
        }
    }

    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, StepError> {
        let manage = self.driver.manage().ok_or(StepError::without(Capability::Manage))?;
        Ok(manage.list_stored(what).await?)
    }
}
