//! What is known of a backup before it is written and after, and how it is written.

use crate::compression::Compression;
use crate::layout::Stored;
use time::OffsetDateTime;
use uuid::Uuid;

/// How backups are written. All of them are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much of a volume becomes one object at most, in bytes: a multiple of 32768. About twice that is in memory while a backup is written.
    pub chunk_bytes: u64,
    /// How objects are compressed.
    pub compression: Compression,
}

/// What is known of a backup before it is written.
#[derive(Clone, Debug)]
pub struct NewBackup {
    /// Its id.
    pub id: Uuid,
    /// The volume of which it is made.
    pub volume_id: Uuid,
    /// What it is called.
    pub name: Option<String>,
    /// What it is described as.
    pub description: Option<String>,
    /// When it was made, by its record: it stands in the names, so that another attempt has the same ones.
    pub created_at: OffsetDateTime,
    /// How large the volume is, in bytes.
    pub volume_bytes: u64,
    /// What is known of the volume, stored as JSON's text; null when nothing.
    pub volume_meta: serde_json::Value,
    /// The container that was asked for, if any.
    pub container: Option<String>,
    /// Where the backup is on which this one stands; `None` makes a full one.
    pub parent: Option<Stored>,
    /// The id of that; there is one when there is the other.
    pub parent_id: Option<Uuid>,
}

/// What became of a backup that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many objects have parts of the content.
    pub object_count: i32,
    /// How much of the volume was read: all of it, in bytes.
    pub bytes_read: u64,
    /// How much was stored, in bytes.
    pub bytes_stored: u64,
}

/// What was compared when a backup was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many objects of the chain were read, and compared with their lengths and MD5s.
    pub objects: u64,
    /// How large the volume is, in bytes.
    pub bytes: u64,
    /// Whether there are hashes of the volume's blocks, with which the whole was compared.
    pub has_hashes: bool,
}
