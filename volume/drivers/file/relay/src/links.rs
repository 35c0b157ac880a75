//! Links: which mirrors have reached their replicas with everything so far.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// All links that have missed nothing, by the export that they lead to.
#[derive(Debug, Default)]
pub struct Links {
    unbroken: Mutex<HashMap<String, State>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    id: Uuid,
    is_open: bool,
}

/// One mirror's connection.
#[derive(Debug)]
pub struct Link<'a> {
    links: &'a Links,
    export: String,
    id: Uuid,
}

impl Links {
    fn unbroken(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.unbroken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A mirror has connected.
    pub fn open(&self, export: &str) -> Link<'_> {
        let id = Uuid::new_v4();
        self.unbroken().insert(export.to_owned(), State { id, is_open: true });
        Link { links: self, export: export.to_owned(), id }
    }

    /// A line for each: the export, the id, and whether the mirror is still connected.
    pub fn listing(&self) -> String {
        let mut listing = String::new();
        for (export, State { id, is_open }) in &*self.unbroken() {
            let state = if *is_open { "open" } else { "closed" };
            // writing to a string does not fail
            let _ = writeln!(listing, "{export} {id} {state}");
        }
        listing
    }
}

impl Link<'_> {
    /// By what it is known.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The target has refused something or is lost, or the mirror goes on without it. Called before the
    /// mirror hears of it.
    pub fn sever(&self) {
        let mut unbroken = self.links.unbroken();
        // unless a later connection is what counts
        if unbroken.get(&self.export).is_some_and(|state| state.id == self.id) {
            unbroken.remove(&self.export);
        }
    }

    /// The mirror has gone without a word, as one whose daemon was killed.
    pub fn close(&self) {
        if let Some(state) = self.links.unbroken().get_mut(&self.export)
            && state.id == self.id
        {
            state.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(link: &Link<'_>, state: &str) -> String {
        format!("v {} {state}\n", link.id())
    }

    #[test]
    fn a_link_is_known_until_it_has_missed_something() {
        let links = Links::default();
        let link = links.open("v");
        assert_eq!(links.listing(), line(&link, "open"));
        link.close();
        assert_eq!(links.listing(), line(&link, "closed"));
        link.sever();
        assert_eq!(links.listing(), "");
    }

    #[test]
    fn the_end_of_an_older_connection_says_nothing_of_the_newer_one() {
        let links = Links::default();
        let (older, newer) = (links.open("v"), links.open("v"));
        older.close();
        older.sever();
        assert_eq!(links.listing(), line(&newer, "open"));
    }
}
