//! The vocabulary that cinderblock's processes share: resources, operations, errors, the database,
//! the bus and the configuration.
//!
//! No HTTP, no drivers and no processes in here. Inside, the arrows point one way:
//! `model` ← `operation` ← `db`, `bus`; the database and the bus do not know each other.

#[macro_use]
pub mod model;
pub mod bus;
pub mod config;
pub mod db;
pub mod error;
pub mod operation;

pub use error::{Error, ErrorKind, Result};
