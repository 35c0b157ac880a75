//! The files that say otherwise than the defaults: `policy.yaml`, in YAML or JSON, and those in `policy.d`.

use crate::check::Check;
use crate::parse::{self, ParseError};
use crate::policy::PolicyError;
use configuration::PolicyConfig;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where rules are read from.
#[derive(Clone, Debug, Default)]
pub struct PolicyFiles {
    /// The policy file.
    pub file: Option<PathBuf>,
    /// Whether the policy file must be there.
    pub is_required: bool,
    /// Whether the directory must be there.
    pub needs_directory: bool,
    /// A directory whose files are read after it, in the order of their names. Those that begin with a dot are not.
    pub directory: Option<PathBuf>,
}

/// A line of a file.
pub(crate) struct Entry {
    pub name: String,
    pub check: Check,
    pub file: PathBuf,
}

/// What a file says of a rule.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Nothing(()),
    Text(String),
    /// The old form: one of these.
    AnyOf(Vec<AllOf>),
}

/// All of these.
#[derive(Deserialize)]
#[serde(untagged)]
enum AllOf {
    One(String),
    Several(Vec<String>),
}

impl Written {
    fn check(self) -> Result<Check, ParseError> {
        match self {
            Self::Nothing(()) => Ok(Check::Always),
            Self::Text(text) => parse::check(&text),
            Self::AnyOf(alternatives) if alternatives.is_empty() => Ok(Check::Always),
            Self::AnyOf(alternatives) => {
                let checks: Vec<_> = alternatives.into_iter().filter_map(AllOf::check).collect();
                if checks.is_empty() {
                    return Ok(Check::Never);
                }
                checks.into_iter().collect::<Result<_, _>>().map(Check::Any)
            }
        }
    }
}

impl AllOf {
    /// `None` where nothing is in it: it counts for nothing.
    fn check(self) -> Option<Result<Check, ParseError>> {
        let checks = match self {
            Self::One(check) => vec![check],
            Self::Several(checks) => checks,
        };
        let checks: Vec<_> = checks
            .iter()
            .filter(|check| !check.is_empty())
            .map(|check| parse::one(check))
            .collect();
        (!checks.is_empty()).then(|| checks.into_iter().collect::<Result<_, _>>().map(Check::All))
    }
}

/// A file as it was when it was read: it is read again when this differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: PathBuf,
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }
}

impl From<&PolicyConfig> for PolicyFiles {
    fn from(config: &PolicyConfig) -> Self {
        Self {
            file: config.policy_file(),
            is_required: config.file.is_some(),
            needs_directory: config.directory.is_some(),
            directory: config.policy_directory(),
        }
    }
}

impl PolicyFiles {
    /// The lines of all files; of several with one name the last one counts.
    pub(crate) fn read(&self) -> Result<Vec<Entry>, PolicyError> {
        let mut entries = Vec::new();
        for file in self.list()? {
            entries.extend(entries_of(&file)?);
        }
        Ok(entries)
    }

    /// How the files are now.
    pub(crate) fn stamps(&self) -> Result<Vec<Stamp>, PolicyError> {
        self.list()?.into_iter().map(stamp).collect()
    }

    /// The files that are there, in the order in which they are read.
    fn list(&self) -> Result<Vec<PathBuf>, PolicyError> {
        let file =
            self.file.iter().filter(|file| self.is_required || file.symlink_metadata().is_ok());
        let mut files: Vec<_> = file.cloned().collect();
        if let Some(directory) = &self.directory {
            files.extend(files_in(directory, self.needs_directory)?);
        }
        Ok(files)
    }
}

fn files_in(directory: &Path, is_required: bool) -> Result<Vec<PathBuf>, PolicyError> {
    let unreadable = |error| PolicyError::unreadable(directory, error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && !is_required => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default();
        if !name.as_encoded_bytes().starts_with(b".") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn stamp(file: PathBuf) -> Result<Stamp, PolicyError> {
    match std::fs::metadata(&file) {
        Ok(metadata) => {
            Ok(Stamp { modified: metadata.modified().ok(), length: metadata.len(), file })
        }
        Err(error) => Err(PolicyError::unreadable(&file, error)),
    }
}

fn entries_of(file: &Path) -> Result<Vec<Entry>, PolicyError> {
    let text =
        std::fs::read_to_string(file).map_err(|error| PolicyError::unreadable(file, error))?;
    let written: Option<BTreeMap<String, Written>> = serde_saphyr::from_str(&text)
        .map_err(|error| PolicyError::NoMap { file: file.to_owned(), reason: error.to_string() })?;
    let entry = |(name, written): (String, Written)| match written.check() {
        Ok(check) => Ok(Entry { name, check, file: file.to_owned() }),
        Err(error) => Err(PolicyError::Check { file: file.to_owned(), name, error }),
    };
    written.unwrap_or_default().into_iter().map(entry).collect()
}
