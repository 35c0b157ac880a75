//! The arrays of a backend, one for each side, and which of them serves.

use crate::array::Array;
use crate::blocking::blocking;
use configuration::{BackendConfig, ReplicationDevice};
use driver::DriverError;
use model::{BackendId, Side};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The arrays of a backend.
pub(crate) struct Arrays {
    /// Whose arrays they are.
    pub backend: BackendId,
    pub primary: Arc<Array>,
    /// The replication targets with their names, in the order of the configuration.
    pub targets: Vec<(String, Arc<Array>)>,
    /// How long a replica may hold up a write.
    pub replica_timeout: Duration,
    serving: Mutex<ActiveArray>,
}

/// Which array serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActiveArray {
    /// Its side.
    pub active: Side,
    /// The epoch in which it does.
    pub epoch: i64,
    /// The id of the array: another array at the same path is not served.
    pub array_id: String,
}

impl Arrays {
    pub fn new(config: &BackendConfig, backend: BackendId) -> Self {
        let target = |device: &ReplicationDevice| {
            let array = Array::new(&device.directory, &config.file);
            (device.backend_id.clone(), Arc::new(array))
        };
        Self {
            backend,
            primary: Arc::new(Array::new(&config.file.directory, &config.file)),
            targets: config.replication_device.iter().map(target).collect(),
            replica_timeout: config.file.replica_timeout(),
            serving: Mutex::default(),
        }
    }

    pub fn serving(&self) -> ActiveArray {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_serving(&self, serving: ActiveArray) {
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = serving;
    }

    /// The active side.
    pub fn active(&self) -> Side {
        self.serving().active
    }

    /// The target that volumes are mirrored to, with its name.
    pub fn first_target(&self) -> Option<(&str, &Arc<Array>)> {
        self.targets.first().map(|(name, array)| (name.as_str(), array))
    }

    /// The array of the active side.
    pub fn active_array(&self) -> Arc<Array> {
        self.of(&self.active()).unwrap_or_else(|_| self.primary.clone())
    }

    /// The arrays of all sides.
    pub fn all(&self) -> Vec<Arc<Array>> {
        let targets = self.targets.iter().map(|(_, array)| array);
        [&self.primary].into_iter().chain(targets).cloned().collect()
    }

    /// The array of a side.
    pub fn of(&self, side: &Side) -> Result<Arc<Array>, DriverError> {
        let Side::Target(target) = side else { return Ok(self.primary.clone()) };
        let found = self.targets.iter().find(|(name, _)| name == target);
        found.map(|(_, array)| array.clone()).ok_or_else(|| DriverError::unknown_target(side))
    }

    /// Fails when the array does not serve any more, or is another one than it was.
    pub async fn require_active(&self, array: &Array) -> Result<(), DriverError> {
        let (directory, backend, serving) = (array.directory.clone(), self.backend, self.serving());
        blocking(move || {
            if directory.id()? != serving.array_id {
                return Err(DriverError::failed("the array has been replaced: its id has changed"));
            }
            directory.require_active(backend, serving.epoch)
        })
        .await
    }

    /// The sides, without the active one, whose storage cannot be used.
    pub async fn sides_down(&self) -> Vec<Side> {
        let active = self.active();
        let targets = self.targets.iter().map(|(name, array)| (Side::Target(name.clone()), array));
        let mut down = Vec::new();
        for (side, array) in targets.chain([(Side::Primary, &self.primary)]) {
            if side != active && !array.can_be_used(self.replica_timeout).await {
                down.push(side);
            }
        }
        down
    }
}
