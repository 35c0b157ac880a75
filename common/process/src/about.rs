//! The facts about a process that its library provides.

use configuration::Config;

/// What a process is called and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The program's name.
    pub name: &'static str,
    /// One sentence for `--help`.
    pub purpose: &'static str,
    /// Says what is wrong with the configuration for this process in particular.
    pub check: fn(&Config) -> anyhow::Result<()>,
}
