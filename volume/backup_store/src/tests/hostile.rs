//! Names that come from elsewhere lead nowhere else.

use super::{Rig, VOLUME, names};
use crate::{Compression, NewBackup, StoreError, Stored};

#[tokio::test]
async fn no_name_leads_out_of_the_store() {
    let rig = Rig::new(Compression::None);
    let full = rig.back_up(None).await;
    let own = rig.stored(&full);
    let before = names(rig.directory.path());
    for container in ["", ".", "..", "../x", "a/b", "/tmp", "a\0b", "a/../b", ".hidden"] {
        let new = NewBackup {
            container: Some(container.to_owned()),
            ..NewBackup::of_tests(VOLUME as u64)
        };
        assert!(matches!(rig.store.place(&new), Err(StoreError::Invalid(_))), "{container:?}");
        assert!(rig.write(&new).await.is_err());
        refused(&rig, &Stored { container: container.to_owned(), ..own.clone() }).await;
    }
    for prefix in ["", "volume_", "..", "../x", "/etc/passwd", &own.prefix[..60], "\0"] {
        refused(&rig, &Stored { prefix: prefix.to_owned(), ..own.clone() }).await;
    }
    assert_eq!(names(rig.directory.path()), before);
    assert!(rig.read(&[&full]).await.unwrap() == rig.volume);
}

async fn refused(rig: &Rig, stored: &Stored) {
    let chain = std::slice::from_ref(stored);
    let mut on_it = NewBackup::of_tests(VOLUME as u64);
    (on_it.parent, on_it.parent_id) = (Some(stored.clone()), Some(on_it.volume_id));
    for error in [
        rig.store.delete(stored).await.unwrap_err(),
        rig.store.describe(stored).await.map(drop).unwrap_err(),
        rig.store.open(chain, VOLUME as u64).await.map(drop).unwrap_err(),
        rig.store.verify(chain, VOLUME as u64, &|_| ()).await.map(drop).unwrap_err(),
        rig.write(&on_it).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Invalid(_)), "{stored:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_not_an_empty_one() {
    let rig = Rig::new(Compression::None);
    let full = rig.back_up(None).await;
    let away = rig.directory.path().with_extension("away");
    std::fs::rename(rig.directory.path(), &away).unwrap();
    for error in [
        rig.store.delete(&rig.stored(&full)).await.unwrap_err(),
        rig.store.describe(&rig.stored(&full)).await.map(drop).unwrap_err(),
        rig.read(&[&full]).await.map(drop).unwrap_err(),
        rig.write(&full).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
    std::fs::rename(&away, rig.directory.path()).unwrap();
}

#[tokio::test]
async fn whoever_leaves_early_does_no_harm() {
    use tokio::io::AsyncReadExt as _;
    let rig = Rig::new(Compression::None);
    let full = rig.back_up(None).await;
    let mut reader = rig.store.open(&[rig.stored(&full)], VOLUME as u64).await.unwrap();
    let mut begin = [0; 100];
    reader.read_exact(&mut begin).await.unwrap();
    assert_eq!(begin, rig.volume[..100]);
}
