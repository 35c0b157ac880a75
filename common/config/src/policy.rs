//! `[policy]`: who may do what.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `[policy]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyConfig {
    /// The policy file, which must be there. Without it `policy.yaml` beside the configuration file is read, where it is there.
    pub file: Option<PathBuf>,
    /// A directory of further policy files; `policy.d` beside the configuration file unless it is set.
    pub directory: Option<PathBuf>,
    /// Where the configuration file is.
    #[serde(skip)]
    pub(crate) beside: Option<PathBuf>,
}

impl PolicyConfig {
    /// What stands beside this configuration file belongs to it.
    pub(crate) fn stands_beside(&mut self, configuration: Option<&Path>) {
        self.beside = configuration.and_then(Path::parent).map(Path::to_owned);
    }

    /// The policy file, whether it is there or not.
    #[must_use]
    pub fn policy_file(&self) -> Option<PathBuf> {
        self.file.clone().or_else(|| Some(self.beside.as_ref()?.join("policy.yaml")))
    }

    /// The directory of further files, whether it is there or not.
    #[must_use]
    pub fn policy_directory(&self) -> Option<PathBuf> {
        self.directory.clone().or_else(|| Some(self.beside.as_ref()?.join("policy.d")))
    }
}
