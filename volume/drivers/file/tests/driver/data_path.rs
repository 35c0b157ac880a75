//! What clients see through an export, with QEMU's own NBD client.

use crate::test_arrays::{ExportProtocol, TestArrays};
use driver::conformance::rows::{connector, snapshot, volume};
use driver::conformance::storage::Storage;
use driver::{CloneSource, Driver, DriverError, Exports, Fence};
use model::{AttachMode, Volume};
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

fn exports(driver: &dyn Driver) -> &dyn Exports {
    driver.exports().unwrap()
}

async fn uri(driver: &dyn Driver, volume: &Volume, fence: i64) -> String {
    let info = exports(driver)
        .export(volume, AttachMode::ReadWrite, &connector("host-1"), Fence(fence))
        .await
        .unwrap();
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
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let before = uri(&*driver, &volume, 2).await;
    assert!(qemu_io(&before, &["write -P 0x5a 1M 1M", "flush"]).await);
    driver.extend_volume(&volume, 2, Fence(3)).await.unwrap();
    assert!(qemu_io(&before, &["read -P 0x5a 1M 1M", "read -P 0 1G 1M"]).await);

    // another worker finds the daemon and its export as they are
    let successor = directory.started().await;
    assert_eq!(uri(&*successor, &volume, 4).await, before);
    assert!(qemu_io(&before, &["read -P 0x5a 1M 1M"]).await);
}

#[tokio::test]
async fn what_a_volume_is_called_does_not_lead_to_it() {
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let told = uri(&*driver, &volume, 2).await;
    assert!(qemu_io(&told, &["read 0 4k"]).await);
    let (name, socket) = told.strip_prefix("nbd+unix:///").unwrap().split_once('?').unwrap();
    let guessed = name.rsplit_once('-').unwrap().0;
    assert_eq!(guessed, format!("volume-{}", volume.id));
    assert!(!qemu_io(&format!("nbd+unix:///{guessed}?{socket}"), &["read 0 4k"]).await);
}

#[tokio::test]
async fn a_volume_with_a_connected_client_is_refused_growth_and_keeps_its_size() {
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let uri = uri(&*driver, &volume, 2).await;
    let mut client = connect(&uri).await;
    let refused = driver.extend_volume(&volume, 2, Fence(3)).await;
    assert!(matches!(refused, Err(DriverError::Failed(_))), "{refused:?}");
    let file = directory.path().join(format!("volumes/volume-{}", volume.id));
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 1 << 30);
    // the client has not noticed anything
    client.stdin.as_mut().unwrap().write_all(b"read -P 7 0 4k\n").await.unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    assert!(line.contains("read 4096/4096"), "{line}");

    exports(&*driver).unexport(&volume, AttachMode::ReadWrite, Fence(4)).await.unwrap();
    assert!(!qemu_io(&uri, &["read 0 4k"]).await);
}

/// A failover has left it so, and the promotion of the target has made it an ordinary volume.
#[tokio::test]
async fn half_a_replica_is_neither_exported_nor_copied() {
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let volumes = [volume(1), volume(1)];
    driver.create_volume(&volumes[0], Fence(1)).await.unwrap();
    let mark = directory.path().join(format!("incomplete/volume-{}", volumes[0].id));
    std::fs::write(&mark, "").unwrap();
    let exported = exports(&*driver)
        .export(&volumes[0], AttachMode::ReadWrite, &connector("host-1"), Fence(2))
        .await;
    let copied = driver
        .create_volume_like(&volumes[1], CloneSource::Volume(&volumes[0]), Fence(3))
        .await
        .map(|()| volumes[1].id);
    for refused in [exported.err(), copied.err()] {
        let reason = refused.expect("it is refused").to_string();
        assert!(reason.contains("half of a replica"), "{reason}");
    }
    driver.delete_volume(&volumes[0], Fence(4)).await.unwrap();
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_daemon_that_died_is_started_again() {
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let pid = || std::fs::read_to_string(directory.path().join("run/daemon.pid")).unwrap();
    let first = pid();
    let process = rustix::process::Pid::from_raw(first.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    assert!(exports(&*driver).ensure_data_plane().await.unwrap());
    assert_ne!(pid(), first);
}

#[tokio::test]
async fn a_read_only_export_takes_no_write_and_shows_what_others_write() {
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let writable = uri(&*driver, &volume, 2).await;
    let info = exports(&*driver)
        .export(&volume, AttachMode::ReadOnly, &connector("host-1"), Fence(3))
        .await
        .unwrap();
    let read_only = info.data["uri"].as_str().unwrap();
    assert!(qemu_io(&writable, &["write -P 9 0 64k", "flush"]).await);
    assert!(!qemu_io(read_only, &["write -P 1 0 64k"]).await);
    let mut reading = Command::new("qemu-io");
    let read = reading.args(["-r", "-f", "raw", "-c", "read -P 9 0 64k", read_only]).output().await;
    let read = read.unwrap();
    assert!(read.status.success() && !String::from_utf8_lossy(&read.stdout).contains("failed"));
    // closing one leaves the other
    exports(&*driver).unexport(&volume, AttachMode::ReadOnly, Fence(4)).await.unwrap();
    assert!(qemu_io(&writable, &["read -P 9 0 64k"]).await);
}

#[tokio::test]
async fn snapshots_and_copies_keep_what_was_there_and_a_revert_brings_it_back() {
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let original = volume(1);
    driver.create_volume(&original, Fence(1)).await.unwrap();
    let path = uri(&*driver, &original, 2).await;
    assert!(qemu_io(&path, &["write -P 1 0 8M", "flush"]).await);
    exports(&*driver).unexport(&original, AttachMode::ReadWrite, Fence(3)).await.unwrap();

    let kept = snapshot(&original);
    driver.create_snapshot(&kept, Fence(4)).await.unwrap();
    let path = uri(&*driver, &original, 5).await;
    assert!(qemu_io(&path, &["write -P 2 0 4M", "flush"]).await);
    exports(&*driver).unexport(&original, AttachMode::ReadWrite, Fence(6)).await.unwrap();

    let (from_snapshot, clone) = (volume(2), volume(1));
    driver
        .create_volume_like(&from_snapshot, CloneSource::Snapshot(&kept), Fence(7))
        .await
        .unwrap();
    driver.create_volume_like(&clone, CloneSource::Volume(&original), Fence(7)).await.unwrap();
    let path = uri(&*driver, &from_snapshot, 8).await;
    assert!(qemu_io(&path, &["read -P 1 0 8M", "read -P 0 1G 1M"]).await);
    let path = uri(&*driver, &clone, 8).await;
    assert!(qemu_io(&path, &["read -P 2 0 4M", "read -P 1 4M 4M"]).await);

    driver.revert_volume(&original, &kept, Fence(9)).await.unwrap();
    driver.delete_snapshot(&kept, Fence(10)).await.unwrap();
    let path = uri(&*driver, &original, 11).await;
    assert!(qemu_io(&path, &["read -P 1 0 8M"]).await);
    assert_eq!(std::fs::read_dir(directory.path().join("snapshots")).unwrap().count(), 0);
}

/// Each write has the number of its turn, and covers the block before the next is begun; so a true
/// snapshot holds the blocks of the first so many turns and none of a later one.
#[tokio::test]
async fn a_snapshot_under_a_writer_is_a_moment_and_not_a_mixture() {
    const BLOCKS: usize = 64;
    const TURNS: u8 = 12;
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let original = volume(1);
    driver.create_volume(&original, Fence(1)).await.unwrap();
    let path = uri(&*driver, &original, 2).await;
    let mut writer = Command::new("qemu-io")
        .args(["-f", "raw", &path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = writer.stdin.take().unwrap();
    let mut output = BufReader::new(writer.stdout.take().unwrap()).lines();
    let writing = tokio::spawn(async move {
        for turn in 1..=TURNS {
            for block in 0..BLOCKS {
                let command = format!("write -q -P {turn} {block}M 1M\n");
                input.write_all(command.as_bytes()).await.unwrap();
            }
        }
        input.write_all(b"quit\n").await.unwrap();
    });
    let reading = tokio::spawn(async move {
        while let Some(line) = output.next_line().await.unwrap() {
            assert!(!line.contains("failed"), "{line}");
        }
    });
    let kept = snapshot(&original);
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    driver.create_snapshot(&kept, Fence(3)).await.unwrap();
    writing.await.unwrap();
    reading.await.unwrap();
    assert!(writer.wait().await.unwrap().success());

    let content =
        std::fs::read(directory.path().join(format!("snapshots/snapshot-{}", kept.id))).unwrap();
    let turns: Vec<u8> = (0..BLOCKS).map(|block| content[block << 20]).collect();
    for (block, turn) in turns.iter().enumerate() {
        let whole = &content[block << 20..(block + 1) << 20];
        // one block may be cut in two: the one that was being written at that moment
        let torn = whole.iter().filter(|byte| *byte != turn).count();
        assert!(torn == 0 || turns[0] > *turns.last().unwrap(), "block {block} is torn");
    }
    let falls = turns.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert_eq!(falls, 0, "a later block has a later turn: {turns:?}");
    assert!(turns[0] - turns[BLOCKS - 1] <= 1, "more than one turn is mixed: {turns:?}");
}

#[tokio::test]
async fn a_snapshot_of_an_open_volume_takes_the_room_of_its_data_alone() {
    let directory = TestArrays::new(ExportProtocol::Nbd);
    let driver = directory.started().await;
    let original = volume(1);
    driver.create_volume(&original, Fence(1)).await.unwrap();
    let path = uri(&*driver, &original, 2).await;
    assert!(qemu_io(&path, &["write -P 1 100M 8M", "write -P 2 900M 1M", "flush"]).await);
    let kept = snapshot(&original);
    driver.create_snapshot(&kept, Fence(3)).await.unwrap();
    let file = directory.path().join(format!("snapshots/snapshot-{}", kept.id));
    let about = std::fs::metadata(&file).unwrap();
    assert_eq!(about.len(), 1 << 30);
    assert!(about.blocks() * 512 < 12 << 20, "{} blocks", about.blocks());
    let file = file.display().to_string();
    assert!(qemu_io(&file, &["read -P 1 100M 8M", "read -P 2 900M 1M", "read -P 0 0 100M"]).await);
    // nothing is left of what the copy needed
    let left = std::fs::read_dir(directory.path().join("snapshots")).unwrap().count();
    assert_eq!(left, 1);
}
