//! What each URL does, one file a verb.

pub(crate) mod attachments;
pub(crate) mod availability_zones;
pub(crate) mod backup_actions;
pub(crate) mod backups;
pub(crate) mod clusters;
pub(crate) mod default_types;
pub(crate) mod extensions;
pub(crate) mod hosts;
pub(crate) mod manageable;
pub(crate) mod messages;
pub(crate) mod pools;
pub(crate) mod qos_specs;
pub(crate) mod quotas;
pub(crate) mod resource_filters;
pub(crate) mod services;
pub(crate) mod snapshot_actions;
pub(crate) mod snapshots;
pub(crate) mod transfers;
pub(crate) mod types;
pub(crate) mod versions;
pub(crate) mod volume_actions;
pub(crate) mod volumes;
pub(crate) mod workers;
