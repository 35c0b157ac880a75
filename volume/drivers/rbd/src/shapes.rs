//! What the commands print, as far as it is read.

use serde::Deserialize;

/// `rbd info`
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ImageInfo {
    /// What tells it from another image that had its name before.
    pub id: String,
    /// In bytes.
    pub size: u64,
    pub parent: Option<Parent>,
    pub mirroring: Option<Mirroring>,
}

/// How an image is mirrored.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mirroring {
    pub state: MirrorState,
    /// Whether it takes writes here.
    pub primary: bool,
}

/// Whether an image is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MirrorState {
    Enabled,
    Disabling,
    Disabled,
    /// A copy of which nothing is complete yet. The command has no name for it, and prints `unknown`.
    #[serde(other)]
    Creating,
}

/// What an image is a copy-on-write clone of.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Parent {
    pub pool: String,
    pub image: String,
    /// Whether the image is in the trash: then it has no name.
    pub trash: bool,
}

/// `rbd snap ls --all`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ImageSnapshot {
    /// Later ones have larger numbers.
    pub id: u64,
    pub name: String,
    pub namespace: SnapshotNamespace,
}

/// Whose a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum SnapshotNamespace {
    /// That of whoever made it by its name.
    User,
    /// It was removed, and clones of it live on.
    Trash,
    /// Mirroring goes from one to the next.
    Mirror {
        /// Whether everything of it is here.
        #[serde(default)]
        complete: bool,
        /// In a copy, its number in the primary image; a snapshot that was taken of a primary has none.
        primary_snap_id: Option<u64>,
        /// In a copy, how far it is.
        last_copied_object_number: Option<u64>,
    },
    #[serde(other)]
    Other,
}

/// `rbd mirror image status`
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MirrorStatus {
    /// As it was up to half a minute ago.
    pub description: String,
}

/// `rbd ls --long`: an image, or a snapshot of one.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Listed {
    pub image: String,
    pub snapshot: Option<String>,
    /// In bytes.
    pub size: u64,
}

/// `rbd status`
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ImageStatus {
    pub watchers: Vec<Watcher>,
}

/// A client that has an image open for writing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Watcher {
    /// `10.0.0.5:0/4140696727`
    pub address: String,
}

/// `rbd trash ls`
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Trashed {
    pub id: String,
    pub name: String,
}

/// `ceph df`
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Usage {
    pub pools: Vec<PoolUsage>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PoolUsage {
    pub id: i64,
    pub name: String,
    pub stats: PoolStats,
}

/// In bytes, as users see them.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct PoolStats {
    pub stored: u64,
    /// What still fits, after replication, until the fullest OSD is full.
    pub max_avail: u64,
}

/// `ceph osd pool get-quota`; 0 when there is none.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct PoolQuota {
    pub quota_max_bytes: u64,
}

/// `ceph mon dump`
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MonitorMap {
    pub fsid: String,
    pub mons: Vec<Monitor>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Monitor {
    /// `10.0.0.1:6789/0`
    pub addr: String,
}
