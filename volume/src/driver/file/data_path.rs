//! What clients see through an export, with QEMU's own NBD client.

use crate::driver::conformance::{TestArray, config, volume};
use crate::driver::{self, Driver, DriverError, Fence};
use common::config::{DriverName, NbdListen};
use common::model::Volume;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

fn file_driver(array: &TestArray, nbd_listen: NbdListen) -> Arc<dyn Driver> {
    driver::new("b", &config(DriverName::File, array.path(), nbd_listen))
}

async fn uri(driver: &dyn Driver, volume: &Volume, fence: i64) -> String {
    let info = driver.export(volume, Fence(fence)).await.unwrap();
    assert_eq!(info.driver_volume_type, "nbd");
    info.data["uri"].as_str().unwrap().to_owned()
}

/// Runs qemu-io commands; returns whether all succeeded.
async fn qemu_io(uri: &str, commands: &[&str]) -> bool {
    let mut command = Command::new("qemu-io");
    command.args(["-f", "raw"]);
    for step in commands {
        command.args(["-c", step]);
    }
    let output = command.arg(uri).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    output.status.success() && !printed.contains("Pattern verification failed")
}

/// A client that stays connected.
async fn connect(uri: &str) -> Child {
    let mut child = Command::new("qemu-io")
        .args(["-f", "raw", uri])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(b"write -P 7 0 4k\n").await.unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    assert!(line.contains("wrote"), "{line}");
    child
}

#[tokio::test]
async fn what_is_written_is_read_after_growth_and_a_new_worker() {
    for listen in [NbdListen::Unix, NbdListen::Tcp] {
        let array = TestArray::new();
        let driver = file_driver(&array, listen);
        driver.start().await.unwrap();
        let volume = volume(1);
        driver.create_volume(&volume, Fence(1)).await.unwrap();
        let before = uri(&*driver, &volume, 2).await;
        assert!(qemu_io(&before, &["write -P 0x5a 1M 1M", "flush"]).await);
        driver.extend_volume(&volume, 2, Fence(3)).await.unwrap();
        assert!(qemu_io(&before, &["read -P 0x5a 1M 1M", "read -P 0 1G 1M"]).await);

        // another worker finds the daemon and its export as they are
        let successor = file_driver(&array, listen);
        successor.start().await.unwrap();
        assert_eq!(uri(&*successor, &volume, 4).await, before);
        assert!(qemu_io(&before, &["read -P 0x5a 1M 1M"]).await);
    }
}

#[tokio::test]
async fn a_volume_with_a_connected_client_is_refused_growth_and_keeps_its_size() {
    let array = TestArray::new();
    let driver = file_driver(&array, NbdListen::Unix);
    driver.start().await.unwrap();
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let uri = uri(&*driver, &volume, 2).await;
    let mut client = connect(&uri).await;
    let refused = driver.extend_volume(&volume, 2, Fence(3)).await;
    assert!(matches!(refused, Err(DriverError::Failed(_))), "{refused:?}");
    let file = array.path().join(format!("volumes/volume-{}", volume.id));
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 1 << 30);
    // the client has not noticed anything
    client.stdin.as_mut().unwrap().write_all(b"read -P 7 0 4k\n").await.unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    assert!(line.contains("read 4096/4096"), "{line}");

    driver.unexport(&volume, Fence(4)).await.unwrap();
    assert!(!qemu_io(&uri, &["read 0 4k"]).await);
}

#[tokio::test]
async fn a_daemon_that_died_is_started_again() {
    let array = TestArray::new();
    let driver = file_driver(&array, NbdListen::Unix);
    driver.start().await.unwrap();
    let pid = || std::fs::read_to_string(array.path().join("run/daemon.pid")).unwrap();
    let first = pid();
    let process = rustix::process::Pid::from_raw(first.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    driver.report().await.unwrap();
    assert_ne!(pid(), first);
}
