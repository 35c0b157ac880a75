//! The suite of backups.

use crate::backup::Content;
use crate::conformance::rows::{snapshot, volume};
use crate::conformance::storage::{Storage, backup};
use crate::driver::Driver;
use crate::fence::Fence;
use crate::volumes::CloneSource;
use model::{Side, Volume};
use std::io::Cursor;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

const MIB: usize = 1 << 20;
/// The size of the volumes, in bytes.
const SIZE: usize = 1 << 30;

/// A driver beside a worker.
async fn joined(storage: &dyn Storage) -> Arc<dyn Driver> {
    let driver = storage.worker();
    backup(&*driver).join(&Side::Primary, 1).await.unwrap();
    driver
}

/// A content that is shorter than the volume, with this letter at its beginning and its end.
fn content_of(letter: u8) -> Content {
    let mut content = vec![0; 8 * MIB];
    content[..MIB].fill(letter);
    content[7 * MIB..].fill(letter);
    Box::new(Cursor::new(content))
}

async fn read(driver: &dyn Driver, source: CloneSource<'_>, fence: Fence) -> Vec<u8> {
    let mut content = backup(driver).read_content(source, fence).await.unwrap();
    let mut all = Vec::with_capacity(SIZE);
    content.read_to_end(&mut all).await.unwrap();
    all
}

fn require_letters(content: &[u8], letter: u8) {
    let is_all = |part: &[u8], byte| part.iter().all(|one| *one == byte);
    assert_eq!(content.len(), SIZE);
    assert!(is_all(&content[..MIB], letter), "its beginning");
    assert!(is_all(&content[MIB..7 * MIB], 0));
    assert!(is_all(&content[7 * MIB..8 * MIB], letter), "its end");
    assert!(is_all(&content[8 * MIB..], 0), "beyond the content");
}

async fn written(driver: &dyn Driver, volume: &Volume, letter: u8, fence: Fence) {
    backup(driver).write_content(volume, content_of(letter), fence).await.unwrap();
}

/// A volume has the content that it got last, and nothing of what it had; its snapshot has what it had.
pub async fn a_volume_gets_a_content_and_gives_it_back(storage: &dyn Storage) {
    let worker = storage.started().await;
    let driver = joined(storage).await;
    let volume = volume(1);
    worker.create_volume(&volume, Fence(1)).await.unwrap();
    for fence in [Fence(2), Fence(3)] {
        written(&*driver, &volume, b'a', fence).await;
    }
    require_letters(&read(&*driver, CloneSource::Volume(&volume), Fence(4)).await, b'a');
    let kept = snapshot(&volume);
    driver.create_snapshot(&kept, Fence(5)).await.unwrap();
    backup(&*driver)
        .write_content(&volume, Box::new(Cursor::new(vec![b'b'; MIB])), Fence(6))
        .await
        .unwrap();
    let now = read(&*driver, CloneSource::Volume(&volume), Fence(7)).await;
    assert!(now[..MIB].iter().all(|byte| *byte == b'b'));
    assert!(now[MIB..].iter().all(|byte| *byte == 0), "nothing is left of what it had");
    require_letters(&read(&*driver, CloneSource::Snapshot(&kept), Fence(8)).await, b'a');
    driver.delete_snapshot(&kept, Fence(9)).await.unwrap();
    worker.delete_volume(&volume, Fence(10)).await.unwrap();
}

/// Who comes late changes nothing.
pub async fn an_older_claim_is_refused(storage: &dyn Storage) {
    let worker = storage.started().await;
    let driver = joined(storage).await;
    let volume = volume(1);
    worker.create_volume(&volume, Fence(1)).await.unwrap();
    written(&*driver, &volume, b'a', Fence(5)).await;
    let late = backup(&*driver).write_content(&volume, content_of(b'b'), Fence(4)).await;
    assert!(late.is_err());
    require_letters(&read(&*driver, CloneSource::Volume(&volume), Fence(6)).await, b'a');
}

/// Nobody joins a side that serves in another epoch.
pub async fn a_side_is_joined_in_its_own_epoch(storage: &dyn Storage) {
    let _worker = storage.started().await;
    let driver = storage.worker();
    assert!(backup(&*driver).join(&Side::Primary, 0).await.is_err());
    let unknown = Side::Target("nowhere".to_owned());
    assert!(backup(&*driver).join(&unknown, 1).await.is_err());
    backup(&*driver).join(&Side::Primary, 1).await.unwrap();
}
