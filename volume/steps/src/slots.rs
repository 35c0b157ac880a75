//! Slots: how many operations run at once.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The right to run one operation, until it is dropped.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// The slots of a worker.
pub struct Slots(Arc<Semaphore>);

impl Slots {
    /// So many slots.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Waits for a slot.
    pub async fn acquire(&self) -> Option<Slot> {
        let permit = self.0.clone().acquire_owned().await.ok()?;
        Some(Slot { _permit: permit })
    }

    /// A slot, if one is free.
    pub fn try_acquire(&self) -> Option<Slot> {
        let permit = self.0.clone().try_acquire_owned().ok()?;
        Some(Slot { _permit: permit })
    }
}
