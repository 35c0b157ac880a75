//! The suite of images.

use crate::conformance::rows::volume;
use crate::conformance::storage::{Storage, count, images};
use crate::driver::Driver;
use crate::fence::Fence;
use disk_image::{DiskFormat, DiskImage, NewImage};
use model::Volume;
use std::io::Read as _;
use std::path::Path;

const MIB: usize = 1 << 20;

/// An image of a disk that has these letters at its beginning and its end.
async fn image_of(directory: &Path, letter: u8, format: DiskFormat) -> DiskImage {
    let disk = directory.join("disk");
    let mut content = vec![0; 8 * MIB];
    content[..MIB].fill(letter);
    content[7 * MIB..].fill(letter);
    std::fs::write(&disk, content).unwrap();
    let new = NewImage { path: directory.join("image"), format };
    new.make_of_raw(&disk).await.unwrap();
    DiskImage::inspect(&new.path, format).await.unwrap()
}

/// What the volume begins with, as an image of it says.
async fn content(driver: &dyn Driver, directory: &Path, volume: &Volume, fence: Fence) -> Vec<u8> {
    let new = NewImage { path: directory.join("read"), format: DiskFormat::Qcow2 };
    images(driver).read_image(volume, &new, fence).await.unwrap();
    let read = DiskImage::inspect(&new.path, new.format).await.unwrap();
    assert_eq!(read.virtual_size(), 1 << 30);
    let disk = directory.join("read.raw");
    read.write_raw(&disk).await.unwrap();
    let mut beginning = vec![1; 16 * MIB];
    std::fs::File::open(disk).unwrap().read_exact(&mut beginning).unwrap();
    beginning
}

fn require_letters(content: &[u8], letter: u8) {
    let is_all = |part: &[u8], byte| part.iter().all(|one| *one == byte);
    assert!(is_all(&content[..MIB], letter), "its beginning");
    assert!(is_all(&content[MIB..7 * MIB], 0));
    assert!(is_all(&content[7 * MIB..8 * MIB], letter), "its end");
    assert!(is_all(&content[8 * MIB..], 0), "beyond the image");
}

/// A new volume has what the image has, and zeros beyond; and may be filled twice.
pub async fn a_volume_gets_the_content_of_an_image_and_gives_it_back(storage: &dyn Storage) {
    let driver = storage.started().await;
    let (directory, volume) = (tempfile::tempdir().unwrap(), volume(1));
    let image = image_of(directory.path(), b'a', DiskFormat::Qcow2).await;
    for fence in [Fence(1), Fence(2)] {
        images(&*driver).write_image(&volume, &image, fence).await.unwrap();
    }
    assert_eq!(count(&*driver).await, 1);
    let read = content(&*driver, directory.path(), &volume, Fence(3)).await;
    require_letters(&read, b'a');
    driver.delete_volume(&volume, Fence(4)).await.unwrap();
    assert_eq!(count(&*driver).await, 0);
}

/// A volume that has something else already, loses that, and keeps its snapshots.
pub async fn a_volume_that_is_there_gets_another_image(storage: &dyn Storage) {
    let driver = storage.started().await;
    let (directory, volume) = (tempfile::tempdir().unwrap(), volume(1));
    let first = image_of(directory.path(), b'a', DiskFormat::Raw).await;
    images(&*driver).write_image(&volume, &first, Fence(1)).await.unwrap();
    let snapshot = crate::conformance::rows::snapshot(&volume);
    driver.create_snapshot(&snapshot, Fence(1)).await.unwrap();
    let second = image_of(directory.path(), b'b', DiskFormat::Qcow2).await;
    for fence in [Fence(2), Fence(3)] {
        images(&*driver).write_image(&volume, &second, fence).await.unwrap();
    }
    let read = content(&*driver, directory.path(), &volume, Fence(4)).await;
    require_letters(&read, b'b');
    driver.revert_volume(&volume, &snapshot, Fence(5)).await.unwrap();
    let read = content(&*driver, directory.path(), &volume, Fence(6)).await;
    require_letters(&read, b'a');
}
