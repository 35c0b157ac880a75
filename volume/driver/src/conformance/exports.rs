//! The suite of data paths.

use crate::conformance::rows::{connector, volume};
use crate::conformance::storage::{Storage, count, exports};
use crate::fence::Fence;
use model::AttachMode;

/// An open data path stays as it is; one that is closed can be closed again.
pub async fn calls_may_be_repeated(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let exports = exports(&*driver);
    for mode in AttachMode::ALL {
        let first = exports.export(&volume, *mode, &connector("host-1"), Fence(5)).await.unwrap();
        assert_eq!(
            exports.export(&volume, *mode, &connector("host-1"), Fence(5)).await.unwrap(),
            first
        );
    }
    assert!(!exports.ensure_data_plane().await.unwrap(), "it runs");
    for fence in [Fence(7), Fence(8)] {
        for mode in AttachMode::ALL {
            exports.unexport(&volume, *mode, fence).await.unwrap();
        }
    }
}

/// With a volume, its data paths go.
pub async fn a_removed_volume_is_not_exported_any_more(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    exports(&*driver)
        .export(&volume, AttachMode::ReadWrite, &connector("host-1"), Fence(2))
        .await
        .unwrap();
    driver.delete_volume(&volume, Fence(3)).await.unwrap();
    exports(&*driver).unexport(&volume, AttachMode::ReadWrite, Fence(4)).await.unwrap();
    assert_eq!(count(&*driver).await, 0);
}

/// A data path that nobody is connected to does not keep a volume from growing, and stays open.
pub async fn an_exported_volume_can_grow_while_nobody_is_connected(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let exports = exports(&*driver);
    let before = exports
        .export(&volume, AttachMode::ReadWrite, &connector("host-1"), Fence(2))
        .await
        .unwrap();
    driver.extend_volume(&volume, 2, Fence(3)).await.unwrap();
    assert_eq!(
        exports
            .export(&volume, AttachMode::ReadWrite, &connector("host-1"), Fence(4))
            .await
            .unwrap(),
        before
    );
    driver.delete_volume(&volume, Fence(5)).await.unwrap();
}

/// A server that was told of a data path finds it again after it was restored.
pub async fn a_restored_data_path_is_the_one_that_was_open(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let exports = exports(&*driver);
    for mode in AttachMode::ALL {
        let before = exports.export(&volume, *mode, &connector("host-1"), Fence(2)).await.unwrap();
        exports.restore_export(&volume, *mode).await.unwrap();
        assert_eq!(
            exports.export(&volume, *mode, &connector("host-1"), Fence(2)).await.unwrap(),
            before
        );
    }
}

/// A host that is forgotten takes no data path from the others, whatever it was told.
pub async fn a_host_that_is_forgotten_leaves_the_others_theirs(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let (exports, mode) = (exports(&*driver), AttachMode::ReadWrite);
    let others = ["host-2", "../host-3"];
    exports.export(&volume, mode, &connector("host-1"), Fence(2)).await.unwrap();
    let mut before = Vec::new();
    for other in others {
        before.push(exports.export(&volume, mode, &connector(other), Fence(3)).await.unwrap());
    }
    for fence in [Fence(4), Fence(5)] {
        exports.forget_host(&volume, mode, &connector("host-1"), fence).await.unwrap();
    }
    for (other, before) in others.into_iter().zip(before) {
        assert_eq!(
            exports.export(&volume, mode, &connector(other), Fence(6)).await.unwrap(),
            before
        );
    }
    exports.forget_host(&volume, mode, &connector(others[1]), Fence(7)).await.unwrap();
    exports.unexport(&volume, mode, Fence(8)).await.unwrap();
    exports.forget_host(&volume, mode, &connector(others[0]), Fence(9)).await.unwrap();
}
