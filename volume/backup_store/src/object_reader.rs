//! One object, read forward and compared with what is said of it.

use crate::compression::Decompressed;
use crate::error::StoreError;
use crate::layout::Stored;
use crate::metadata::StoredObject;
use crate::place::Place;
use md5::{Digest as _, Md5};
use std::io::{self, ErrorKind, Read};

/// How much is skipped at once, in bytes.
const STEP: usize = 64 << 10;

/// An object that is open.
pub(crate) struct ObjectReader {
    name: String,
    data: Decompressed,
    md5: Md5,
    expected: [u8; 16],
    position: u64,
    length: u64,
}

impl ObjectReader {
    pub fn open(place: &Place, stored: &Stored, object: &StoredObject) -> Result<Self, StoreError> {
        let StoredObject { name, offset: _, length, md5, compression } = object;
        // what the decoders say is of the data; what the store says goes through them as it is
        let raw: Box<dyn Read + Send> = Box::new(Raw(place.open(stored, name)?));
        Ok(Self {
            name: name.clone(),
            data: compression.decompress(raw)?,
            md5: Md5::new(),
            expected: *md5,
            position: 0,
            length: *length,
        })
    }

    /// Where it is, in bytes of the object.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Reads as much as there is room for. At its end, it is compared with what is said of it.
    pub fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), StoreError> {
        let position = self.position + buffer.len() as u64;
        if position > self.length {
            return Err(self.damaged("ends early"));
        }
        self.data.read_exact(buffer).map_err(|error| self.failed(error))?;
        self.md5.update(&*buffer);
        self.position = position;
        if position == self.length { self.finish() } else { Ok(()) }
    }

    /// Goes forward to where something is needed of it.
    pub fn skip_to(&mut self, position: u64) -> Result<(), StoreError> {
        let mut skipped = Vec::new();
        while self.position < position {
            let left = usize::try_from(position - self.position).unwrap_or(STEP);
            skipped.resize(left.min(STEP), 0);
            self.read_exact(&mut skipped)?;
        }
        Ok(())
    }

    /// Reads what is left of it.
    pub fn drain(&mut self) -> Result<(), StoreError> {
        self.skip_to(self.length)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        if !self.data.is_at_end().map_err(|error| self.failed(error))? {
            return Err(self.damaged("is longer than it is said to be"));
        }
        let md5: [u8; 16] = self.md5.finalize_reset().into();
        if md5 == self.expected { Ok(()) } else { Err(self.damaged("has another MD5")) }
    }

    fn failed(&self, error: io::Error) -> StoreError {
        if error.get_ref().is_some_and(|inner| inner.is::<StoreError>()) {
            return StoreError::from(error);
        }
        if error.kind() == ErrorKind::UnexpectedEof {
            return self.damaged("ends early");
        }
        self.damaged(&format!("cannot be decompressed ({error})"))
    }

    fn damaged(&self, how: &str) -> StoreError {
        StoreError::Damaged(format!("{} {how}", self.name))
    }
}

/// What comes from the store; its errors are those of the store.
struct Raw(Box<dyn Read + Send>);

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|error| StoreError::from(error).into()),
            }
        }
    }
}
