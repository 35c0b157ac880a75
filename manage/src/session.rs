//! The context of every command: configuration, database and output.

use crate::table::Output;
use configuration::Config;
use database::Database;

/// The context of a command.
pub struct Session {
    /// The configuration of the services.
    pub config: Config,
    /// Their database.
    pub database: Database,
    /// Where the answer goes.
    pub output: Output,
}
