//! The names of a volume's exports, and of the nodes and jobs in the storage daemon. QEMU allows 31 characters for a
//! node: a letter, and the first 30 digits of the id.

use crate::object::Object;
use model::{AttachMode, VolumeId};
use uuid::Uuid;

/// An export, as the daemon knows it; for its clients it has another name: see [`crate::export_names`].
pub(crate) fn export_name(id: VolumeId, mode: AttachMode) -> String {
    match mode {
        AttachMode::ReadWrite => format!("volume-{id}"),
        AttachMode::ReadOnly => format!("volume-{id}-ro"),
    }
}

/// The export of a replica, for the mirror that writes to it.
pub(crate) fn replica_name(id: VolumeId) -> String {
    format!("replica-{id}")
}

/// The node of a volume's file.
pub(crate) fn node_name(id: VolumeId) -> String {
    node('v', id.0)
}

/// The node that a mirror puts between a volume and its exports.
pub(crate) fn mirror_node(id: VolumeId) -> String {
    node('m', id.0)
}

/// The node through which a mirror reaches its replica.
pub(crate) fn replica_node(id: VolumeId) -> String {
    node('r', id.0)
}

/// The node to which a copy is written.
pub(crate) fn target_node(target: Object) -> String {
    match target {
        Object::Volume(id) => node('c', id.0),
        Object::Snapshot(id) => node('s', id.0),
        Object::Drill(id) => node('t', id.0),
    }
}

/// The node of the store in which is kept what is overwritten while an open volume is copied.
pub(crate) fn store_node(target: Object) -> String {
    node('b', target.id())
}

/// The node that keeps it, between the volume and whoever writes to it.
pub(crate) fn keep_node(target: Object) -> String {
    node('k', target.id())
}

/// The node through which the volume is seen as it was.
pub(crate) fn view_node(target: Object) -> String {
    node('w', target.id())
}

/// The node of the copy of a replica.
pub(crate) fn drill_node(id: VolumeId) -> String {
    node('d', id.0)
}

/// The node from which a volume is imported.
pub(crate) fn import_node(id: VolumeId) -> String {
    node('i', id.0)
}

/// The job of a mirror.
pub(crate) fn mirror_job(id: VolumeId) -> String {
    format!("{MIRROR}{id}")
}

/// The volume that a job mirrors; `None` for a job of another kind.
pub(crate) fn mirrored_by(job: &str) -> Option<VolumeId> {
    job.strip_prefix(MIRROR)?.parse().ok().map(VolumeId)
}

/// The job of a copy of a volume of this array.
pub(crate) fn copy_job(id: VolumeId, target: Object) -> String {
    format!("{}to-{target}", copies_of(id))
}

/// The job that keeps what is overwritten meanwhile.
pub(crate) fn keep_job(id: VolumeId, target: Object) -> String {
    format!("{}keep-for-{target}", copies_of(id))
}

/// The beginning of the names of all jobs that copy a volume of this array.
pub(crate) fn copies_of(id: VolumeId) -> String {
    format!("copy-of-{id}-")
}

/// The volume whose replica a job copies for a drill; `None` for a job of another kind.
pub(crate) fn drilled_by(job: &str) -> Option<VolumeId> {
    let (_, target) = job.strip_prefix("copy-of-")?.rsplit_once("-drill-")?;
    target.parse().ok().map(VolumeId)
}

/// The job of an import.
pub(crate) fn import_job(target: VolumeId) -> String {
    format!("import-of-{target}")
}

const MIRROR: &str = "mirror-";

fn node(letter: char, id: Uuid) -> String {
    format!("{letter}{}", &id.simple().to_string()[..30])
}
