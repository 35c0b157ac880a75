//! `file`: raw sparse files in a directory, exported over NBD by qemu-storage-daemon or over iSCSI by tgtd.
//!
//! The directory with its daemons is an *array* ([`array`](mod@array)); a backend has one for each side ([`arrays`]). The daemons
//! ([`storage_daemon`], [`iscsi_targets`]) are processes of their own: data paths stay open while the worker restarts.
//! Needs no privileges.
//!
//! | capability | file |
//! |---|---|
//! | volumes and snapshots | [`volumes`] |
//! | data paths | [`exports`] |
//! | files become volumes and snapshots | [`manage`] |
//! | volumes come from other arrays | [`migration`] |
//! | replicas, and failovers | [`replication`] |

mod array;
mod arrays;
mod backup;
mod block_nodes;
mod blocking;
mod chap;
mod connection;
mod copy;
mod copy_progress;
mod data_paths;
mod directory;
mod drills;
mod epochs;
mod export_names;
mod exports;
mod failover;
mod fences;
mod file_driver;
mod file_lock;
mod image;
mod images;
mod import;
mod io_error;
mod iscsi_targets;
mod jobs;
mod manage;
mod migration;
mod mirror;
mod names;
mod object;
mod open_copy;
mod port;
mod probe;
mod processes;
mod qmp;
mod relay;
mod replicas;
mod replication;
mod resynchronisation;
mod room;
mod sparse_copy;
mod storage_daemon;
mod target_daemon;
mod target_listing;
mod undo_logs;
mod volumes;

pub use file_driver::FileDriver;

use driver::backup::Backup;
use driver::{Driver, Exports, Images, Manage, Migration, Replication};

impl Driver for FileDriver {
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
        Some(self)
    }

    fn replication(&self) -> Option<&dyn Replication> {
        Some(self)
    }
}
