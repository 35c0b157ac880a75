//! The drivers of the real Cinder restore what is written here, and write what is restored here.

use super::{CHUNK, Rig, VOLUME, content, environment, names};
use crate::{BackupStore, Compression, NewBackup, S3Settings, Settings, Stored};
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;

const BLOCK: usize = 32768;

fn cinder(arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/cinder-backup.py");
    let mut command = Command::new(environment("CINDER_PYTHON"));
    let ran = command.arg(script).arg(format!("--chunk={CHUNK}")).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// A volume that is backed up by Cinder, in what both of them use.
struct Both {
    store: String,
    files: tempfile::TempDir,
    compression: Compression,
}

impl Both {
    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn cinder_writes(&self, volume: &[u8], new: &NewBackup) {
        let file = self.file("volume");
        std::fs::write(&file, volume).unwrap();
        let (id, volume_id) = (new.id.to_string(), new.volume_id.to_string());
        let parent = new.parent_id.map(|id| id.to_string());
        let compression = format!("--compression={}", self.compression.as_str());
        let mut arguments = vec![compression.as_str(), "--name=ä name", "write", &self.store];
        arguments.extend([file.to_str().unwrap(), &id, &volume_id]);
        arguments.extend(parent.as_deref());
        cinder(&arguments);
    }

    fn cinder_restores(&self, id: Uuid) -> Vec<u8> {
        let file = self.file("restored");
        cinder(&["restore", &self.store, &id.to_string(), file.to_str().unwrap()]);
        std::fs::read(file).unwrap()
    }
}

fn on(store: &BackupStore, parent: Option<&NewBackup>) -> NewBackup {
    NewBackup {
        parent: parent.map(|parent| store.place(parent).unwrap()),
        parent_id: parent.map(|parent| parent.id),
        ..NewBackup::of_tests(VOLUME as u64)
    }
}

async fn restored(store: &BackupStore, backups: &[&NewBackup]) -> Vec<u8> {
    let chain: Vec<Stored> = backups.iter().map(|new| store.place(new).unwrap()).collect();
    let verified = store.verify(&chain, VOLUME as u64, &|_| ()).await.unwrap();
    assert!(verified.has_hashes);
    let mut content = Vec::new();
    let mut reader = store.open(&chain, VOLUME as u64).await.unwrap();
    reader.read_to_end(&mut content).await.unwrap();
    content
}

/// Four backups in one chain, by either in turn, whoever begins; each point in time is restored by both.
async fn in_turn(store: &BackupStore, both: &Both, begins: usize) {
    let mut volume = content(1);
    let mut chain: Vec<NewBackup> = Vec::new();
    for turn in 0..4 {
        let other = content(10 + turn as u64);
        for (at, length) in [(turn * 5 * BLOCK + 7, 2 * BLOCK), (20 * BLOCK, 9), (VOLUME - 9, 9)] {
            volume[at..at + length].copy_from_slice(&other[at..at + length]);
        }
        // data that become zeros have to be written as such
        volume[10 * BLOCK..11 * BLOCK].fill(if turn % 2 == 0 { 7 } else { 0 });
        let new = on(store, chain.last());
        if (turn + begins).is_multiple_of(2) {
            both.cinder_writes(&volume, &new);
        } else {
            store.write(&new, &mut &volume[..], &|_| ()).await.unwrap();
        }
        chain.push(new);
        let newest_first: Vec<_> = chain.iter().rev().collect();
        assert!(restored(store, &newest_first).await == volume, "here, turn {turn}");
        let id = chain.last().unwrap().id;
        assert!(both.cinder_restores(id) == volume, "by Cinder, turn {turn}");
    }
    for new in &chain[..2] {
        cinder(&["delete", &both.store, &new.id.to_string()]);
        assert!(store.describe(&store.place(new).unwrap()).await.is_err());
    }
    for new in &chain {
        store.delete(&store.place(new).unwrap()).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs a Python with Cinder, which CINDER_PYTHON names"]
async fn cinder_and_we_restore_what_either_wrote_to_a_directory() {
    for (begins, compression) in
        [Compression::Zlib, Compression::None, Compression::Bz2, Compression::Zstd]
            .into_iter()
            .enumerate()
    {
        let rig = Rig::new(compression);
        let store = rig.directory.path().to_str().unwrap().to_owned();
        let both = Both { store, files: tempfile::tempdir().unwrap(), compression };
        in_turn(&rig.store, &both, begins).await;
    }
}

#[tokio::test]
#[ignore = "needs a Python with Cinder, which CINDER_PYTHON names"]
async fn what_is_written_is_what_cinder_would_have_written() {
    let (ours, theirs) = (Rig::new(Compression::None), Rig::new(Compression::None));
    let store = theirs.directory.path().to_str().unwrap().to_owned();
    let compression = Compression::None;
    let both = Both { store, files: tempfile::tempdir().unwrap(), compression };
    let full = on(&ours.store, None);
    let increment = on(&ours.store, Some(&full));
    let mut volume = content(1);
    for new in [&full, &increment] {
        both.cinder_writes(&volume, new);
        let described = theirs.store.describe(&theirs.stored(new)).await.unwrap();
        let new = NewBackup { volume_meta: described.volume_meta.clone(), ..new.clone() };
        ours.store.write(&new, &mut &volume[..], &|_| ()).await.unwrap();
        assert_eq!(ours.store.describe(&ours.stored(&new)).await.unwrap(), described);
        let (here, there) = (ours.file(&new, ""), theirs.file(&new, ""));
        let (here, there) = (here.parent().unwrap(), there.parent().unwrap());
        assert_eq!(names(here), names(there));
        for name in names(here) {
            let read = |directory: &Path| std::fs::read(directory.join(&name)).unwrap();
            let (here, there) = (read(here), read(there));
            if name.ends_with("_metadata") {
                assert_eq!(without_volume_meta(&here), without_volume_meta(&there));
            } else {
                assert!(here == there, "{name}");
            }
        }
        for (at, length) in [(BLOCK, 3 * BLOCK), (8 * BLOCK, 1), (VOLUME - 1, 1)] {
            volume[at..at + length].fill(b'#');
        }
    }
}

/// The spaces in the text of what is known of a volume are Python's own.
fn without_volume_meta(text: &[u8]) -> String {
    let text = std::str::from_utf8(text).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("  \"volume_meta\": "));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
#[ignore = "needs a Python with Cinder and boto3, which CINDER_PYTHON names, and a server of S3"]
async fn cinder_and_we_restore_what_either_wrote_to_a_bucket() {
    let settings = Settings { chunk_bytes: CHUNK, compression: Compression::Zlib };
    let [endpoint, access, secret] =
        ["S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"].map(environment);
    let s3 = S3Settings::new(endpoint.clone(), access, secret);
    let store = BackupStore::s3(s3, settings).unwrap();
    let files = tempfile::tempdir().unwrap();
    let both = Both { store: endpoint, files, compression: Compression::Zlib };
    for begins in 0..2 {
        in_turn(&store, &both, begins).await;
    }
}
