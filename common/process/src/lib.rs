//! The common parts of all cinderblock processes: command line and configuration, set
//! up logging, health check, and orderly shutdown.

mod about;
mod command_line;
pub mod health;
pub mod log_levels;
mod run;
mod telemetry;

pub use about::About;
pub use run::{ProcessLifecycle, main};
