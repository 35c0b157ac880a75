//! What every cinderblock process does around its work: read its command line and configuration, set
//! up its log, say that it is healthy, and end in order.

mod command_line;
pub mod health;
pub mod log_levels;
mod run;
mod telemetry;

pub use run::{About, Life, main};
