//! The names of images and snapshots: Cinder's, so that a cloud can change its control plane and leave every byte where it is.

use model::{SnapshotId, VolumeId};
use uuid::Uuid;

/// A volume's image.
pub(crate) fn image(id: VolumeId) -> String {
    format!("{VOLUME}{id}")
}

/// A volume's image while it is made; it gets its name when it is whole.
pub(crate) fn unfinished(image: &str) -> String {
    format!("{image}{UNFINISHED}")
}

/// An image that was removed, and is in the trash for as long as there are clones of it.
pub(crate) fn deleted(image: &str) -> String {
    format!("{image}{DELETED}")
}

/// Whether this can be the name of an image or a snapshot. To the commands, a slash or an at sign in one would lead to another pool or
/// snapshot, and one that begins with a dash is an option.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('-') && !name.contains(['/', '@'])
}

/// A snapshot, in its volume's image.
pub(crate) fn snapshot(id: SnapshotId) -> String {
    format!("{SNAPSHOT}{id}")
}

/// The snapshot of a volume through which it is cloned.
pub(crate) fn copy_snapshot(target: VolumeId) -> String {
    format!("{COPY}{target}")
}

/// The copy of a volume's replica for a drill.
pub(crate) fn drill(id: VolumeId) -> String {
    format!("{DRILL}{id}")
}

/// What a snapshot is for that goes to a volume's replica, and is removed when it has served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be copied there.
    Drill,
    /// To be compared there.
    Verification,
}

impl Purpose {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Drill => DRILL,
            Self::Verification => VERIFICATION,
        }
    }

    /// Another name each time: one that was removed may be on the target still.
    pub fn snapshot(self) -> String {
        format!("{}{}", self.prefix(), Uuid::new_v4())
    }

    /// Whether a snapshot is one of these.
    pub fn is_of(self, snapshot: &str) -> bool {
        snapshot.strip_prefix(self.prefix()).is_some_and(|id| id.parse::<Uuid>().is_ok())
    }
}

/// The volume that an image is the storage of, by its name.
pub(crate) fn volume_of(image: &str) -> Option<Uuid> {
    image.strip_prefix(VOLUME)?.parse().ok()
}

/// The snapshot that a snapshot of an image is, by its name.
pub(crate) fn snapshot_of(snapshot: &str) -> Option<Uuid> {
    snapshot.strip_prefix(SNAPSHOT)?.parse().ok()
}

/// Whether a snapshot was made to copy a volume, or to compare it with its replica.
pub(crate) fn is_copy_snapshot(snapshot: &str) -> bool {
    snapshot.strip_prefix(COPY).is_some_and(|id| id.parse::<Uuid>().is_ok())
        || Purpose::Drill.is_of(snapshot)
        || Purpose::Verification.is_of(snapshot)
}

/// Whether an image is the copy of a replica.
pub(crate) fn is_drill(image: &str) -> bool {
    image.strip_prefix(DRILL).is_some_and(|id| id.parse::<Uuid>().is_ok())
}

/// Whether an image is one that was removed.
pub(crate) fn is_deleted(image: &str) -> bool {
    image.strip_suffix(DELETED).and_then(volume_of).is_some()
}

/// Whether an image is one that is being made.
pub(crate) fn is_unfinished(image: &str) -> bool {
    image.strip_suffix(UNFINISHED).and_then(volume_of).is_some()
}

const VOLUME: &str = "volume-";
const SNAPSHOT: &str = "snapshot-";
const COPY: &str = "clone-for-";
const DRILL: &str = "drill-";
const VERIFICATION: &str = "verify-";
const UNFINISHED: &str = ".unfinished";
const DELETED: &str = ".deleted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_says_is_read_from_it() {
        let id = VolumeId(Uuid::new_v4());
        assert_eq!(volume_of(&image(id)), Some(id.0));
        assert!(is_deleted(&deleted(&image(id))) && is_unfinished(&unfinished(&image(id))));
        assert_eq!(volume_of(&deleted(&image(id))), None);
        assert!(is_copy_snapshot(&copy_snapshot(id)) && !is_copy_snapshot("clone-for-me"));
        let id = SnapshotId(Uuid::new_v4());
        assert_eq!(snapshot_of(&snapshot(id)), Some(id.0));
        assert_eq!(snapshot_of("daily"), None);
    }
}
