//! `/os-services`: the services, and what operators decide about their backends.

pub(crate) mod begin_drill;
pub(crate) mod disable_backend;
pub(crate) mod enable_backend;
pub(crate) mod enable_replication;
pub(crate) mod end_drill;
pub(crate) mod failover_backend;
pub(crate) mod freeze_backend;
pub(crate) mod list;
pub(crate) mod log_levels;
mod operate;
pub(crate) mod promote_backend;
pub(crate) mod protection;
mod target;
pub(crate) mod thaw_backend;
pub(crate) mod verify_replicas;
