//! What differs from what was written is noticed.

use super::{Rig, VOLUME};
use crate::{Compression, NewBackup, StoreError};
use bytes::Bytes;
use std::path::Path;

fn alter(file: &Path, alter: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    alter(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

fn replace(file: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{old} in {text}");
    std::fs::write(file, text.replacen(old, new, 1)).unwrap();
}

async fn is_noticed(rig: &Rig, backups: &[&NewBackup], what: &str) {
    let (read, verified) = (rig.read(backups).await, rig.verify(backups).await);
    for error in [read.map(drop).unwrap_err(), verified.map(drop).unwrap_err()] {
        assert!(
            matches!(error, StoreError::Damaged(_) | StoreError::Missing(_)),
            "{what}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_object_that_is_not_what_it_was_is_noticed() {
    for compression in [Compression::None, Compression::Zlib, Compression::Bz2, Compression::Zstd] {
        for has_hashes in [true, false] {
            let mut rig = Rig::new(compression);
            let full = rig.back_up(None).await;
            rig.change(100, 200_000, 2);
            let increment = rig.back_up(Some(&full)).await;
            if !has_hashes {
                std::fs::remove_file(rig.file(&increment, "_sha256file")).unwrap();
            }
            let chain = [&increment, &full];
            for (backup, object) in [(&full, "-00005"), (&increment, "-00001")] {
                let file = rig.file(backup, object);
                let whole = std::fs::read(&file).unwrap();
                alter(&file, |bytes| {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 0x10;
                });
                is_noticed(&rig, &chain, "a bit").await;
                std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
                is_noticed(&rig, &chain, "the last byte is missing").await;
                std::fs::write(&file, b"").unwrap();
                is_noticed(&rig, &chain, "empty").await;
                std::fs::write(&file, [&whole[..], b"x"].concat()).unwrap();
                is_noticed(&rig, &chain, "a byte more").await;
                std::fs::remove_file(&file).unwrap();
                is_noticed(&rig, &chain, "missing").await;
                std::fs::write(&file, &whole).unwrap();
            }
            assert!(rig.read(&chain).await.unwrap() == rig.volume);
            std::fs::write(rig.file(&increment, "-00077"), b"x").unwrap();
            is_noticed(&rig, &chain, "one more").await;
        }
    }
}

#[tokio::test]
async fn what_is_not_needed_of_a_parent_is_verified_all_the_same() {
    let mut rig = Rig::new(Compression::None);
    let full = rig.back_up(None).await;
    rig.change(0, VOLUME, 2);
    let all = rig.back_up(Some(&full)).await;
    alter(&rig.file(&full, "-00004"), |bytes| bytes[7] ^= 1);
    let text = std::fs::read_to_string(rig.file(&all, "_metadata")).unwrap();
    assert!(rig.read(&[&all, &full]).await.is_ok(), "{text}");
    let verified = rig.verify(&[&all, &full]).await;
    assert!(matches!(verified, Err(StoreError::Damaged(_))), "{verified:?}");
}

#[tokio::test]
async fn a_block_that_is_not_what_it_was_is_not_given_out() {
    let rig = Rig::new(Compression::None);
    let full = rig.back_up(None).await;
    // its own MD5 does not tell
    let (file, metadata) = (rig.file(&full, "-00002"), rig.file(&full, "_metadata"));
    let md5 = |bytes: &[u8]| hex::encode(<md5::Md5 as md5::Digest>::digest(bytes));
    let before = std::fs::read(&file).unwrap();
    alter(&file, |bytes| bytes[40_000] ^= 1);
    replace(&metadata, &md5(&before), &md5(&std::fs::read(&file).unwrap()));
    let read = rig.read(&[&full]).await.map(drop).unwrap_err().to_string();
    assert!(read.contains("the block at 131072 has another SHA-256"), "{read}");
}

#[tokio::test]
async fn an_md5_that_is_wrong_is_noticed() {
    let rig = Rig::new(Compression::Zlib);
    let full = rig.back_up(None).await;
    std::fs::remove_file(rig.file(&full, "_sha256file")).unwrap();
    replace(&rig.file(&full, "_metadata"), "\"md5\": \"", "\"md5\": \"0123456789");
    is_noticed(&rig, &[&full], "too long").await;
    let text = std::fs::read_to_string(rig.file(&full, "_metadata")).unwrap();
    let md5 = text.split("0123456789").nth(1).unwrap().split('"').next().unwrap();
    replace(&rig.file(&full, "_metadata"), &format!("0123456789{md5}"), &"0".repeat(32));
    is_noticed(&rig, &[&full], "wrong").await;
}

#[tokio::test]
async fn a_bomb_does_not_go_off() {
    for compression in [Compression::Zlib, Compression::Bz2, Compression::Zstd] {
        let mut rig = Rig::new(compression);
        rig.volume.fill(0);
        let full = rig.back_up(None).await;
        let bomb = compression.compress(&Bytes::from(vec![0; 64 << 20])).unwrap().unwrap();
        std::fs::write(rig.file(&full, "-00003"), bomb).unwrap();
        is_noticed(&rig, &[&full], compression.as_str()).await;
    }
}

#[tokio::test]
async fn a_description_that_lies_is_not_believed() {
    let rig = Rig::new(Compression::Zlib);
    let full = rig.back_up(None).await;
    let metadata = rig.file(&full, "_metadata");
    let whole = std::fs::read_to_string(&metadata).unwrap();
    let prefix = rig.stored(&full).prefix;
    for (old, new) in [
        ("\"objects\": [", "\"objects\": [{},"),
        ("\"objects\": [", "\"objects\": [7,"),
        ("\"offset\": 0", "\"offset\": 1"),
        ("\"offset\": 0", "\"offset\": -1"),
        ("\"offset\": 0", "\"offset\": 18446744073709551615"),
        ("\"offset\": 98304", "\"offset\": 98303"),
        ("\"offset\": 98304", "\"offset\": 1980304"),
        ("\"length\": 98304", "\"length\": 98303"),
        ("\"length\": 98304", "\"length\": 98305"),
        ("\"length\": 98304", "\"length\": 0"),
        ("\"length\": 98304", "\"length\": 18446744073709551615"),
        ("\"length\": 98304", "\"length\": 9223372036854775807"),
        ("\"compression\": \"", "\"compression\": \"x"),
        ("-00002\"", "-00001\""),
        ("-00002\"", "-2\""),
        ("-00002\"", "/../x\""),
        (prefix.as_str(), "/etc/passwd"),
        ("2026-01-02", "2026-01-99"),
        ("\"volume_meta\": \"{", "\"volume_meta\": \"}"),
        ("\"backup_id\"", "\"backup_ids\""),
    ] {
        std::fs::write(&metadata, whole.replacen(old, new, 1)).unwrap();
        is_noticed(&rig, &[&full], &format!("{old} -> {new}")).await;
    }
    let nested = "[".repeat(100_000);
    for text in ["", "{", "[]", "\u{feff}{}", &whole[..whole.len() - 1], &nested] {
        std::fs::write(&metadata, text).unwrap();
        is_noticed(&rig, &[&full], "no description").await;
    }
    std::fs::remove_file(&metadata).unwrap();
    is_noticed(&rig, &[&full], "none").await;
    std::fs::write(&metadata, whole.replacen("1.0.0", "2.0.0", 1)).unwrap();
    let read = rig.read(&[&full]).await;
    assert!(matches!(read, Err(StoreError::Incompatible(_))), "{read:?}");
}

#[tokio::test]
async fn hashes_that_are_none_are_noticed() {
    let rig = Rig::new(Compression::Zlib);
    let full = rig.back_up(None).await;
    let hashes = rig.file(&full, "_sha256file");
    let whole = std::fs::read_to_string(&hashes).unwrap();
    let long = format!("{whole}{}", " ".repeat(2 << 20));
    let wrong = whole.replacen("    \"", "    \"0", 1);
    for text in ["", "{}", &whole[..whole.len() / 2], &wrong, &long] {
        std::fs::write(&hashes, text).unwrap();
        is_noticed(&rig, &[&full], "no hashes").await;
    }
}
