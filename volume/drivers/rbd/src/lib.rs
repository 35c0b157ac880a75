//! `rbd`: volumes are images in a pool of a Ceph cluster, and servers open them by themselves.
//!
//! Names and properties of images are those that Cinder's driver gives them.

mod backup;
mod capacity;
mod clones;
mod cluster;
mod command_error;
mod connection;
mod copies;
mod diff;
mod drills;
mod exports;
mod failover;
mod image_files;
mod image_move;
mod images;
mod manage;
mod mirror;
mod mirrored_snapshot;
mod names;
mod rbd_driver;
mod records;
mod replicas;
mod replication;
mod shapes;
mod sides;
mod stored_image;
mod trash;
mod verification;
mod volumes;
mod watchers;

pub use rbd_driver::RbdDriver;

use driver::backup::Backup;
use driver::{Driver, Exports, Images, Manage, Migration, Replication};

impl Driver for RbdDriver {
    fn exports(&self) -> Option<&dyn Exports> {
        Some(self)
    }

    fn manage(&self) -> Option<&dyn Manage> {
        Some(self)
    }

    fn images(&self) -> Option<&dyn Images> {
        Some(self)
    }

    fn backup(&self) -> Option<&dyn Backup> {
        Some(self)
    }

    fn migration(&self) -> Option<&dyn Migration> {
        None
    }

    fn replication(&self) -> Option<&dyn Replication> {
        Some(self)
    }
}
