//! What a driver implements: one trait for each capability, and above them [`Driver`], which says which of them a kind of
//! storage has.
//!
//! | capability | trait |
//! |---|---|
//! | volumes and snapshots | [`Volumes`] |
//! | data paths | [`Exports`] |
//! | storage that exists becomes a volume or a snapshot, and the reverse | [`Manage`] |
//! | volumes are filled from images, and images made of volumes | [`Images`] |
//! | contents of volumes go to backups, and come from them | [`Backup`] |
//! | volumes move to another backend | [`Migration`] |
//! | volumes are replicated to other sides, which can serve them | [`Replication`] |
//!
//! Every method converges: called again after a crash, with the same or a newer [`Fence`], it ends where a single call
//! would have ended. So nothing needs to be probed before a call is repeated.

pub mod backup;
#[cfg(feature = "conformance")]
pub mod conformance;
mod driver;
mod error;
mod exports;
mod fence;
mod images;
mod manage;
mod migration;
mod phases;
mod progress;
mod replication;
pub mod sizes;
mod volumes;

pub use backup::{Backup, Content};
pub use driver::{Driver, capabilities};
pub use error::DriverError;
pub use exports::Exports;
pub use fence::Fence;
pub use images::Images;
pub use manage::Manage;
pub use migration::Migration;
pub use phases::Phases;
pub use progress::LatestProgress;
pub use replication::{Failover, Replica, ReplicaCopy, Replicas, Replication, Verified};
pub use volumes::{CloneSource, Volumes};

/// For implementations of the traits, whose methods are asynchronous.
pub use async_trait::async_trait;
