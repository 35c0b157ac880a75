//! Quotas: the limits of a project.

use std::collections::BTreeMap;
use uuid::Uuid;

/// Limits by the name of what they limit; -1 is no limit. A limit for one volume type has the type's id
/// at its end: `volumes_<id>`.
pub type Limits = BTreeMap<String, i64>;

/// The number of volumes.
pub const VOLUMES: &str = "volumes";

/// The number of snapshots.
pub const SNAPSHOTS: &str = "snapshots";

/// The GiB in all volumes and snapshots.
pub const GIGABYTES: &str = "gigabytes";

/// The number of backups.
pub const BACKUPS: &str = "backups";

/// The GiB of the volumes that backups are of.
pub const BACKUP_GIGABYTES: &str = "backup_gigabytes";

/// The GiB in one volume.
pub const PER_VOLUME_GIGABYTES: &str = "per_volume_gigabytes";

/// What is limited in all, whatever the volume type.
pub const LIMITED: &[&str] =
    &[VOLUMES, SNAPSHOTS, GIGABYTES, PER_VOLUME_GIGABYTES, BACKUPS, BACKUP_GIGABYTES, "groups"];

/// What can be limited for a volume type too.
pub const LIMITED_BY_TYPE: &[&str] = &[VOLUMES, SNAPSHOTS, GIGABYTES];

/// The id of what is remembered of a project, or of a quota class, made from its name.
#[must_use]
pub fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}
