//! What nobody has thought of: random chains, and random damage.

use super::{Rig, VOLUME, content};
use crate::{BackupStore, Compression, NewBackup, Settings, Stored};
use tokio::io::AsyncReadExt as _;

/// Numbers that look random, by a seed that a failure names.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[tokio::test]
async fn every_point_in_time_of_a_random_chain_comes_back() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let directory = tempfile::tempdir().unwrap();
        let mut volume = content(seed);
        volume.truncate(1 + random.below(VOLUME));
        let bytes = volume.len() as u64;
        let (mut chain, mut states): (Vec<(NewBackup, Stored)>, Vec<_>) = (Vec::new(), Vec::new());
        // each backup with chunks and a compression of its own
        for _ in 0..1 + random.below(5) {
            let compressions = [Compression::None, Compression::Zlib, Compression::Zstd];
            let compression = compressions[random.below(3)];
            let chunk_bytes = 32768 * (1 + random.below(9) as u64);
            let settings = Settings { chunk_bytes, compression };
            let store = BackupStore::posix(directory.path().to_owned(), settings).unwrap();
            let mut new = NewBackup::of_tests(bytes);
            new.parent = chain.last().map(|(_, stored)| stored.clone());
            new.parent_id = chain.last().map(|(parent, _)| parent.id);
            store.write(&new, &mut &volume[..], &|_| ()).await.unwrap();
            let stored = store.place(&new).unwrap();
            chain.push((new, stored));
            states.push((store, volume.clone()));
            for _ in 0..random.below(6) {
                let start = random.below(volume.len());
                let length = 1 + random.below((volume.len() - start).min(100_000));
                let other = content(1000 + random.0 % 1000);
                volume[start..start + length].copy_from_slice(&other[start..start + length]);
            }
        }
        for (at, (store, state)) in states.iter().enumerate() {
            let stored: Vec<_> =
                chain[..=at].iter().rev().map(|(_, stored)| stored.clone()).collect();
            let (mut read, mut reader) = (Vec::new(), store.open(&stored, bytes).await.unwrap());
            reader.read_to_end(&mut read).await.unwrap();
            assert!(read == *state, "seed {seed}, backup {at}");
            store.verify(&stored, bytes, &|_| ()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn whatever_is_damaged_what_is_read_is_what_was_written_or_an_error() {
    let mut rig = Rig::new(Compression::Zlib);
    let full = rig.back_up(None).await;
    rig.change(90_000, 30_000, 2);
    let increment = rig.back_up(Some(&full)).await;
    let (mut random, mut errors) = (Random(1), 0);
    for round in 0..400 {
        let backup = if random.below(2) == 0 { &full } else { &increment };
        let end = ["_metadata", "_metadata", "_sha256file", "-00001"][random.below(4)];
        let file = rig.file(backup, end);
        let whole = std::fs::read(&file).unwrap();
        let mut damaged = whole.clone();
        let at = random.below(whole.len());
        match random.below(4) {
            0 => damaged[at] = random.below(256) as u8,
            1 => damaged[at] = b"0123456789\"{}[],"[random.below(16)],
            2 => drop(damaged.remove(at)),
            _ => damaged.truncate(at),
        }
        std::fs::write(&file, &damaged).unwrap();
        match rig.read(&[&increment, &full]).await {
            Ok(read) => assert!(read == rig.volume, "round {round}, {end} at {at}"),
            Err(_) => errors += 1,
        }
        let verified = rig.verify(&[&increment, &full]).await;
        if end == "-00001" && damaged != whole {
            assert!(verified.is_err(), "round {round} at {at}");
        }
        std::fs::write(&file, &whole).unwrap();
    }
    assert!(errors > 200, "{errors}");
}
