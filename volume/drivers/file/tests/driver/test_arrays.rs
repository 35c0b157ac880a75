//! Arrays in temporary directories; their daemons end with them.

use cinderblock_driver_file::FileDriver;
use configuration::{BackendConfig, DriverName, ReplicationDevice, TargetProtocol};
use driver::Driver;
use driver::conformance::storage::{Storage, TARGETS};
use model::BackendId;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What carries the data paths.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExportProtocol {
    Nbd,
    Iscsi,
}

/// The arrays of a backend, below one temporary directory.
pub(crate) struct TestArrays {
    root: tempfile::TempDir,
    config: BackendConfig,
}

impl TestArrays {
    /// The array of a backend without replication.
    pub fn new(carries: ExportProtocol) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut config = BackendConfig { driver: DriverName::File, ..BackendConfig::default() };
        config.file.directory = root.path().join("primary");
        match carries {
            ExportProtocol::Nbd => config.file.target_protocol = TargetProtocol::Nbd,
            ExportProtocol::Iscsi => config.file.target_protocol = TargetProtocol::Iscsi,
        }
        Self { root, config }
    }

    /// The arrays of a replicated backend.
    pub fn replicated(carries: ExportProtocol) -> Self {
        let mut arrays = Self::new(carries);
        let target = |name: &&str| ReplicationDevice {
            backend_id: (*name).to_owned(),
            directory: arrays.root.path().join(name),
            ..ReplicationDevice::default()
        };
        arrays.config.replication_device = TARGETS.iter().map(target).collect();
        arrays.config.file.relay = relay();
        arrays
    }

    /// The directory of the primary.
    pub fn path(&self) -> &Path {
        &self.config.file.directory
    }
}

/// `cinderblock-relay`, which `cargo build` puts beside the directory of the tests.
fn relay() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().and_then(Path::parent).unwrap().join("cinderblock-relay");
    assert!(built.exists(), "there is no {}: cargo build -p cinderblock-relay", built.display());
    built
}

impl Storage for TestArrays {
    fn worker(&self) -> Arc<dyn Driver> {
        Arc::new(FileDriver::new("b", &self.config, BackendId(uuid::Uuid::nil())))
    }
}

impl Drop for TestArrays {
    fn drop(&mut self) {
        for array in std::fs::read_dir(self.root.path()).unwrap() {
            for process in ["daemon.pid", "tgtd.pid", "relay.pid"] {
                end(&array.as_ref().unwrap().path().join("run").join(process), self.root.path());
            }
        }
    }
}

/// Ends the process whose number is in a file, if it is one of these arrays.
fn end(file: &Path, root: &Path) {
    let number = std::fs::read_to_string(file).unwrap_or_default();
    let Some(process) = number.trim().parse().ok().and_then(Pid::from_raw) else { return };
    let about = |what: &str| {
        std::fs::read(format!("/proc/{}/{what}", process.as_raw_nonzero())).unwrap_or_default()
    };
    let mentions = [about("cmdline"), about("environ")].concat();
    if String::from_utf8_lossy(&mentions).contains(&root.display().to_string()) {
        // it may have ended by itself
        let _ = kill_process(process, Signal::KILL);
    }
}
