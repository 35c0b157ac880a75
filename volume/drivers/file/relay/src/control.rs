//! What a worker orders, and asks: a line of JSON, which is answered by another one.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use std::path::PathBuf;
use uuid::Uuid;

/// An order, or a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// What does it carry to whom, and which links have missed nothing?
    List,
    /// One connection of a mirror is to be accepted.
    Admit(Admission),
    /// The replica is to be made equal to the volume.
    Compare(Comparison),
    /// The replica, which is in sync, is to be compared with the volume.
    Verify(Verify),
    /// The replica is in sync: what it was before matters no more.
    Settle {
        /// The export of the replica.
        export: String,
        /// The link over which it is.
        link: Uuid,
    },
    /// The side that these mirrors come from executes nothing any more, although it has not hung up.
    Seal {
        /// The exports of the replicas.
        exports: Vec<String>,
    },
    /// The replica is to be touched no more.
    Forget {
        /// The export of the replica.
        export: String,
    },
}

/// The terms on which a mirror may connect, once. A mirror that loses its link, and connects by itself, is refused: it has missed
/// something, and what it writes next would leave a replica that the volume never was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The export of the replica.
    pub export: String,
    /// Whether the mirror has just begun: what the replica lacks is not known. Another one writes by itself what its replica has
    /// missed.
    pub is_new_mirror: bool,
    /// The file of the replica.
    pub replica: PathBuf,
    /// Its size, in bytes.
    pub size: u64,
    /// Where to keep what is overwritten until the replica is in sync; `None` when it is not worth keeping.
    pub undo_log: Option<PathBuf>,
}

/// How a replica is made equal to its volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The export of the replica.
    pub export: String,
    /// The file of the volume.
    pub source: PathBuf,
    /// The most bytes that are read of it in a second; `None` for no bound.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// How a replica that is in sync is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// The export of the replica.
    pub export: String,
    /// Which verification it is: one that was begun is not begun again.
    pub id: Uuid,
    /// The file of the volume.
    pub source: PathBuf,
    /// Whether what differs is made equal to the volume.
    pub repair: bool,
    /// The most bytes that are read of it in a second; `None` for no bound.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// How far the newest verification of a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Which one it is.
    pub id: Uuid,
    /// How much has still to be looked at.
    pub bytes_left: u64,
    /// How much was found to differ, in sectors of 4 KiB.
    pub differing_bytes: u64,
    /// Whether it has come to its end.
    pub is_done: bool,
}

/// What the relay says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To [`Request::List`].
    Listing(Listing),
    /// It is so.
    Done,
    /// It is not, for this reason.
    Refused(String),
}

/// What a relay carries to whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// Where the array's storage daemon takes NBD.
    pub target: PathBuf,
    /// How long a replica may hold up a write, in seconds.
    pub timeout: f64,
    /// The links that have missed nothing.
    pub links: Vec<Link>,
}

/// A mirror's connection that has missed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The export of the replica.
    pub export: String,
    /// By what it is known.
    pub id: Uuid,
    /// `false` once the mirror has disconnected without NBD_CMD_DISC, as one whose daemon was killed.
    pub is_open: bool,
    /// How the replica compares to the volume.
    pub replica: Equality,
    /// How far its newest verification over this link is.
    pub verification: Option<Verification>,
}

/// How a replica compares to its volume, but for what the mirror itself has recorded that it has missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Equality {
    /// That is not known.
    Unknown,
    /// It is being made equal.
    Comparing {
        /// How much has still to be looked at.
        bytes_left: u64,
    },
    /// It is equal. What it was before is still kept.
    Equal,
    /// It is equal, and nothing else is kept.
    Settled,
}
