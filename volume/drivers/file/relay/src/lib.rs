//! The write tracker. It forwards the writes of mirrors to the replicas of one array, and knows at
//! every moment whether a replica has missed one.
//!
//! A mirror whose target fails acknowledges writes without it, before a worker could record that. The relay sees
//! the failure first: it drops the mirror connection ([`connections`]), and only then forwards the failure. So a connection that it still
//! knows has missed no write. It also drops a connection whose target does not answer, so that no server waits for a
//! replica for longer than the bound.
//!
//! | step | file |
//! |---|---|
//! | a mirror connects, and names the export that it writes to | [`handshake`] |
//! | its requests go to the target, the target's replies come back | [`transmission`] |
//! | a worker queries the intact mirror connections | [`connections`] |

pub mod connections;
pub mod handshake;
pub mod transmission;
