//! The suite of managing and unmanaging.

use crate::conformance::rows::connector;
use crate::conformance::rows::{snapshot, volume};
use crate::conformance::storage::{Storage, count, manage};
use crate::driver::Driver;
use crate::fence::Fence;
use model::{Manageable, StoredObject};
use uuid::Uuid;

/// The stored object whose name has this id.
async fn stored(driver: &dyn Driver, what: Manageable, id: Uuid) -> Option<StoredObject> {
    let listed = manage(driver).list_stored(what).await.unwrap();
    listed.into_iter().find(|object| object.id == Some(id))
}

/// A volume that was unmanaged keeps its storage, which can become another volume.
pub async fn an_unmanaged_volume_is_listed_and_can_be_managed(storage: &dyn Storage) {
    let driver = storage.started().await;
    let (old, new) = (volume(2), volume(2));
    driver.create_volume(&old, Fence(1)).await.unwrap();
    if let Some(exports) = driver.exports() {
        exports
            .export(&old, model::AttachMode::ReadWrite, &connector("host-1"), Fence(2))
            .await
            .unwrap();
    }
    for fence in [Fence(3), Fence(4)] {
        manage(&*driver).unmanage_volume(&old, fence).await.unwrap();
    }
    let object = stored(&*driver, Manageable::Volumes, old.id.0).await.expect("it is listed");
    assert_eq!(object.size_gb, 2);
    for fence in [Fence(1), Fence(2)] {
        manage(&*driver).manage_volume(&new, &object.name, fence).await.unwrap();
    }
    assert_eq!(stored(&*driver, Manageable::Volumes, old.id.0).await, None);
    assert!(stored(&*driver, Manageable::Volumes, new.id.0).await.is_some());
    assert_eq!(count(&*driver).await, 1);
    driver.delete_volume(&new, Fence(3)).await.unwrap();
    assert_eq!(count(&*driver).await, 0);
}

/// A snapshot that was unmanaged keeps its storage, which can become another snapshot.
pub async fn an_unmanaged_snapshot_is_listed_and_can_be_managed(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volume = volume(1);
    let (old, new) = (snapshot(&volume), snapshot(&volume));
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    driver.create_snapshot(&old, Fence(2)).await.unwrap();
    for fence in [Fence(3), Fence(4)] {
        manage(&*driver).unmanage_snapshot(&old, fence).await.unwrap();
    }
    let object = stored(&*driver, Manageable::Snapshots, old.id.0).await.expect("it is listed");
    for fence in [Fence(1), Fence(2)] {
        manage(&*driver).manage_snapshot(&new, &object.name, fence).await.unwrap();
    }
    assert_eq!(stored(&*driver, Manageable::Snapshots, old.id.0).await, None);
    driver.revert_volume(&volume, &new, Fence(5)).await.unwrap();
    driver.delete_snapshot(&new, Fence(6)).await.unwrap();
    assert_eq!(stored(&*driver, Manageable::Snapshots, new.id.0).await, None);
}

/// A volume keeps the storage that was managed for it, when its former name is managed once more. Whether that is an
/// error depends on whether the driver can know that the name is taken.
pub async fn a_name_that_was_taken_takes_nothing_from_its_volume(storage: &dyn Storage) {
    let driver = storage.started().await;
    let (old, first, second) = (volume(1), volume(1), volume(1));
    driver.create_volume(&old, Fence(1)).await.unwrap();
    manage(&*driver).unmanage_volume(&old, Fence(2)).await.unwrap();
    let object = stored(&*driver, Manageable::Volumes, old.id.0).await.expect("it is listed");
    manage(&*driver).manage_volume(&first, &object.name, Fence(1)).await.unwrap();
    drop(manage(&*driver).manage_volume(&second, &object.name, Fence(1)).await);
    assert!(stored(&*driver, Manageable::Volumes, first.id.0).await.is_some());
}
