//! One side of a backend: an array with its daemons.

use crate::blocking::blocking;
use crate::directory::Directory;
use crate::epochs::EpochRejected;
use crate::fences::{self, ObjectLock};
use crate::iscsi_targets::IscsiTargets;
use crate::object::Object;
use crate::probe::Probe;
use crate::relay::Relay;
use crate::storage_daemon::StorageDaemon;
use configuration::{FileDriverConfig, TargetProtocol};
use driver::{DriverError, Fence};
use model::{AttachMode, BackendId, ConnectionInfo, VolumeId};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// How long the array may take to be told that it does not serve.
const STANDBY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a write may take there.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// An array with its daemons.
pub(crate) struct Array {
    pub directory: Directory,
    pub daemon: StorageDaemon,
    pub relay: Relay,
    pub targets: IscsiTargets,
    pub protocol: TargetProtocol,
    look: Probe,
    write: Probe,
    removal: Probe,
}

impl Array {
    pub fn new(directory: &Path, config: &FileDriverConfig) -> Self {
        let directory = Directory::new(directory);
        Self {
            daemon: StorageDaemon::new(&directory, config),
            relay: Relay::new(&directory, config),
            targets: IscsiTargets::new(&directory, config),
            protocol: config.target_protocol,
            look: Probe::default(),
            write: Probe::default(),
            removal: Probe::default(),
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

    /// Ends the relay of an array that begins to serve. It may hang in the storage of the side that was left, of which it was reading: where
    /// this array takes writes, none of the relay's is on its way any more.
    pub async fn end_relay(&self) -> Result<(), DriverError> {
        match self.relay.end().await {
            Err(_) if self.takes_writes(WRITE_TIMEOUT).await => self.relay.end_hanging().await,
            ended => ended,
        }
    }

    /// Records in the array that it is standby for a backend; `false` if the array cannot be written. Fails if it
    /// has seen a newer epoch.
    pub async fn set_standby(&self, backend: BackendId, epoch: i64) -> Result<bool, DriverError> {
        let directory = self.directory.clone();
        let told = blocking(move || Ok(directory.record_epoch(backend, epoch, false)));
        match tokio::time::timeout(STANDBY_TIMEOUT, told).await {
            Ok(Ok(Ok(()))) => return Ok(true),
            Ok(Ok(Err(newer @ EpochRejected::Newer(..)))) => return Err(newer.into()),
            Ok(Ok(Err(EpochRejected::Unusable(error))) | Err(error)) => {
                tracing::warn!(%error, "an array could not be updated to standby");
            }
            Err(_) => tracing::warn!("an array hangs and could not be updated to standby"),
        }
        Ok(false)
    }

    /// Whether the array can be used, as far as can be told in time.
    pub async fn can_be_used(&self, timeout: Duration) -> bool {
        let directory = self.directory.clone();
        self.look.ask(timeout, move || directory.can_be_used()).await
    }

    /// Whether the array takes a write in time. One that hangs, or is broken, does not.
    pub async fn takes_writes(&self, timeout: Duration) -> bool {
        let directory = self.directory.clone();
        self.write.ask(timeout, move || directory.takes_writes()).await
    }

    /// The same; one that has burned counts as well: nothing is left there.
    pub async fn takes_writes_or_is_gone(&self, timeout: Duration) -> bool {
        let directory = self.directory.clone();
        let look = move || !directory.is_there() || directory.takes_writes();
        self.removal.ask(timeout, look).await
    }

    /// Keeps every other worker away from an object while the result lives; waits for as long as the caller
    /// does.
    pub async fn lock_exclusive(
        &self,
        object: Object,
        fence: Fence,
    ) -> Result<ObjectLock, DriverError> {
        loop {
            let file = self.directory.fence_file(object);
            match blocking(move || fences::lock_exclusive(&file, fence)).await {
                Err(DriverError::Transient(busy)) => tracing::info!(%object, busy, "still waiting"),
                held => return held,
            }
        }
    }

    /// Keeps an object as it is while the result lives.
    pub async fn lock_shared(&self, object: Object) -> Result<ObjectLock, DriverError> {
        let file = self.directory.fence_file(object);
        blocking(move || fences::lock_shared(&file)).await
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
    pub async fn import_file(
        &self,
        object: Object,
        name: &str,
        size: u64,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let _held = self.lock_exclusive(object, fence).await?;
        let (directory, name) = (self.directory.clone(), name.to_owned());
        blocking(move || directory.import_file(object, &name, size)).await
    }

    /// Whether a data path leads to this array.
    pub fn is_here(&self, connection: &ConnectionInfo) -> Result<bool, DriverError> {
        Ok(connection.data.get("array_id") == Some(&json!(self.directory.id()?)))
    }
}
