//! A driver: the adapter to one kind of storage, as the sum of its capabilities.

use crate::backup::Backup;
use crate::exports::Exports;
use crate::images::Images;
use crate::manage::Manage;
use crate::migration::Migration;
use crate::replication::Replication;
use crate::volumes::Volumes;
use model::Capability;

/// The adapter to one kind of storage. Every driver has volumes and snapshots; each further capability is a trait
/// that it implements, or `None`. The answers depend on the kind of storage alone: they are the same in every call, and
/// known before the driver has started.
pub trait Driver: Volumes {
    /// Data paths of volumes; `None` when servers cannot use the volumes.
    fn exports(&self) -> Option<&dyn Exports>;

    /// Volumes and snapshots made of storage that exists; `None` when there is no such storage.
    fn manage(&self) -> Option<&dyn Manage>;

    /// Filling volumes from images, and making images of volumes; `None` when they are empty at first.
    fn images(&self) -> Option<&dyn Images>;

    /// Giving the content of volumes to backups, and taking it from them; `None` when there is none.
    fn backup(&self) -> Option<&dyn Backup>;

    /// Moving volumes to and from other backends; `None` when they can only be removed.
    fn migration(&self) -> Option<&dyn Migration>;

    /// Replication to other sides; `None` when the storage has one side.
    fn replication(&self) -> Option<&dyn Replication>;
}

/// The capabilities that a driver implements, in the order of declaration.
#[must_use]
pub fn capabilities(driver: &dyn Driver) -> Vec<Capability> {
    let is_implemented = |capability: &Capability| match capability {
        Capability::Volumes => true,
        Capability::Exports => driver.exports().is_some(),
        Capability::Manage => driver.manage().is_some(),
        Capability::Images => driver.images().is_some(),
        Capability::Backup => driver.backup().is_some(),
        Capability::Migration => driver.migration().is_some(),
        Capability::Replication => driver.replication().is_some(),
    };
    Capability::ALL.iter().copied().filter(is_implemented).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DriverError;
    use crate::fence::Fence;
    use crate::volumes::CloneSource;
    use async_trait::async_trait;
    use model::{BackendReport, Side, Snapshot, Volume};

    /// A driver whose every call fails.
    struct VolumesAlone;

    fn nothing<T>() -> Result<T, DriverError> {
        Err(DriverError::failed("it has no storage"))
    }

    #[async_trait]
    impl Volumes for VolumesAlone {
        async fn start(&self, _: &Side, _: i64) -> Result<(), DriverError> {
            nothing()
        }
        async fn report(&self) -> Result<BackendReport, DriverError> {
            nothing()
        }
        async fn create_volume(&self, _: &Volume, _: Fence) -> Result<(), DriverError> {
            nothing()
        }
        async fn delete_volume(&self, _: &Volume, _: Fence) -> Result<(), DriverError> {
            nothing()
        }
        async fn extend_volume(&self, _: &Volume, _: i32, _: Fence) -> Result<(), DriverError> {
            nothing()
        }
        async fn create_volume_like(
            &self,
            _: &Volume,
            _: CloneSource<'_>,
            _: Fence,
        ) -> Result<(), DriverError> {
            nothing()
        }
        async fn retype_volume(&self, _: &Volume, _: Fence) -> Result<(), DriverError> {
            nothing()
        }
        async fn create_snapshot(&self, _: &Snapshot, _: Fence) -> Result<(), DriverError> {
            nothing()
        }
        async fn delete_snapshot(&self, _: &Snapshot, _: Fence) -> Result<(), DriverError> {
            nothing()
        }
        async fn revert_volume(
            &self,
            _: &Volume,
            _: &Snapshot,
            _: Fence,
        ) -> Result<(), DriverError> {
            nothing()
        }
    }

    impl Driver for VolumesAlone {
        fn exports(&self) -> Option<&dyn Exports> {
            None
        }
        fn manage(&self) -> Option<&dyn Manage> {
            None
        }
        fn images(&self) -> Option<&dyn Images> {
            None
        }
        fn backup(&self) -> Option<&dyn Backup> {
            None
        }
        fn migration(&self) -> Option<&dyn Migration> {
            None
        }
        fn replication(&self) -> Option<&dyn Replication> {
            None
        }
    }

    #[test]
    fn a_capability_that_is_not_implemented_is_known_before_the_driver_has_started() {
        assert_eq!(capabilities(&VolumesAlone), [Capability::Volumes]);
    }
}
