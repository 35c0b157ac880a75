//! CHAP: the name and the secret with which servers log in to a volume's targets.
//!
//! Made with the first target of a volume and gone with the last one; kept in a file that only the
//! worker's user can read, so that targets come back as servers know them.

use crate::io_error::unusable;
use driver::DriverError;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
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
        let keep = || -> io::Result<String> {
            match fs::read_to_string(path) {
                Err(none) if none.kind() == io::ErrorKind::NotFound => make(path),
                found => found,
            }
        };
        let text = keep().map_err(|error| unusable(path, &error))?;
        let (name, secret) = text
            .split_once('\n')
            .ok_or_else(|| DriverError::failed(format!("{} is no CHAP file", path.display())))?;
        Ok(Self { name: name.to_owned(), secret: secret.trim_end().to_owned() })
    }

    /// Removes the file; that there is none is fine.
    pub fn forget(path: &Path) -> Result<(), DriverError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(path, &error)),
            _ => Ok(()),
        }
    }
}

fn make(path: &Path) -> io::Result<String> {
    let text = format!("{}\n{}\n", word(), word());
    // complete or not there
    let unfinished = path.with_extension("unfinished");
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    Ok(text)
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
        let path = directory.path().join("volume");
        let first = Chap::keep(&path).unwrap();
        assert_eq!((first.name.len(), first.secret.len()), (16, 16));
        assert_ne!(first.name, first.secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Chap::keep(&path).unwrap().secret, first.secret);
        Chap::forget(&path).unwrap();
        Chap::forget(&path).unwrap();
        assert_ne!(Chap::keep(&path).unwrap().secret, first.secret);
    }
}
