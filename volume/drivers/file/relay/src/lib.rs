//! The write tracker. It forwards the writes of mirrors to the replicas of one array, and knows at
//! every moment whether a replica has missed one.
//!
//! A mirror whose target fails acknowledges writes without it, before a worker could record that. The relay sees
//! the failure first: it drops the mirror connection ([`connections`]), and only then forwards the failure. So a connection that it still
//! knows has missed no write. It also drops a connection whose target does not answer, so that no server waits for a
//! replica for longer than the bound. A mirror that has lost its connection gets another one when a worker says so.
//!
//! A replica that lacks something is compared with its volume and overwritten where it differs. Until the worker has noted that it is in
//! sync, what is overwritten is kept.
//!
//! | step | file |
//! |---|---|
//! | a mirror connects, and names the export that it writes to | [`handshake`] |
//! | its requests go to the target, the target's replies come back | [`transmission`] |
//! | a worker admits mirrors, and asks for the intact connections | [`control`], [`connections`] |
//! | a replica is made equal to its volume | [`comparison`], [`replica`] |
//! | it is compared again later, while it is in sync | [`verification`] |
//! | what it was can be restored | [`undo_log`] |

mod blocking;
pub mod comparison;
pub mod connections;
pub mod control;
pub mod handshake;
mod pace;
pub mod replica;
mod stopped;
pub mod transmission;
pub mod undo_log;
pub mod verification;
