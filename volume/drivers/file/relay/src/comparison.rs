//! Comparisons: a replica is made equal to its volume while its servers go on to write.

use crate::blocking::blocking;
use crate::connections::{MirrorConnections, Turns};
use crate::control::{Comparison, Equality};
use crate::pace::Pace;
use crate::replica::PART;
use crate::stopped::Stopped;
use std::fs::File;
use std::sync::Arc;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How many replicas are compared at once; the others wait.
const AT_ONCE: usize = 4;

/// The comparisons of an array's replicas.
#[derive(Debug)]
pub struct Comparisons {
    connections: Arc<MirrorConnections>,
    places: Semaphore,
}

impl Comparisons {
    /// None, yet.
    #[must_use]
    pub fn new(connections: Arc<MirrorConnections>) -> Arc<Self> {
        Arc::new(Self { connections, places: Semaphore::new(AT_ONCE) })
    }

    /// Begins one, unless that is done; `false` when the export has no link. One that fails can be begun again.
    pub async fn begin(self: &Arc<Self>, comparison: Comparison) -> bool {
        let export = &comparison.export;
        let Some((link, turns)) = self.connections.begin_comparison(export).await else {
            return self.connections.is_compared(export);
        };
        let all = self.clone();
        tokio::spawn(async move { all.run(&comparison, link, &turns).await });
        true
    }

    async fn run(&self, comparison: &Comparison, link: Uuid, turns: &Turns) {
        let export = &comparison.export;
        // the semaphore is never closed
        let _place = self.places.acquire().await;
        match self.compare(comparison, link, turns).await {
            Ok(()) => tracing::info!(export, "equal"),
            Err(Stopped::LinkLost) => tracing::info!(export, "not compared: its link is gone"),
            Err(Stopped::Failed(error)) => {
                tracing::warn!(export, %error, "not compared");
                self.connections.compared(export, link, Equality::Unknown);
            }
        }
    }

    async fn compare(
        &self,
        comparison: &Comparison,
        link: Uuid,
        turns: &Turns,
    ) -> Result<(), Stopped> {
        let path = comparison.source.clone();
        let source = Arc::new(blocking(move || File::open(path)).await?);
        let mut pace = Pace::new(comparison.bytes_per_second);
        let mut offset = 0;
        loop {
            let mut turn = turns.next().await;
            let bytes_left = turn.size().saturating_sub(offset);
            // in the turn: whoever takes over the replica waits for it
            let state = Equality::Comparing { bytes_left };
            if !self.connections.compared(&comparison.export, link, state) {
                return Err(Stopped::LinkLost);
            }
            let source = source.clone();
            let part = blocking(move || {
                let part = turn.next_part(&source, offset)?;
                match part {
                    Some(part) => turn.make_equal(&source, part, PART)?,
                    None => turn.sync()?,
                }
                Ok(part)
            });
            let Some(part) = part.await? else { break };
            offset = part + PART;
            pace.keep(PART).await;
        }
        let is_current = self.connections.compared(&comparison.export, link, Equality::Equal);
        if is_current { Ok(()) } else { Err(Stopped::LinkLost) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Admission;
    use crate::undo_log::{self, UndoLog, read_padded};
    use std::num::NonZeroU64;
    use std::os::unix::fs::FileExt;
    use std::path::PathBuf;
    use std::time::Duration;

    const SIZE: u64 = 8 * PART;

    struct Rig {
        directory: tempfile::TempDir,
        connections: Arc<MirrorConnections>,
        comparisons: Arc<Comparisons>,
        source: File,
        replica: File,
    }

    impl Rig {
        /// A volume that differs from its replica in two parts.
        async fn new() -> Self {
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
            source.write_all_at(b"new", 0).unwrap();
            replica.write_all_at(b"old", SIZE - PART).unwrap();
            UndoLog::create(&directory.path().join("log"), &replica).unwrap();
            let connections = Arc::new(MirrorConnections::default());
            let comparisons = Comparisons::new(connections.clone());
            let rig = Self { directory, connections, comparisons, source, replica };
            rig.admit(true).await;
            rig
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        async fn admit(&self, is_new_mirror: bool) {
            let admission = Admission {
                export: "v".to_owned(),
                is_new_mirror,
                replica: self.path("replica"),
                size: SIZE,
                undo_log: Some(self.path("log")),
            };
            self.connections.admit(&admission).await.unwrap();
        }

        async fn begin(&self, bytes_per_second: Option<u64>) -> bool {
            let comparison = Comparison {
                export: "v".to_owned(),
                source: self.path("source"),
                bytes_per_second: bytes_per_second.and_then(NonZeroU64::new),
            };
            self.comparisons.begin(comparison).await
        }

        fn state(&self) -> Option<Equality> {
            self.connections.links().first().map(|link| link.replica)
        }

        async fn wait_for(&self, wanted: Equality) {
            let seen = async {
                while self.state() != Some(wanted) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), seen).await.expect("in time");
        }

        fn is_equal(&self) -> bool {
            let content = |file| read_padded(file, 0, SIZE).unwrap();
            content(&self.source) == content(&self.replica)
        }
    }

    #[tokio::test]
    async fn a_replica_becomes_equal_and_can_be_what_it_was_until_it_is_settled() {
        let rig = Rig::new().await;
        let before = read_padded(&rig.replica, 0, SIZE).unwrap();
        assert!(!rig.begin(None).await, "there is no link");
        let connection = rig.connections.open("v").unwrap();
        assert_eq!(rig.state(), Some(Equality::Unknown));
        assert!(!rig.connections.settle("v", connection.id()).await);
        assert!(rig.begin(None).await && rig.begin(None).await);
        rig.wait_for(Equality::Equal).await;
        assert!(rig.is_equal());
        // servers go on to write
        connection.before_write(2 * PART, 4).await.unwrap();
        rig.replica.write_all_at(b"more", 2 * PART).unwrap();
        undo_log::restore(&rig.path("log"), &rig.replica, SIZE).unwrap();
        assert_eq!(read_padded(&rig.replica, 0, SIZE).unwrap(), before);
        let log = std::fs::metadata(rig.path("log")).unwrap().len();
        assert!(!rig.connections.settle("v", Uuid::new_v4()).await);
        assert!(rig.connections.settle("v", connection.id()).await);
        assert_eq!(rig.state(), Some(Equality::Settled));
        connection.before_write(4 * PART, 4).await.unwrap();
        assert_eq!(std::fs::metadata(rig.path("log")).unwrap().len(), log);
    }

    #[tokio::test]
    async fn a_link_that_is_lost_ends_the_comparison_and_the_same_mirror_needs_no_other_when_it_was_done()
     {
        let rig = Rig::new().await;
        let connection = rig.connections.open("v").unwrap();
        assert!(rig.begin(Some(1)).await);
        rig.wait_for(Equality::Comparing { bytes_left: SIZE }).await;
        connection.mark_broken();
        rig.admit(false).await;
        let connection = rig.connections.open("v").unwrap();
        assert_eq!(rig.state(), Some(Equality::Unknown));
        assert!(rig.begin(None).await);
        rig.wait_for(Equality::Equal).await;
        connection.mark_broken();
        rig.admit(false).await;
        let connection = rig.connections.open("v").unwrap();
        assert_eq!(rig.state(), Some(Equality::Equal));
        connection.mark_broken();
        rig.admit(true).await;
        let _connection = rig.connections.open("v").unwrap();
        assert_eq!(rig.state(), Some(Equality::Unknown));
    }

    #[tokio::test]
    async fn a_write_of_the_mirror_waits_for_the_turn_of_a_comparison() {
        let rig = Rig::new().await;
        let connection = rig.connections.open("v").unwrap();
        let (_, turns) = rig.connections.begin_comparison("v").await.unwrap();
        let turn = turns.next().await;
        let writing = connection.before_write(0, 3);
        tokio::pin!(writing);
        let early = tokio::time::timeout(Duration::from_millis(50), &mut writing).await;
        assert!(early.is_err());
        drop(turn);
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn a_volume_that_cannot_be_read_is_compared_again_later() {
        let rig = Rig::new().await;
        let _connection = rig.connections.open("v").unwrap();
        std::fs::rename(rig.path("source"), rig.path("away")).unwrap();
        assert!(rig.begin(None).await);
        rig.wait_for(Equality::Unknown).await;
        std::fs::rename(rig.path("away"), rig.path("source")).unwrap();
        assert!(rig.begin(None).await);
        rig.wait_for(Equality::Equal).await;
        assert!(rig.is_equal());
    }
}
