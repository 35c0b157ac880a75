//! Backups in a directory, which may be on a network's file system. What is written has a hidden name until it is whole: Cinder restores
//! nothing beside which there are files that it does not know.

use crate::content::Content;
use crate::error::{StoreError, blocking};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

/// The mode of files.
const OF_FILES: u32 = 0o660;
/// The mode of directories.
const OF_DIRECTORIES: u32 = 0o770;
/// How often a directory is made anew that somebody has removed because it was empty.
const ATTEMPTS: u32 = 3;

/// A directory with backups. The names that it gets have been [checked](crate::layout::Layout::check).
#[derive(Debug)]
pub(crate) struct Posix {
    directory: PathBuf,
}

impl Posix {
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, container: &str) -> PathBuf {
        self.directory.join(container)
    }

    /// The directory of a container, and those above it, up to the store's own, which is not among them.
    fn levels(&self, container: &str) -> Vec<PathBuf> {
        let mut levels = Vec::new();
        let mut path = self.directory.clone();
        for component in Path::new(container).components() {
            if let Component::Normal(name) = component {
                path.push(name);
                levels.push(path.clone());
            }
        }
        levels.reverse();
        levels
    }

    /// Fails when the store's own directory is not there: then nothing can be said of what is in it.
    fn look(directory: &Path) -> Result<(), StoreError> {
        match fs::metadata(directory) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(StoreError::Io(ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(StoreError::Unavailable(format!("{} is not there", directory.display())))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the directories of a container.
    pub async fn prepare(&self, container: &str) -> Result<(), StoreError> {
        let (directory, mut levels) = (self.directory.clone(), self.levels(container));
        levels.reverse();
        blocking(move || {
            Self::look(&directory)?;
            let mut attempt = 1;
            while let Err(error) = make(&levels) {
                if error.kind() != ErrorKind::NotFound || attempt == ATTEMPTS {
                    return Err(error.into());
                }
                attempt += 1;
            }
            Ok(())
        })
        .await
    }

    /// The names that begin with a prefix.
    pub async fn list(&self, container: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (directory, path) = (self.directory.clone(), self.path(container));
        let prefix = prefix.to_owned();
        blocking(move || {
            Self::look(&directory)?;
            list(&path, &prefix)
        })
        .await
    }

    /// Opens a file, which blocks.
    pub fn open(&self, container: &str, name: &str) -> Result<Box<dyn Read + Send>, StoreError> {
        match fs::File::open(self.path(container).join(name)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Self::look(&self.directory)?;
                Err(StoreError::Missing(name.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file, whole or not at all.
    pub async fn put(
        &self,
        container: &str,
        name: &str,
        content: &Content,
    ) -> Result<(), StoreError> {
        let path = self.path(container);
        // of this attempt alone: when a step of an attempt that was given up ends late, it finds nothing to rename
        let hidden = path.join(format!(".{name}.{}", Uuid::new_v4().simple()));
        let written = async {
            let mut options = tokio::fs::OpenOptions::new();
            let mut file =
                options.write(true).create_new(true).mode(OF_FILES).open(&hidden).await?;
            file.set_permissions(fs::Permissions::from_mode(OF_FILES)).await?;
            for piece in content.pieces() {
                file.write_all(&piece).await?;
            }
            file.flush().await?;
            file.sync_all().await?;
            tokio::fs::rename(&hidden, path.join(name)).await
        };
        let written: io::Result<()> = written.await;
        if written.is_err() {
            drop(tokio::fs::remove_file(&hidden).await);
        }
        Ok(written?)
    }

    /// Returns when the names of all that was put are on the disk.
    pub async fn settle(&self, container: &str) -> Result<(), StoreError> {
        let mut levels = self.levels(container);
        levels.push(self.directory.clone());
        blocking(move || {
            for level in levels {
                fs::File::open(level)?.sync_all()?;
            }
            Ok(())
        })
        .await
    }

    /// Removes what begins with a prefix.
    pub async fn remove_all(&self, container: &str, prefix: &str) -> Result<(), StoreError> {
        let (directory, path) = (self.directory.clone(), self.path(container));
        let prefix = prefix.to_owned();
        blocking(move || {
            Self::look(&directory)?;
            // the hidden ones first: what an attempt that was given up still renames is then either found or fails
            for prefix in [format!(".{prefix}"), prefix] {
                for name in list(&path, &prefix)? {
                    remove(fs::remove_file(path.join(name)))?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Removes the directories of a container as far as nothing is in them.
    pub async fn remove_container(&self, container: &str) -> Result<(), StoreError> {
        let levels = self.levels(container);
        blocking(move || {
            for level in levels {
                match fs::remove_dir(level) {
                    Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => break,
                    // an operator's link to somewhere else stays
                    Err(error) if error.kind() == ErrorKind::NotADirectory => break,
                    removed => remove(removed)?,
                }
            }
            Ok(())
        })
        .await
    }
}

fn remove(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Makes directories, each within the one before; those that are there already keep their modes.
fn make(levels: &[PathBuf]) -> io::Result<()> {
    for level in levels {
        match fs::DirBuilder::new().mode(OF_DIRECTORIES).create(level) {
            Ok(()) => fs::set_permissions(level, fs::Permissions::from_mode(OF_DIRECTORIES))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn list(path: &Path, prefix: &str) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        // names that are no text are none of a backup's
        if let Ok(name) = entry?.file_name().into_string()
            && name.starts_with(prefix)
        {
            names.push(name);
        }
    }
    Ok(names)
}
