//! What was backed up comes back.

use super::{CHUNK, Rig, VOLUME, names};
use crate::{Compression, NewBackup, Settings, StoreError};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use time::macros::datetime;

const BLOCK: usize = 32768;

#[tokio::test]
async fn each_point_in_time_comes_back_however_it_is_compressed() {
    for compression in [Compression::None, Compression::Zlib, Compression::Bz2, Compression::Zstd] {
        let mut rig = Rig::new(compression);
        let first = rig.volume.clone();
        let full = rig.back_up(None).await;
        // across the border of a chunk, within a block, two blocks in one chunk that do not touch, and the short end
        rig.change(3 * BLOCK - 10, 20, 2);
        rig.change(7 * BLOCK + 5, 1, 2);
        rig.change(9 * BLOCK, BLOCK, 2);
        rig.change(11 * BLOCK, BLOCK, 2);
        rig.change(VOLUME - 1, 1, 2);
        let second = rig.volume.clone();
        let increment = rig.back_up(Some(&full)).await;
        // over what has changed before, and a chunk and more
        rig.change(2 * BLOCK, 2 * BLOCK, 3);
        rig.change(18 * BLOCK - 1, 4 * BLOCK, 3);
        let third = rig.volume.clone();
        let last = rig.back_up(Some(&increment)).await;
        let unchanged = rig.back_up(Some(&last)).await;

        assert!(rig.read(&[&full]).await.unwrap() == first, "{compression:?}");
        assert!(rig.read(&[&increment, &full]).await.unwrap() == second, "{compression:?}");
        assert!(rig.read(&[&last, &increment, &full]).await.unwrap() == third, "{compression:?}");
        let all = [&unchanged, &last, &increment, &full];
        assert!(rig.read(&all).await.unwrap() == third, "{compression:?}");
        let verified = rig.verify(&all).await.unwrap();
        let mut objects = 0;
        for backup in all {
            objects += rig.store.describe(&rig.stored(backup)).await.unwrap().objects.len() as u64;
        }
        assert_eq!((verified.objects, verified.has_hashes), (objects, true));
        assert_eq!(verified.bytes, VOLUME as u64);
    }
}

#[tokio::test]
async fn an_increment_has_one_object_of_each_run_within_a_chunk() {
    let mut rig = Rig::new(Compression::Zlib);
    let full = rig.back_up(None).await;
    for block in [2, 3, 6, 8] {
        rig.volume[block * BLOCK] ^= 1;
    }
    let increment = rig.back_up(Some(&full)).await;
    let described = rig.store.describe(&rig.stored(&increment)).await.unwrap();
    let at =
        described.objects.iter().map(|o| (o.offset as usize / BLOCK, o.length as usize / BLOCK));
    assert_eq!(at.collect::<Vec<_>>(), [(2, 1), (3, 1), (6, 1), (8, 1)]);
    assert_eq!(described.parent_id, Some(full.id));
    rig.volume[4 * BLOCK] ^= 1;
    rig.volume[5 * BLOCK] ^= 1;
    let other = rig.back_up(Some(&increment)).await;
    let described = rig.store.describe(&rig.stored(&other)).await.unwrap();
    assert_eq!(described.objects.len(), 1);
    assert_eq!(described.objects[0].length as usize, 2 * BLOCK);
}

#[tokio::test]
async fn what_is_written_has_the_form_of_cinder() {
    let rig = Rig::new(Compression::Zlib);
    let told = Mutex::new(Vec::new());
    let new = NewBackup::of_tests(VOLUME as u64);
    let progress = |bytes| told.lock().unwrap().push(bytes);
    let written = rig.store.write(&new, &mut &rig.volume[..], &progress).await.unwrap();
    assert_eq!(written.object_count as u64, (VOLUME as u64).div_ceil(CHUNK));
    assert_eq!(told.lock().unwrap().last(), Some(&(VOLUME as u64)));

    let metadata = std::fs::read_to_string(rig.file(&new, "_metadata")).unwrap();
    let id = new.id;
    let volume = new.volume_id;
    let begin = format!(
        "{{\n  \"backup_description\": null,\n  \"backup_id\": \"{id}\",\n  \"backup_name\": \"\\u00e4 name\",\n  \"created_at\": \"2026-01-02 03:04:05+00:00\",\n  \"objects\": [\n    {{\n      \"volume_{volume}_20260102030405_backup_{id}-00001\": {{\n        \"compression\": \""
    );
    assert!(metadata.starts_with(&begin), "{metadata}");
    let end = format!(
        "\n        \"offset\": 1081344\n      }}\n    }}\n  ],\n  \"parent_id\": null,\n  \"version\": \"1.0.0\",\n  \"volume_id\": \"{volume}\",\n  \"volume_meta\": \"{{\\\"version\\\":2}}\"\n}}"
    );
    assert!(metadata.ends_with(&end), "{metadata}");

    let directory = rig.file(&new, "");
    let directory = directory.parent().unwrap();
    let mut bytes = 0;
    for name in names(directory) {
        let file = std::fs::metadata(directory.join(&name)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o660, "{name}");
        bytes += file.len();
    }
    assert_eq!(bytes, written.bytes_stored);
    assert_eq!(names(directory).len(), written.object_count as usize + 2);
    for directory in directory.ancestors().take(3) {
        assert_eq!(std::fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o770);
    }
    let described = rig.store.describe(&rig.stored(&new)).await.unwrap();
    assert_eq!(described.name.as_deref(), Some("ä name"));
    assert_eq!(described.created_at, datetime!(2026-01-02 03:04:05 UTC));
    assert_eq!(described.volume_meta, new.volume_meta);
}

#[tokio::test]
async fn another_attempt_replaces_what_one_has_left() {
    let rig = Rig::new(Compression::None);
    let new = NewBackup::of_tests(VOLUME as u64);
    let interrupted = rig.store.write(&new, &mut &rig.volume[..VOLUME / 2], &|_| ()).await;
    assert!(matches!(interrupted, Err(StoreError::Content(_))), "{interrupted:?}");
    let left = rig.file(&new, "-00099");
    std::fs::write(&left, b"left").unwrap();
    let hidden = left.with_file_name(format!(".{}-00001.x", rig.stored(&new).prefix));
    std::fs::write(&hidden, b"left").unwrap();
    rig.write(&new).await.unwrap();
    assert!(!left.exists() && !hidden.exists());
    assert!(rig.read(&[&new]).await.unwrap() == rig.volume);
}

#[tokio::test]
async fn nothing_is_left_of_what_is_deleted_and_nothing_else_is_lost() {
    let rig = Rig::new(Compression::Zstd);
    let (one, mut other) = (rig.back_up(None).await, NewBackup::of_tests(VOLUME as u64));
    other.container = Some("mine".to_owned());
    rig.write(&other).await.unwrap();
    let mut third = NewBackup::of_tests(VOLUME as u64);
    third.container = other.container.clone();
    rig.write(&third).await.unwrap();
    for _ in 0..2 {
        rig.store.delete(&rig.stored(&one)).await.unwrap();
        rig.store.delete(&rig.stored(&other)).await.unwrap();
    }
    assert_eq!(names(rig.directory.path()), ["mine"]);
    assert!(rig.read(&[&third]).await.unwrap() == rig.volume);
    rig.store.delete(&rig.stored(&third)).await.unwrap();
    assert!(names(rig.directory.path()).is_empty());
}

#[tokio::test]
async fn a_volume_is_of_the_size_that_is_said() {
    let rig = Rig::new(Compression::None);
    for bytes in [VOLUME - 1, VOLUME + 1, 0] {
        let new = NewBackup::of_tests(bytes as u64);
        assert!(rig.write(&new).await.is_err(), "{bytes}");
    }
    for chunk_bytes in [0, 1, 32767, 32769] {
        let settings = Settings { chunk_bytes, compression: Compression::None };
        let directory = rig.directory.path().to_owned();
        assert!(crate::BackupStore::posix(directory, settings).is_err(), "{chunk_bytes}");
    }
}

#[tokio::test]
async fn an_increment_needs_a_parent_that_fits() {
    let mut rig = Rig::new(Compression::None);
    let full = rig.back_up(None).await;
    let on = |full: &NewBackup, bytes: usize| NewBackup {
        parent: Some(rig.store.place(full).unwrap()),
        parent_id: Some(full.id),
        ..NewBackup::of_tests(bytes as u64)
    };
    let (larger, smaller) = (on(&full, VOLUME + BLOCK), on(&full, VOLUME - BLOCK));
    let (same, nameless) = (on(&full, VOLUME), NewBackup { parent_id: None, ..on(&full, VOLUME) });
    rig.volume.resize(VOLUME + BLOCK, 1);
    for new in [larger, smaller] {
        let refused = rig.write(&new).await;
        assert!(matches!(refused, Err(StoreError::Incompatible(_))), "{refused:?}");
    }
    let refused = rig.write(&nameless).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    rig.volume.truncate(VOLUME);
    let hashes = rig.file(&full, "_sha256file");
    let text = std::fs::read_to_string(&hashes).unwrap();
    std::fs::write(&hashes, text.replace("\"chunk_size\": 32768", "\"chunk_size\": 65536"))
        .unwrap();
    let refused = rig.write(&same).await;
    assert!(matches!(refused, Err(StoreError::Incompatible(_))), "{refused:?}");
    std::fs::remove_file(&hashes).unwrap();
    let refused = rig.write(&same).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
}

#[tokio::test]
async fn a_chain_is_whole_and_in_order() {
    let mut rig = Rig::new(Compression::None);
    let full = rig.back_up(None).await;
    rig.change(0, VOLUME, 2);
    let one = rig.back_up(Some(&full)).await;
    let two = rig.back_up(Some(&one)).await;
    for chain in [&[&two, &full][..], &[&one], &[&full, &full], &[&full, &one], &[]] {
        let refused = rig.read(chain).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    }
    std::fs::remove_file(rig.file(&two, "_sha256file")).unwrap();
    assert!(rig.read(&[&two, &one, &full]).await.unwrap() == rig.volume);
    assert!(!rig.verify(&[&two, &one, &full]).await.unwrap().has_hashes);
}
