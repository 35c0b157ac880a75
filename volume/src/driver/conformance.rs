//! What every driver must do: one suite, run against each of them.

use super::{Driver, DriverError, Fence, Source};
use configuration::{BackendConfig, DriverName, NbdListen, TargetProtocol};
use model::{AttachMode, BackendId, Side, Snapshot, Volume};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// A volume as the database would show it.
pub(super) fn volume(size_gb: i32) -> Volume {
    let volume = json!({
        "id": uuid::Uuid::new_v4(), "project_id": "p", "user_id": "u",
        "backend_id": uuid::Uuid::new_v4(), "backend_name": "host@b", "pool": "b",
        "availability_zone": "nova", "volume_type_id": uuid::Uuid::new_v4(),
        "volume_type_name": "t", "size_gb": size_gb, "status": "creating", "bootable": false,
        "multiattach": false, "metadata": {}, "image_metadata": {}, "attachments": [],
        "replication_status": "disabled",
        "consumes_quota": true, "created_at": "2026-01-01T00:00:00+00:00", "updated_at": null,
    });
    serde_json::from_value(volume).unwrap()
}

/// A snapshot of a volume, as the database would show it.
pub(super) fn snapshot(volume: &Volume) -> Snapshot {
    let snapshot = json!({
        "id": uuid::Uuid::new_v4(), "project_id": "p", "user_id": "u", "volume_id": volume.id,
        "volume_type_id": uuid::Uuid::new_v4(), "backend_id": volume.backend_id,
        "availability_zone": "nova", "size_gb": volume.size_gb, "status": "creating",
        "progress": "0%", "metadata": {}, "consumes_quota": true,
        "created_at": "2026-01-01T00:00:00+00:00", "updated_at": null,
    });
    serde_json::from_value(snapshot).unwrap()
}

/// What carries the data paths.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carries {
    NbdOnUnixSocket,
    NbdOnTcpPort,
    Iscsi,
}

pub(super) fn config(driver: DriverName, directory: &Path, carries: Carries) -> BackendConfig {
    let mut config = BackendConfig { driver, ..BackendConfig::default() };
    config.file.directory = directory.to_owned();
    match carries {
        Carries::NbdOnUnixSocket => config.file.nbd_listen = NbdListen::Unix,
        Carries::NbdOnTcpPort => config.file.nbd_listen = NbdListen::Tcp,
        Carries::Iscsi => config.file.target_protocol = TargetProtocol::Iscsi,
    }
    config
}

/// A directory for an array; its daemons end with it.
pub(super) struct TestArray {
    pub directory: tempfile::TempDir,
}

impl TestArray {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for TestArray {
    fn drop(&mut self) {
        for daemon in ["run/daemon.pid", "run/tgtd.pid"] {
            let pid = std::fs::read_to_string(self.path().join(daemon)).unwrap_or_default();
            if let Some(pid) = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            }
        }
    }
}

async fn started(driver: DriverName, carries: Carries) -> (TestArray, Arc<dyn Driver>) {
    let array = TestArray::new();
    let driver =
        super::new("b", &config(driver, array.path(), carries), BackendId(uuid::Uuid::nil()));
    driver.start(&Side::Primary, 1).await.unwrap();
    (array, driver)
}

async fn calls_may_be_repeated(driver: &dyn Driver) {
    let volume = volume(1);
    for fence in [Fence(1), Fence(2)] {
        driver.create_volume(&volume, fence).await.unwrap();
    }
    assert_eq!(driver.report().await.unwrap().pools[0].total_volumes, 1);
    for fence in [Fence(3), Fence(4)] {
        driver.extend_volume(&volume, 3, fence).await.unwrap();
    }
    for mode in AttachMode::ALL {
        let first = driver.export(&volume, *mode, Fence(5)).await.unwrap();
        assert_eq!(driver.export(&volume, *mode, Fence(5)).await.unwrap(), first);
    }
    for mode in AttachMode::ALL {
        for fence in [Fence(7), Fence(8)] {
            driver.unexport(&volume, *mode, fence).await.unwrap();
        }
    }
    let snapshot = snapshot(&volume);
    for fence in [Fence(9), Fence(10)] {
        driver.create_snapshot(&snapshot, fence).await.unwrap();
    }
    let copies = [super::conformance::volume(3), super::conformance::volume(5)];
    for (copy, source) in copies.iter().zip([Source::Snapshot(&snapshot), Source::Volume(&volume)])
    {
        for fence in [Fence(11), Fence(12)] {
            driver.create_volume_like(copy, source, fence).await.unwrap();
        }
    }
    for fence in [Fence(13), Fence(14)] {
        driver.revert_volume(&volume, &snapshot, fence).await.unwrap();
    }
    for fence in [Fence(15), Fence(16)] {
        driver.delete_snapshot(&snapshot, fence).await.unwrap();
    }
    for copy in &copies {
        driver.delete_volume(copy, Fence(17)).await.unwrap();
    }
    for fence in [Fence(18), Fence(19)] {
        driver.delete_volume(&volume, fence).await.unwrap();
    }
    assert_eq!(driver.report().await.unwrap().pools[0].total_volumes, 0);
}

async fn a_removed_volume_is_not_exported_any_more(driver: &dyn Driver) {
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    driver.export(&volume, AttachMode::ReadWrite, Fence(2)).await.unwrap();
    driver.delete_volume(&volume, Fence(3)).await.unwrap();
    driver.unexport(&volume, AttachMode::ReadWrite, Fence(4)).await.unwrap();
    assert_eq!(driver.report().await.unwrap().pools[0].total_volumes, 0);
}

async fn an_exported_volume_can_grow_while_nobody_is_connected(driver: &dyn Driver) {
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let before = driver.export(&volume, AttachMode::ReadWrite, Fence(2)).await.unwrap();
    driver.extend_volume(&volume, 2, Fence(3)).await.unwrap();
    assert_eq!(driver.export(&volume, AttachMode::ReadWrite, Fence(4)).await.unwrap(), before);
    driver.delete_volume(&volume, Fence(5)).await.unwrap();
}

async fn the_report_tells_what_was_promised(driver: &dyn Driver) {
    let volumes = [volume(2), volume(3)];
    for volume in &volumes {
        driver.create_volume(volume, Fence(1)).await.unwrap();
    }
    let report = driver.report().await.unwrap();
    let pool = &report.pools[0];
    assert_eq!((pool.provisioned_capacity_gb, pool.total_volumes), (5.0, 2));
    assert!(pool.total_capacity_gb >= pool.free_capacity_gb && pool.free_capacity_gb > 0.0);
    for volume in &volumes {
        driver.delete_volume(volume, Fence(2)).await.unwrap();
    }
}

macro_rules! conforms {
    ($($module:ident: $driver:expr, $listen:expr;)+) => { $(
        mod $module {
            use super::*;

            #[tokio::test]
            async fn calls_may_be_repeated() {
                let (_array, driver) = started($driver, $listen).await;
                super::calls_may_be_repeated(&*driver).await;
            }

            #[tokio::test]
            async fn a_removed_volume_is_not_exported_any_more() {
                let (_array, driver) = started($driver, $listen).await;
                super::a_removed_volume_is_not_exported_any_more(&*driver).await;
            }

            #[tokio::test]
            async fn an_exported_volume_can_grow_while_nobody_is_connected() {
                let (_array, driver) = started($driver, $listen).await;
                super::an_exported_volume_can_grow_while_nobody_is_connected(&*driver).await;
            }

            #[tokio::test]
            async fn the_report_tells_what_was_promised() {
                let (_array, driver) = started($driver, $listen).await;
                super::the_report_tells_what_was_promised(&*driver).await;
            }
        }
    )+ };
}

conforms! {
    fake: DriverName::Fake, Carries::NbdOnUnixSocket;
    file_on_a_unix_socket: DriverName::File, Carries::NbdOnUnixSocket;
    file_on_a_tcp_port: DriverName::File, Carries::NbdOnTcpPort;
    file_on_iscsi: DriverName::File, Carries::Iscsi;
}

/// Storage that outlives its worker must know a worker that lost its operation.
#[tokio::test]
async fn a_claim_that_was_lost_has_no_effect_on_files() {
    let (array, driver) = started(DriverName::File, Carries::NbdOnUnixSocket).await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(7)).await.unwrap();
    driver.delete_volume(&volume, Fence(8)).await.unwrap();
    let late = driver.create_volume(&volume, Fence(7)).await;
    assert!(matches!(late, Err(DriverError::Superseded)), "{late:?}");
    assert_eq!(std::fs::read_dir(array.path().join("volumes")).unwrap().count(), 0);
}
