//! One side of a backend: an array with its daemons.

use crate::blocking::blocking;
use crate::directory::{Directory, NotEntered};
use crate::fences::{self, Held};
use crate::iscsi_targets::IscsiTargets;
use crate::object::Object;
use crate::relay::Relay;
use crate::storage_daemon::StorageDaemon;
use configuration::{FileDriverConfig, TargetProtocol};
use driver::{DriverError, Fence};
use model::{AttachMode, BackendId, ConnectionInfo, VolumeId};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// How long the array may take to be told that it does not serve.
const PATIENCE: Duration = Duration::from_secs(5);

/// An array with its daemons.
pub(crate) struct Array {
    pub directory: Directory,
    pub daemon: StorageDaemon,
    pub relay: Relay,
    pub targets: IscsiTargets,
    pub protocol: TargetProtocol,
    /// A look whether the array can be used; on storage that hangs it does not end.
    look: Mutex<Option<JoinHandle<bool>>>,
}

impl Array {
    pub fn new(directory: &Path, config: &FileDriverConfig) -> Self {
        let directory = Directory::new(directory);
        Self {
            daemon: StorageDaemon::new(&directory, config),
            relay: Relay::new(&directory, config),
            targets: IscsiTargets::new(&directory, config),
            protocol: config.target_protocol,
            look: Mutex::default(),
            directory,
        }
    }

    /// Makes sure that its daemons run; `true` when what carries data paths had to be started.
    pub async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        let daemon_started = self.daemon.ensure_running().await?;
        match self.protocol {
            TargetProtocol::Nbd => Ok(daemon_started),
            TargetProtocol::Iscsi => self.targets.ensure_running().await,
        }
    }

    /// Tells the array that it does not serve a backend's volumes; `false` when it cannot be told. Fails when it
    /// has seen a newer epoch.
    pub async fn rest(&self, backend: BackendId, epoch: i64) -> Result<bool, DriverError> {
        let directory = self.directory.clone();
        let told = blocking(move || Ok(directory.enter(backend, epoch, false)));
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(Ok(()))) => return Ok(true),
            Ok(Ok(Err(newer @ NotEntered::Newer(..)))) => return Err(newer.into()),
            Ok(Ok(Err(NotEntered::Unusable(error))) | Err(error)) => {
                tracing::warn!(%error, "an array is not told that it does not serve");
            }
            Err(_) => tracing::warn!("an array hangs, and is not told that it does not serve"),
        }
        Ok(false)
    }

    /// Whether the array can be used, as far as can be told in time. There is one look at a time, so that
    /// storage that hangs takes one thread and not all of them.
    pub async fn can_be_used(&self, patience: Duration) -> bool {
        let mut look = self.look.lock().await;
        let directory = self.directory.clone();
        let looking = look
            .get_or_insert_with(|| tokio::task::spawn_blocking(move || directory.can_be_used()));
        match tokio::time::timeout(patience, looking).await {
            Ok(seen) => {
                *look = None;
                seen.unwrap_or(false)
            }
            Err(_) => false,
        }
    }

    /// Keeps every other worker away from an object while the result lives; waits for as long as the caller
    /// does.
    pub async fn hold(&self, object: Object, fence: Fence) -> Result<Held, DriverError> {
        loop {
            let file = self.directory.fence_file(object);
            match blocking(move || fences::hold(&file, fence)).await {
                Err(DriverError::Transient(busy)) => tracing::info!(%object, busy, "still waiting"),
                held => return held,
            }
        }
    }

    /// Keeps an object as it is while the result lives.
    pub async fn share(&self, object: Object) -> Result<Held, DriverError> {
        let file = self.directory.fence_file(object);
        blocking(move || fences::share(&file)).await
    }

    /// Closes everything that is open of a volume and returns what was; fails, and closes nothing that is
    /// in use, when a server is connected.
    pub async fn close_unused(&self, id: VolumeId) -> Result<Vec<AttachMode>, DriverError> {
        match self.protocol {
            TargetProtocol::Nbd => self.daemon.close_unused(id).await,
            TargetProtocol::Iscsi => self.targets.close_unused(id).await,
        }
    }

    /// Closes everything that is open of a volume, whoever uses it.
    pub async fn close(&self, id: VolumeId) -> Result<(), DriverError> {
        self.daemon.close(id).await?;
        match self.protocol {
            TargetProtocol::Nbd => Ok(()),
            TargetProtocol::Iscsi => self.targets.close(id).await,
        }
    }

    /// Makes a file of this name an object.
    pub async fn adopt(
        &self,
        object: Object,
        name: &str,
        size: u64,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let _held = self.hold(object, fence).await?;
        let (directory, name) = (self.directory.clone(), name.to_owned());
        blocking(move || directory.adopt(object, &name, size)).await
    }

    /// Whether a data path leads to this array.
    pub fn is_here(&self, connection: &ConnectionInfo) -> Result<bool, DriverError> {
        Ok(connection.data.get("array_id") == Some(&json!(self.directory.id()?)))
    }
}
