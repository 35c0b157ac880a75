//! The suite of migrations between two backends of one driver.

use crate::conformance::rows::volume;
use crate::conformance::storage::{Storage, count, migration};
use crate::fence::Fence;

/// The source opens a volume, the destination imports it, and the source closes and removes it; each call twice.
pub async fn a_volume_moves_and_calls_may_be_repeated(
    source: &dyn Storage,
    destination: &dyn Storage,
) {
    let (source, destination) = (source.started().await, destination.started().await);
    let volume = volume(1);
    source.create_volume(&volume, Fence(1)).await.unwrap();
    let connection = migration(&*source).open_for_import(&volume, Fence(2)).await.unwrap();
    let again = migration(&*source).open_for_import(&volume, Fence(3)).await.unwrap();
    assert_eq!(again, connection);
    for fence in [Fence(4), Fence(5)] {
        migration(&*destination).import_volume(&volume, &connection, fence).await.unwrap();
    }
    assert_eq!((count(&*source).await, count(&*destination).await), (1, 1));
    for fence in [Fence(6), Fence(7)] {
        migration(&*source).close_after_import(&volume, fence).await.unwrap();
    }
    source.delete_volume(&volume, Fence(8)).await.unwrap();
    assert_eq!((count(&*source).await, count(&*destination).await), (0, 1));
}

/// A migration that is given up leaves nothing at the destination, and the volume at the source.
pub async fn a_discarded_import_leaves_the_volume_where_it_was(
    source: &dyn Storage,
    destination: &dyn Storage,
) {
    let (source, destination) = (source.started().await, destination.started().await);
    let volume = volume(1);
    source.create_volume(&volume, Fence(1)).await.unwrap();
    let connection = migration(&*source).open_for_import(&volume, Fence(2)).await.unwrap();
    migration(&*destination).import_volume(&volume, &connection, Fence(3)).await.unwrap();
    for fence in [Fence(4), Fence(5)] {
        migration(&*destination).discard_import(&volume, &connection, fence).await.unwrap();
    }
    migration(&*source).close_after_import(&volume, Fence(6)).await.unwrap();
    assert_eq!((count(&*source).await, count(&*destination).await), (1, 0));
}

/// A migration can be given up before its import has begun.
pub async fn nothing_needs_to_be_there_to_be_discarded_or_closed(
    source: &dyn Storage,
    destination: &dyn Storage,
) {
    let (source, destination) = (source.started().await, destination.started().await);
    let volume = volume(1);
    source.create_volume(&volume, Fence(1)).await.unwrap();
    migration(&*source).close_after_import(&volume, Fence(2)).await.unwrap();
    let connection = migration(&*source).open_for_import(&volume, Fence(3)).await.unwrap();
    migration(&*destination).discard_import(&volume, &connection, Fence(4)).await.unwrap();
    assert_eq!((count(&*source).await, count(&*destination).await), (1, 0));
}
