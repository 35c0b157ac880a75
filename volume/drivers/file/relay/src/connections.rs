//! Mirror connections: which of them have missed no write.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// The intact mirror connections, by export.
#[derive(Debug, Default)]
pub struct MirrorConnections {
    intact: Mutex<HashMap<String, State>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    id: Uuid,
    is_open: bool,
}

/// One mirror's connection.
#[derive(Debug)]
pub struct MirrorConnection<'a> {
    connections: &'a MirrorConnections,
    export: String,
    id: Uuid,
}

impl MirrorConnections {
    fn intact(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.intact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A mirror has connected.
    pub fn open(&self, export: &str) -> MirrorConnection<'_> {
        let id = Uuid::new_v4();
        self.intact().insert(export.to_owned(), State { id, is_open: true });
        MirrorConnection { connections: self, export: export.to_owned(), id }
    }

    /// A line for each: the export, the id, and whether the mirror is still connected.
    pub fn listing(&self) -> String {
        let mut listing = String::new();
        for (export, State { id, is_open }) in &*self.intact() {
            let state = if *is_open { "open" } else { "closed" };
            // writing to a string does not fail
            let _ = writeln!(listing, "{export} {id} {state}");
        }
        listing
    }
}

impl MirrorConnection<'_> {
    /// By what it is known.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The target has refused something or is lost, or the mirror goes on without it. Called before the
    /// mirror hears of it.
    pub fn mark_broken(&self) {
        let mut intact = self.connections.intact();
        // unless a later connection is what counts
        if intact.get(&self.export).is_some_and(|state| state.id == self.id) {
            intact.remove(&self.export);
        }
    }

    /// The mirror has disconnected without NBD_CMD_DISC, as one whose daemon was killed.
    pub fn close(&self) {
        if let Some(state) = self.connections.intact().get_mut(&self.export)
            && state.id == self.id
        {
            state.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(connection: &MirrorConnection<'_>, state: &str) -> String {
        format!("v {} {state}\n", connection.id())
    }

    #[test]
    fn a_link_is_known_until_it_has_missed_something() {
        let connections = MirrorConnections::default();
        let connection = connections.open("v");
        assert_eq!(connections.listing(), line(&connection, "open"));
        connection.close();
        assert_eq!(connections.listing(), line(&connection, "closed"));
        connection.mark_broken();
        assert_eq!(connections.listing(), "");
    }

    #[test]
    fn the_end_of_an_older_connection_says_nothing_of_the_newer_one() {
        let connections = MirrorConnections::default();
        let (older, newer) = (connections.open("v"), connections.open("v"));
        older.close();
        older.mark_broken();
        assert_eq!(connections.listing(), line(&newer, "open"));
    }
}
