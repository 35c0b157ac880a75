//! The policy of a process, which follows its files.

use crate::files::{PolicyFiles, Stamp};
use crate::policy::{Policy, PolicyError};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The policy in force. When its files change they are read again; where they cannot be used the old policy stays.
#[derive(Debug)]
pub struct LivePolicy {
    files: Mutex<Read>,
    current: RwLock<Arc<Policy>>,
}

/// The files, and how they were when they were read.
#[derive(Debug)]
struct Read {
    files: PolicyFiles,
    stamps: Vec<Stamp>,
    /// How they were at the last look: who writes a file may not have come to its end.
    seen: Vec<Stamp>,
    /// What is wrong with them, to say it once.
    wrong: Option<String>,
}

impl LivePolicy {
    /// The policy that files describe.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn load(files: PolicyFiles) -> Result<Self, PolicyError> {
        let stamps = files.stamps()?;
        let policy = Policy::load(&files)?;
        Ok(Self {
            files: Mutex::new(Read { files, seen: stamps.clone(), stamps, wrong: None }),
            current: RwLock::new(Arc::new(policy)),
        })
    }

    /// The policy in force.
    #[must_use]
    pub fn current(&self) -> Arc<Policy> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again if they have changed. A file that was there and is gone changes nothing.
    pub fn follow(&self) {
        let mut read = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let reloaded = read.reload();
        match reloaded {
            Ok(None) => {}
            Ok(Some(policy)) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
                read.wrong = None;
                tracing::info!("the policy was read again");
            }
            Err(error) => {
                let wrong = error.to_string();
                if read.wrong.as_ref() != Some(&wrong) {
                    tracing::error!(%error, "the policy cannot be read again; the old one stays");
                }
                read.wrong = Some(wrong);
            }
        }
    }
}

impl Read {
    fn reload(&mut self) -> Result<Option<Policy>, PolicyError> {
        let stamps = self.files.stamps()?;
        let gone = |known: &&Stamp| stamps.iter().all(|stamp| stamp.file() != known.file());
        if let Some(gone) = self.stamps.iter().find(gone) {
            return Err(PolicyError::Gone { file: gone.file().to_owned() });
        }
        let is_settled = stamps == self.seen;
        self.seen.clone_from(&stamps);
        if stamps == self.stamps || !is_settled {
            return Ok(None);
        }
        let policy = Policy::load(&self.files);
        if !matches!(policy, Err(PolicyError::Unreadable { .. })) {
            // what is wrong in them is tried again when they change
            self.stamps = stamps;
        }
        policy.map(Some)
    }
}
