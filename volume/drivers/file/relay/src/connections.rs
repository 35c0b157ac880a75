//! Mirror connections: which of them have missed no write, and whose replica is equal to its volume.
//!
//! Writes and comparisons take turns at a replica. A comparison reads a part of the volume and writes it to the replica in one turn; a
//! write of the mirror, which is in the volume already when it comes here, waits for the turn that is under way. So what a
//! comparison has read too early is overwritten by the write that it did not see.

use crate::blocking::blocking;
use crate::control::{Admission, Equality, Link, Verification};
use crate::replica::Replica;
use crate::undo_log::UndoLog;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

/// The mirrors that may connect, and their connections that have missed nothing, by export.
#[derive(Debug, Default)]
pub struct MirrorConnections {
    exports: Mutex<HashMap<String, Export>>,
}

#[derive(Debug)]
struct Export {
    is_admitted: bool,
    link: Option<State>,
    replica: Equality,
    /// The newest one over the link.
    verification: Option<Verification>,
    turns: Arc<Turns>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    id: Uuid,
    is_open: bool,
    /// Nothing that comes over it counts any more.
    is_sealed: bool,
}

impl Export {
    fn lose_link(&mut self) {
        self.link = None;
        self.verification = None;
        if let Equality::Comparing { .. } = self.replica {
            self.replica = Equality::Unknown;
        }
    }
}

/// Who may touch a replica.
#[derive(Debug)]
pub(crate) struct Turns {
    replica: Arc<tokio::sync::Mutex<Replica>>,
    /// Nothing is compared or kept: writes need no turn.
    is_settled: AtomicBool,
    /// Although that is so, they take turns: blocks are being repaired.
    all_in_turns: AtomicBool,
}

/// Every write takes a turn as long as this lives.
pub(crate) struct AllInTurns<'a>(&'a AtomicBool);

impl Drop for AllInTurns<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Turns {
    fn new(replica: Replica, is_settled: bool) -> Self {
        let replica = Arc::new(tokio::sync::Mutex::new(replica));
        let is_settled = AtomicBool::new(is_settled);
        Self { replica, is_settled, all_in_turns: AtomicBool::new(false) }
    }

    /// From now on every write takes a turn; those that did not, and are on their way, may still arrive.
    pub fn all_in_turns(&self) -> AllInTurns<'_> {
        self.all_in_turns.store(true, Ordering::SeqCst);
        AllInTurns(&self.all_in_turns)
    }

    fn are_needed(&self) -> bool {
        !self.is_settled.load(Ordering::SeqCst) || self.all_in_turns.load(Ordering::SeqCst)
    }

    /// A turn, when the one that is under way is over.
    pub async fn next(&self) -> OwnedMutexGuard<Replica> {
        self.replica.clone().lock_owned().await
    }
}

/// One mirror's connection.
#[derive(Debug)]
pub struct MirrorConnection<'a> {
    connections: &'a MirrorConnections,
    export: String,
    id: Uuid,
    turns: Arc<Turns>,
}

impl MirrorConnections {
    fn exports(&self) -> MutexGuard<'_, HashMap<String, Export>> {
        self.exports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts the next connection of a mirror; one that there was counts no more.
    ///
    /// # Errors
    /// When its replica, or what is kept of it, cannot be opened.
    pub async fn admit(&self, admission: &Admission) -> io::Result<()> {
        let Admission { export, is_new_mirror, replica, size, undo_log } = admission.clone();
        let open = move || {
            let file = File::options().read(true).write(true).open(replica)?;
            let undo_log = undo_log.map(|path| UndoLog::open(&path, size)).transpose()?;
            Ok(Replica::new(file, size, undo_log))
        };
        let turns = match self.turns_of(&export) {
            Some(turns) => {
                // whoever has a turn at the same files ends it first
                let mut turn = turns.next().await;
                *turn = blocking(open).await?;
                turns.is_settled.store(false, Ordering::SeqCst);
                drop(turn);
                turns
            }
            None => Arc::new(Turns::new(blocking(open).await?, false)),
        };
        let mut exports = self.exports();
        let known = exports.get(&export).map(|export| export.replica);
        let replica = match known {
            Some(Equality::Equal | Equality::Settled) if !is_new_mirror => Equality::Equal,
            Some(_) | None => Equality::Unknown,
        };
        let admitted = Export { is_admitted: true, link: None, replica, verification: None, turns };
        exports.insert(export, admitted);
        Ok(())
    }

    /// Accepts the next connection of a mirror to a replica without a file, of which nothing is kept: for tests.
    ///
    /// # Errors
    /// When there is no `/dev/null`.
    pub fn admit_without_file(&self, export: &str) -> io::Result<()> {
        let turns = Arc::new(Turns::new(Replica::new(File::open("/dev/null")?, 0, None), true));
        let replica = Equality::Settled;
        let admitted = Export { is_admitted: true, link: None, replica, verification: None, turns };
        self.exports().insert(export.to_owned(), admitted);
        Ok(())
    }

    pub(crate) fn turns_of(&self, export: &str) -> Option<Arc<Turns>> {
        self.exports().get(export).map(|export| export.turns.clone())
    }

    /// A mirror has connected; `None` when it may not. One that connects by itself has missed something.
    pub fn open(&self, export: &str) -> Option<MirrorConnection<'_>> {
        let mut exports = self.exports();
        let admitted = exports.get_mut(export)?;
        if !admitted.is_admitted {
            admitted.lose_link();
            return None;
        }
        let id = Uuid::new_v4();
        admitted.is_admitted = false;
        admitted.link = Some(State { id, is_open: true, is_sealed: false });
        let turns = admitted.turns.clone();
        Some(MirrorConnection { connections: self, export: export.to_owned(), id, turns })
    }

    /// The connections that have missed nothing.
    pub fn links(&self) -> Vec<Link> {
        let exports = self.exports();
        let link = |(export, known): (&String, &Export)| {
            let State { id, is_open, .. } = known.link?;
            let Export { replica, verification, .. } = *known;
            Some(Link { export: export.clone(), id, is_open, replica, verification })
        };
        exports.iter().filter_map(link).collect()
    }

    /// Whether a replica has an open link over which it is compared, or need not be.
    pub(crate) fn is_compared(&self, export: &str) -> bool {
        let exports = self.exports();
        let known = exports.get(export);
        known.is_some_and(|known| {
            known.link.is_some_and(|link| link.is_open) && known.replica != Equality::Unknown
        })
    }

    /// Begins to compare a replica over its open link; `None` when there is none, or the replica is compared already.
    pub(crate) async fn begin_comparison(&self, export: &str) -> Option<(Uuid, Arc<Turns>)> {
        let bytes_left = self.turns_of(export)?.next().await.size();
        let mut exports = self.exports();
        let known = exports.get_mut(export)?;
        let link = known.link.filter(|link| link.is_open)?;
        let is_unknown = known.replica == Equality::Unknown;
        is_unknown.then(|| {
            known.replica = Equality::Comparing { bytes_left };
            (link.id, known.turns.clone())
        })
    }

    /// Notes how far a comparison is; `false` when its link is not the one that counts any more.
    pub(crate) fn compared(&self, export: &str, link: Uuid, replica: Equality) -> bool {
        let mut exports = self.exports();
        let known = exports.get_mut(export);
        let is_current =
            |known: &&mut Export| known.link.is_some_and(|state| state.id == link && state.is_open);
        known.filter(is_current).is_some_and(|known| {
            known.replica = replica;
            true
        })
    }

    /// Begins to verify a replica over its open link; `None` when there is none, the replica is not in sync, or it is, or was, the same
    /// verification.
    pub(crate) async fn begin_verification(&self, export: &str, id: Uuid) -> Option<Uuid> {
        let size = self.turns_of(export)?.next().await.size();
        let mut exports = self.exports();
        let known = exports.get_mut(export)?;
        let link = known.link.filter(|link| link.is_open)?;
        let is_same = known.verification.is_some_and(|verification| verification.id == id);
        // one that is under way comes to its end first
        let is_free = known.verification.is_none_or(|verification| verification.is_done);
        (known.replica == Equality::Settled && !is_same && is_free).then(|| {
            let bytes_left = size;
            let began = Verification { id, bytes_left, differing_bytes: 0, is_done: false };
            known.verification = Some(began);
            link.id
        })
    }

    /// Whether a replica is, or was, verified by this one over its link.
    pub(crate) fn is_verified(&self, export: &str, id: Uuid) -> bool {
        let exports = self.exports();
        let newest = exports.get(export).and_then(|known| known.verification);
        newest.is_some_and(|verification| verification.id == id)
    }

    /// Whether a verification goes on over this link.
    pub(crate) fn is_being_verified(&self, export: &str, link: Uuid) -> bool {
        let exports = self.exports();
        exports.get(export).is_some_and(|known| {
            known.verification.is_some_and(|verification| !verification.is_done)
                && known.link.is_some_and(|state| state.id == link && state.is_open)
        })
    }

    /// Notes how far a verification is; `false` when its link is not the one that counts any more.
    pub(crate) fn verified(&self, export: &str, link: Uuid, state: Verification) -> bool {
        if !self.is_being_verified(export, link) {
            return false;
        }
        let mut exports = self.exports();
        let newest = exports.get_mut(export).and_then(|known| known.verification.as_mut());
        let same = newest.filter(|verification| verification.id == state.id);
        same.is_some_and(|verification| {
            *verification = state;
            true
        })
    }

    /// A verification ends before its end: what it has not read counts as different.
    pub(crate) fn end_verification(&self, export: &str, link: Uuid) {
        if self.is_being_verified(export, link)
            && let Some(known) = self.exports().get_mut(export)
            && let Some(verification) = &mut known.verification
        {
            verification.is_done = true;
            verification.differing_bytes += verification.bytes_left;
        }
    }

    /// Keeps nothing any more of what a replica was; `false` when it is not known to be equal to its volume over this link.
    pub async fn settle(&self, export: &str, link: Uuid) -> bool {
        let Some(turns) = self.turns_of(export) else { return false };
        let mut turn = turns.next().await;
        let mut exports = self.exports();
        let Some(known) = exports.get_mut(export) else { return false };
        let is_equal = matches!(known.replica, Equality::Equal | Equality::Settled)
            && known.link.is_some_and(|state| state.id == link);
        if is_equal {
            turn.forget();
            turns.is_settled.store(true, Ordering::SeqCst);
            known.replica = Equality::Settled;
        }
        is_equal
    }

    /// The side that these mirrors come from executes nothing any more: it hears of no write that fails from now on, and acknowledges
    /// none.
    pub fn seal(&self, exports: &[String]) {
        let mut known = self.exports();
        for export in exports {
            let Some(known) = known.get_mut(export) else { continue };
            known.is_admitted = false;
            if let Some(state) = &mut known.link {
                (state.is_open, state.is_sealed) = (false, true);
            }
        }
    }

    /// Touches a replica no more, whatever was being done there, and forgets it.
    pub async fn forget(&self, export: &str) {
        let Some(turns) = self.turns_of(export) else { return };
        let _last = turns.next().await;
        self.exports().remove(export);
    }
}

impl MirrorConnection<'_> {
    /// By what it is known.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The mirror is going to overwrite a part of the replica. Waits until nobody else writes there, and what is there is kept.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn before_write(&self, offset: u64, length: u64) -> io::Result<()> {
        if !self.turns.are_needed() {
            return Ok(());
        }
        let mut turn = self.turns.next().await;
        if !self.is_current() {
            return Err(io::Error::other("another mirror has the replica"));
        }
        blocking(move || turn.preserve(&[(offset, length)])).await
    }

    fn is_current(&self) -> bool {
        let exports = self.connections.exports();
        let link = exports.get(&self.export).and_then(|known| known.link);
        link.is_some_and(|state| state.id == self.id)
    }

    /// The target has refused something or is lost, or the mirror goes on without it. Called before the
    /// mirror hears of it.
    pub fn mark_broken(&self) {
        let mut exports = self.connections.exports();
        let Some(known) = exports.get_mut(&self.export) else { return };
        // unless a later connection is what counts, or what it had missed by the end is known
        if known.link.is_some_and(|state| state.id == self.id && !state.is_sealed) {
            known.lose_link();
        }
    }

    /// The mirror has disconnected without NBD_CMD_DISC, as one whose daemon was killed.
    pub fn close(&self) {
        if let Some(known) = self.connections.exports().get_mut(&self.export)
            && let Some(state) = &mut known.link
            && state.id == self.id
        {
            state.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(connections: &MirrorConnections) -> MirrorConnection<'_> {
        connections.admit_without_file("v").unwrap();
        connections.open("v").unwrap()
    }

    fn link(connection: &MirrorConnection<'_>, is_open: bool) -> Link {
        let (export, id) = ("v".to_owned(), connection.id());
        Link { export, id, is_open, replica: Equality::Settled, verification: None }
    }

    #[test]
    fn a_link_is_known_until_it_has_missed_something() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        assert_eq!(connections.links(), [link(&connection, true)]);
        connection.close();
        assert_eq!(connections.links(), [link(&connection, false)]);
        connection.mark_broken();
        assert_eq!(connections.links(), []);
    }

    #[test]
    fn what_a_sealed_link_has_not_missed_it_does_not_miss_later() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        connections.seal(&["v".to_owned()]);
        connection.mark_broken();
        connection.close();
        assert_eq!(connections.links(), [link(&connection, false)]);
        let broken = admitted(&connections);
        broken.mark_broken();
        connections.seal(&["v".to_owned()]);
        assert_eq!(connections.links(), []);
        connections.admit_without_file("v").unwrap();
        connections.seal(&["v".to_owned()]);
        assert!(connections.open("v").is_none());
    }

    #[test]
    fn the_end_of_an_older_connection_says_nothing_of_the_newer_one() {
        let connections = MirrorConnections::default();
        let (older, newer) = (admitted(&connections), admitted(&connections));
        older.close();
        older.mark_broken();
        assert_eq!(connections.links(), [link(&newer, true)]);
    }

    #[test]
    fn a_mirror_connects_once_for_each_admission() {
        let connections = MirrorConnections::default();
        assert!(connections.open("v").is_none());
        let first = admitted(&connections);
        first.close();
        assert!(connections.open("v").is_none(), "what it has missed comes first");
        assert_eq!(
            connections.links(),
            [],
            "that it connects again says that it has missed something"
        );
        connections.admit_without_file("v").unwrap();
        assert!(connections.open("v").is_some());
    }
}
