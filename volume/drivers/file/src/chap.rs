//! CHAP: the name and the secret with which the servers on a host log in to a volume's target.
//!
//! Made with the first attachment to the host, and gone with the last one; kept in a file that only the worker's user can read, so
//! that targets come back as servers know them. The directory of a target's accounts says who may log in.

use crate::io_error::unusable;
use driver::DriverError;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use uuid::Uuid;

/// What a secret is made of: letters and digits that nobody confuses.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A name with its secret. Not printable, so that it cannot get into a log.
pub(crate) struct Chap {
    pub name: String,
    pub secret: String,
}

impl Chap {
    /// The one of this file, which is made where it is not there.
    pub fn keep(path: &Path) -> Result<Self, DriverError> {
        let made = if path.exists() { Ok(()) } else { make(path) };
        made.map_err(|error| unusable(path, &error))?;
        Self::read(path)
    }

    /// Those of the files of a directory, which may not be there.
    pub fn all(directory: &Path) -> Result<Vec<Self>, DriverError> {
        match fs::read_dir(directory) {
            Err(none) if none.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(unusable(directory, &error)),
            Ok(entries) => entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| path.extension().is_none())
                .map(|path| Self::read(&path))
                .collect(),
        }
    }

    fn read(path: &Path) -> Result<Self, DriverError> {
        let text = fs::read_to_string(path).map_err(|error| unusable(path, &error))?;
        let (name, secret) = text
            .split_once('\n')
            .ok_or_else(|| DriverError::failed(format!("{} is no CHAP file", path.display())))?;
        Ok(Self { name: name.to_owned(), secret: secret.trim_end().to_owned() })
    }

    /// Removes the file; that there is none is fine.
    pub fn forget(path: &Path) -> Result<(), DriverError> {
        gone(path, fs::remove_file(path))
    }

    /// Removes the files of a directory, and the directory; that there is none is fine.
    pub fn forget_all(directory: &Path) -> Result<(), DriverError> {
        gone(directory, fs::remove_dir_all(directory))
    }
}

fn gone(path: &Path, removed: io::Result<()>) -> Result<(), DriverError> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let text = format!("{}\n{}\n", word(), word());
    // complete or not there
    let unfinished = path.with_extension("unfinished");
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// 16 characters, as much as every initiator takes.
fn word() -> String {
    let random = Uuid::new_v4();
    random.as_bytes().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_kept_from_others_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        let path = target.join("host");
        assert_eq!(Chap::all(&target).unwrap().len(), 0);
        let first = Chap::keep(&path).unwrap();
        assert_eq!((first.name.len(), first.secret.len()), (16, 16));
        assert_ne!(first.name, first.secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Chap::keep(&path).unwrap().secret, first.secret);
        // one that was being made when the worker died
        fs::write(path.with_extension("unfinished"), "x").unwrap();
        let secrets: Vec<_> =
            Chap::all(&target).unwrap().into_iter().map(|account| account.secret).collect();
        assert_eq!(secrets, std::slice::from_ref(&first.secret));
        for _ in 0..2 {
            Chap::forget(&path).unwrap();
        }
        assert_ne!(Chap::keep(&path).unwrap().secret, first.secret);
        for _ in 0..2 {
            Chap::forget_all(&target).unwrap();
        }
        assert_eq!(Chap::all(&target).unwrap().len(), 0);
    }
}
