//! Verifications: a replica that is in sync is compared with its volume while its servers go on to write, and what differs is counted,
//! or made equal.
//!
//! A write of the mirror is in the volume before it is in the replica, so that a look at both may find a difference that is none. A
//! sector differs when two looks find the same on either side, and not equal, with so much time between them that a write that was on
//! its way at the first look has arrived by the second, or has broken the link.

use crate::blocking::blocking;
use crate::connections::{MirrorConnections, Turns};
use crate::control::{Verification, Verify};
use crate::pace::Pace;
use crate::replica::{Block, PART, Replica};
use crate::stopped::Stopped;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How many replicas are verified at once; the others wait.
const AT_ONCE: usize = 1;
/// How many blocks may look different before they are looked at again.
const MOST_SUSPECTS: usize = 256;
/// How often a block is looked at that is being written all the time: its writes make it equal.
const MOST_LOOKS: u32 = 5;
/// What is counted of a block that differs: sectors.
const SECTOR: usize = 4096;

/// The verifications of an array's replicas.
#[derive(Debug)]
pub struct Verifications {
    connections: Arc<MirrorConnections>,
    places: Semaphore,
    /// How long a write may be on its way.
    patience: Duration,
}

/// The files of one replica and its volume.
struct Pair {
    source: File,
    replica: Replica,
}

impl Verifications {
    /// None, yet.
    #[must_use]
    pub fn new(connections: Arc<MirrorConnections>, patience: Duration) -> Arc<Self> {
        Arc::new(Self { connections, places: Semaphore::new(AT_ONCE), patience })
    }

    /// Begins one, unless that is done; `false` when the replica is not in sync.
    pub async fn begin(self: &Arc<Self>, verify: Verify) -> bool {
        let begun = self.connections.begin_verification(&verify.export, verify.id);
        let Some(link) = begun.await else {
            return self.connections.is_verified(&verify.export, verify.id);
        };
        let all = self.clone();
        tokio::spawn(async move { all.run(&verify, link).await });
        true
    }

    async fn run(&self, verify: &Verify, link: Uuid) {
        let export = &verify.export;
        // the semaphore is never closed
        let _place = self.places.acquire().await;
        match self.verify(verify, link).await {
            Ok(0) => tracing::info!(export, "verified: equal"),
            Ok(differing_bytes) => {
                tracing::error!(export, differing_bytes, verify.repair, "verified: different");
            }
            Err(Stopped::LinkLost) => tracing::info!(export, "not verified: its link is gone"),
            Err(Stopped::Failed(error)) => {
                tracing::error!(export, %error, "cannot be read to the end: what was not read counts as different");
                self.connections.end_verification(export, link);
            }
        }
    }

    /// Returns how many bytes differed.
    async fn verify(&self, verify: &Verify, link: Uuid) -> Result<u64, Stopped> {
        let turns = self.connections.turns_of(&verify.export).ok_or(Stopped::LinkLost)?;
        let replica = turns.next().await.reader()?;
        let path = verify.source.clone();
        let source = blocking(move || File::open(path)).await?;
        let pair = Arc::new(Pair { source, replica });
        let mut pace = Pace::new(verify.bytes_per_second);
        let mut state = Verification {
            id: verify.id,
            bytes_left: pair.replica.size(),
            differing_bytes: 0,
            is_done: false,
        };
        let mut offset = Some(0);
        while let Some(from) = offset {
            let suspects;
            (suspects, offset) = self.scan(verify, link, &pair, from, &mut pace, state).await?;
            state.differing_bytes += self.judge(verify, link, &turns, &pair, suspects).await?;
        }
        let done = Verification { bytes_left: 0, is_done: true, ..state };
        self.require_current(verify, link, done)?;
        Ok(done.differing_bytes)
    }

    fn require_current(
        &self,
        verify: &Verify,
        link: Uuid,
        state: Verification,
    ) -> Result<(), Stopped> {
        let is_current = self.connections.verified(&verify.export, link, state);
        if is_current { Ok(()) } else { Err(Stopped::LinkLost) }
    }

    /// Reads on from an offset; returns the blocks that look different, and where to go on after they have been judged.
    async fn scan(
        &self,
        verify: &Verify,
        link: Uuid,
        pair: &Arc<Pair>,
        from: u64,
        pace: &mut Pace,
        state: Verification,
    ) -> Result<(Vec<Block>, Option<u64>), Stopped> {
        let mut suspects = Vec::new();
        let mut offset = from;
        while suspects.len() < MOST_SUSPECTS {
            let bytes_left = pair.replica.size().saturating_sub(offset);
            self.require_current(verify, link, Verification { bytes_left, ..state })?;
            let pair = pair.clone();
            let looked = blocking(move || {
                let Some(part) = pair.replica.next_part(&pair.source, offset)? else {
                    return Ok(None);
                };
                Ok(Some((part, pair.replica.differing_blocks(&pair.source, part, PART)?)))
            });
            let Some((part, differing)) = looked.await? else { return Ok((suspects, None)) };
            suspects.extend(differing);
            offset = part + PART;
            pace.keep(PART).await;
        }
        Ok((suspects, Some(offset)))
    }

    /// Looks at blocks again until they are equal, or known to differ; returns how many bytes of them do.
    async fn judge(
        &self,
        verify: &Verify,
        link: Uuid,
        turns: &Arc<Turns>,
        pair: &Arc<Pair>,
        mut suspects: Vec<Block>,
    ) -> Result<u64, Stopped> {
        // what is written without a turn has arrived before anything is made equal
        let _in_turns = (verify.repair && !suspects.is_empty()).then(|| turns.all_in_turns());
        let mut differing_bytes = 0;
        for _ in 0..MOST_LOOKS {
            if suspects.is_empty() {
                break;
            }
            tokio::time::sleep(self.patience).await;
            let mut undecided = Vec::new();
            for before in suspects {
                let (offset, length) = (before.offset, before.wanted.len() as u64);
                let files = pair.clone();
                let now =
                    blocking(move || files.replica.differing_blocks(&files.source, offset, length));
                match now.await?.pop() {
                    None => {}
                    Some(now) => match bytes_that_differ(&before, &now) {
                        0 => undecided.push(now),
                        bytes => {
                            differing_bytes += bytes;
                            if verify.repair {
                                self.repair(verify, link, turns, pair, (offset, length)).await?;
                            }
                        }
                    },
                }
            }
            suspects = undecided;
        }
        if verify.repair && differing_bytes > 0 {
            // in no turn: it may take long, and writes wait for turns
            let files = pair.clone();
            blocking(move || files.replica.sync()).await?;
        }
        Ok(differing_bytes)
    }

    /// Makes a block equal, in a turn: a write that is not in what is read comes after it.
    async fn repair(
        &self,
        verify: &Verify,
        link: Uuid,
        turns: &Arc<Turns>,
        pair: &Arc<Pair>,
        (offset, length): (u64, u64),
    ) -> Result<(), Stopped> {
        let mut turn = turns.next().await;
        // in the turn: whoever takes over the replica waits for it
        if !self.connections.is_being_verified(&verify.export, link) {
            return Err(Stopped::LinkLost);
        }
        let files = pair.clone();
        let repaired = blocking(move || turn.make_equal(&files.source, offset, length));
        Ok(repaired.await?)
    }
}

/// The bytes of a block's sectors that are not equal, and were the same at an earlier look: a sector beside them may be written all the
/// time.
fn bytes_that_differ(before: &Block, now: &Block) -> u64 {
    let differs = |number: &usize| {
        let (wanted, found) = (sector(&now.wanted, *number), sector(&now.found, *number));
        wanted != found
            && wanted == sector(&before.wanted, *number)
            && found == sector(&before.found, *number)
    };
    let sectors = 0..now.wanted.len().div_ceil(SECTOR);
    sectors.filter(differs).map(|number| sector(&now.wanted, number).len() as u64).sum()
}

fn sector(block: &[u8], number: usize) -> &[u8] {
    block.chunks(SECTOR).nth(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Comparisons;
    use crate::control::{Admission, Comparison, Equality};
    use std::os::unix::fs::FileExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    const SIZE: u64 = 4 * PART;
    const PATIENCE: Duration = Duration::from_millis(20);

    struct Rig {
        _directory: tempfile::TempDir,
        connections: Arc<MirrorConnections>,
        verifications: Arc<Verifications>,
        source_path: std::path::PathBuf,
        source: File,
        replica: File,
    }

    impl Rig {
        /// A volume with a replica that is in sync.
        async fn in_sync() -> Self {
            Self::in_sync_with(PATIENCE).await
        }

        async fn in_sync_with(patience: Duration) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let file = |name: &str| {
                let path = directory.path().join(name);
                let file = File::options().create_new(true).read(true).write(true).open(path);
                let file = file.unwrap();
                file.set_len(SIZE).unwrap();
                file.write_all_at(b"same", 2 * PART).unwrap();
                file
            };
            let (source, replica) = (file("source"), file("replica"));
            let connections = Arc::new(MirrorConnections::default());
            let admission = Admission {
                export: "v".to_owned(),
                is_new_mirror: true,
                replica: directory.path().join("replica"),
                size: SIZE,
                undo_log: None,
            };
            connections.admit(&admission).await.unwrap();
            Self {
                verifications: Verifications::new(connections.clone(), patience),
                source_path: directory.path().join("source"),
                _directory: directory,
                connections,
                source,
                replica,
            }
        }

        async fn settle(&self, link: Uuid) {
            let comparisons = Comparisons::new(self.connections.clone());
            let (export, source) = ("v".to_owned(), self.source_path.clone());
            let comparison = Comparison { export, source, bytes_per_second: None };
            assert!(comparisons.begin(comparison).await);
            self.until(|rig| rig.link_is(Equality::Equal)).await;
            assert!(self.connections.settle("v", link).await);
        }

        fn link_is(&self, equality: Equality) -> bool {
            self.connections.links().first().is_some_and(|link| link.replica == equality)
        }

        async fn until(&self, is_so: impl Fn(&Self) -> bool) {
            let seen = async {
                while !is_so(self) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), seen).await.expect("in time");
        }

        async fn begin(&self, id: Uuid, repair: bool) -> bool {
            let (export, source) = ("v".to_owned(), self.source_path.clone());
            let verify = Verify { export, id, source, repair, bytes_per_second: None };
            self.verifications.begin(verify).await
        }

        fn found(&self) -> Option<Verification> {
            let verification = self.connections.links().first()?.verification;
            verification.filter(|verification| verification.is_done)
        }

        async fn verify(&self, repair: bool) -> u64 {
            let id = Uuid::new_v4();
            assert!(self.begin(id, repair).await);
            self.until(|rig| rig.found().is_some_and(|found| found.id == id)).await;
            assert!(self.begin(id, repair).await, "it is done");
            self.found().unwrap().differing_bytes
        }
    }

    #[tokio::test]
    async fn what_differs_is_counted_and_made_equal_only_if_that_is_asked_for() {
        let rig = Rig::in_sync().await;
        assert!(!rig.begin(Uuid::new_v4(), false).await, "there is no link");
        let connection = rig.connections.open("v").unwrap();
        assert!(!rig.begin(Uuid::new_v4(), false).await, "it is not in sync");
        rig.settle(connection.id()).await;
        assert_eq!(rig.verify(false).await, 0);
        rig.replica.write_all_at(b"rot", PART + 5).unwrap();
        rig.replica.write_all_at(b"rot", SIZE - 3).unwrap();
        for _ in 0..2 {
            assert_eq!(rig.verify(false).await, 2 * SECTOR as u64);
        }
        assert_eq!(rig.verify(true).await, 2 * SECTOR as u64);
        assert_eq!(rig.verify(false).await, 0);
        let mut mended = [1; 3];
        rig.replica.read_exact_at(&mut mended, SIZE - 3).unwrap();
        assert_eq!(mended, [0; 3]);
        assert!(rig.link_is(Equality::Settled));
    }

    /// Each write is in the volume for a while before it is in the replica.
    #[tokio::test]
    async fn what_is_on_its_way_does_not_differ() {
        // no write is on its way for so long, however busy the machine is
        let rig = Rig::in_sync_with(PATIENCE * 25).await;
        let connection = rig.connections.open("v").unwrap();
        rig.settle(connection.id()).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let files = (rig.source.try_clone().unwrap(), rig.replica.try_clone().unwrap());
        let seen = is_over.clone();
        let writer = std::thread::spawn(move || {
            for byte in (1..=u8::MAX).cycle() {
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                files.0.write_all_at(&[byte; 100], PART).unwrap();
                std::thread::sleep(PATIENCE / 2);
                files.1.write_all_at(&[byte; 100], PART).unwrap();
            }
        });
        for _ in 0..5 {
            assert_eq!(rig.verify(false).await, 0);
        }
        is_over.store(true, Ordering::SeqCst);
        writer.join().unwrap();
    }

    /// A sector beside it is written all the time.
    #[test]
    fn a_sector_differs_that_is_the_same_at_both_looks() {
        let block = |wanted: [u8; 3], found: [u8; 3]| {
            let sectors = |bytes: [u8; 3]| bytes.map(|byte| vec![byte; SECTOR]).concat();
            Block { offset: 0, wanted: sectors(wanted), found: sectors(found) }
        };
        let before = block([1, 5, 7], [2, 5, 9]);
        assert_eq!(bytes_that_differ(&before, &before), 2 * SECTOR as u64);
        assert_eq!(bytes_that_differ(&before, &block([3, 5, 7], [1, 5, 9])), SECTOR as u64);
        assert_eq!(bytes_that_differ(&before, &block([3, 5, 9], [1, 5, 9])), 0);
        // one side alone has changed
        assert_eq!(bytes_that_differ(&before, &block([1, 5, 8], [2, 5, 9])), SECTOR as u64);
        assert_eq!(bytes_that_differ(&before, &block([1, 5, 7], [3, 5, 9])), SECTOR as u64);
    }

    #[tokio::test]
    async fn writes_take_turns_while_blocks_are_repaired_and_a_lost_link_ends_it() {
        let rig = Rig::in_sync().await;
        let connection = rig.connections.open("v").unwrap();
        rig.settle(connection.id()).await;
        rig.replica.write_all_at(b"rot", 0).unwrap();
        let turns = rig.connections.turns_of("v").unwrap();
        let turn = turns.next().await;
        assert!(connection.before_write(0, 1).await.is_ok(), "no turn is needed");
        drop(turn);
        assert!(rig.begin(Uuid::new_v4(), true).await);
        let early = Duration::from_millis(1);
        let mut waits = false;
        for _ in 0..1000 {
            tokio::time::sleep(early).await;
            let _turn = turns.next().await;
            waits = tokio::time::timeout(early, connection.before_write(0, 1)).await.is_err();
            if waits {
                connection.mark_broken();
                break;
            }
        }
        assert!(waits);
        // whatever it was about to do
        tokio::time::sleep(PATIENCE * 3).await;
        let mut kept = [0; 3];
        rig.replica.read_exact_at(&mut kept, 0).unwrap();
        assert_eq!(&kept, b"rot");
    }
}
