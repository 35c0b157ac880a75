//! A backend in memory.

use crate::faults;
use configuration::BackendConfig;
use driver::DriverError;
use model::{AttachMode, Metadata, Side, SnapshotId, VolumeId};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A backend that pretends.
pub struct FakeDriver {
    /// The section of the configuration.
    pub(crate) name: String,
    pub(crate) config: BackendConfig,
    memory: Mutex<Memory>,
}

/// All that there is.
#[derive(Default)]
pub(crate) struct Memory {
    /// The sizes of the volumes, in GiB.
    pub volumes: HashMap<VolumeId, i32>,
    pub snapshots: HashSet<SnapshotId>,
    pub exports: HashSet<(VolumeId, AttachMode)>,
    /// The volumes whose replicas have copies.
    pub replica_copies: HashSet<VolumeId>,
    /// The active side.
    pub active: Side,
}

impl FakeDriver {
    /// The driver of a section of the configuration.
    #[must_use]
    pub fn new(name: &str, config: &BackendConfig) -> Self {
        Self { name: name.to_owned(), config: config.clone(), memory: Mutex::default() }
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the time of a call, and fails if the metadata say so.
    pub(crate) async fn pretend(
        &self,
        method: &str,
        metadata: &Metadata,
    ) -> Result<(), DriverError> {
        faults::pretend(self.config.fake.latency_ms, method, metadata).await
    }
}
