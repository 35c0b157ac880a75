//! Quotas: how much of what a project may have.

use std::collections::BTreeMap;
use uuid::Uuid;

/// Limits by the name of what they limit; -1 is no limit. A limit for one volume type has the type's id
/// at its end: `volumes_<id>`.
pub type Limits = BTreeMap<String, i64>;

/// What is limited in all, whatever the volume type.
pub const LIMITED: &[&str] = &[
    "volumes",
    "snapshots",
    "gigabytes",
    "per_volume_gigabytes",
    "backups",
    "backup_gigabytes",
    "groups",
];

/// What can be limited for a volume type too.
pub const LIMITED_BY_TYPE: &[&str] = &["volumes", "snapshots", "gigabytes"];

/// The id of what is remembered of a project, or of a quota class, made from its name.
#[must_use]
pub fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}
