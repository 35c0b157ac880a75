//! PostgreSQL: the truth about every resource and every operation.
//!
//! Statuses are written by [`statements`], which are made from the operations' contracts, and, where they depend on the outcome
//! of a failover, by `functions/execution.sql`. What is read often comes out of the database in typed columns; the rest as
//! JSON, so that a row type is described once, by its struct.

pub mod admission;
mod admission_request;
pub mod attachments;
mod backend_looks;
pub mod backends;
pub mod backups;
mod columns;
pub mod drills;
mod error;
mod group_commit;
pub mod listing;
pub mod messages;
mod migrations;
pub mod operation_log;
pub mod outbox;
pub mod placement_change;
pub mod planner_statistics;
pub mod pool;
pub mod protection;
pub mod purge;
pub mod qos_specs;
pub mod quotas;
mod rights;
pub mod services;
pub mod snapshots;
pub mod statements;
mod tls;
pub mod transfers;
pub mod verification;
mod volume_lookups;
pub mod volume_types;
pub mod volumes;

pub use backend_looks::{BackendLooks, MOST_DUE};
pub use error::DbError;
pub use pool::Database;
pub use rights::{DatabaseRole, url_of_role};
pub use volume_lookups::VolumeLookups;
