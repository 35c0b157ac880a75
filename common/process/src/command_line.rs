//! The command line that all processes share.

use crate::about::About;
use clap::{CommandFactory, FromArgMatches, Parser};
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Every key of the configuration can be overridden by the environment:\n  CINDERBLOCK__API__LISTEN=127.0.0.1:9000\n\ndocs/cinderblock.sample.toml lists all keys with their defaults."
)]
pub(crate) struct CommandLine {
    /// The configuration file, the same for all services
    #[arg(long, value_name = "FILE", env = "CINDERBLOCK_CONFIG")]
    pub config: Option<PathBuf>,

    /// Read the configuration, say what is wrong with it, and exit
    #[arg(long)]
    pub check_config: bool,
}

impl CommandLine {
    /// Reads the arguments; prints help, version or a complaint and exits where they ask for it.
    pub fn read(about: &About) -> Self {
        let command = Self::command().name(about.name).about(about.purpose);
        match Self::from_arg_matches(&command.get_matches()) {
            Ok(command_line) => command_line,
            Err(error) => error.exit(),
        }
    }
}
