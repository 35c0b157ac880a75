//! A driver: the adapter to one kind of storage, as the sum of its capabilities.

use crate::{Exports, Manage, Migration, Replication, Volumes};
use model::Capability;

/// The adapter to one kind of storage. Every driver has volumes and snapshots; each further capability is a trait
/// that it implements, or `None`. The answers depend on the kind of storage alone: they are the same in every call, and
/// known before the driver has started.
pub trait Driver: Volumes {
    /// Data paths of volumes; `None` when servers cannot use the volumes.
    fn exports(&self) -> Option<&dyn Exports>;

    /// Volumes and snapshots made of storage that exists; `None` when there is no such storage.
    fn manage(&self) -> Option<&dyn Manage>;

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
        Capability::Migration => driver.migration().is_some(),
        Capability::Replication => driver.replication().is_some(),
    };
    Capability::ALL.iter().copied().filter(is_implemented).collect()
}
