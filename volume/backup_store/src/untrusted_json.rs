//! JSON from the store, which anybody may have written who can write there.

use crate::error::StoreError;
use serde::de::DeserializeOwned;
use std::io::{self, BufReader, Read};

/// Reads an object of at most so many bytes.
pub(crate) fn read<T: DeserializeOwned>(
    stored: impl Read,
    most: u64,
    what: &str,
) -> Result<T, StoreError> {
    let limited = Limited { stored, left: most };
    serde_json::from_reader(BufReader::new(limited)).map_err(|error| {
        if error.is_io() {
            StoreError::from(io::Error::from(error))
        } else {
            StoreError::Damaged(format!("{what}: {error}"))
        }
    })
}

struct Limited<R> {
    stored: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stored.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            StoreError::Damaged("what describes it is larger than can be".to_owned())
        })?;
        Ok(read)
    }
}
