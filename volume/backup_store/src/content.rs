//! What an object consists of: it can be written more than once.

use crate::list_of_hashes::ListOfHashes;
use bytes::Bytes;

/// An object's content.
#[derive(Clone)]
pub(crate) enum Content {
    /// In memory.
    Whole(Bytes),
    /// A text that is made as it is written.
    Hashes(ListOfHashes),
}

impl Content {
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(bytes.into())
    }

    /// How long it is, in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Hashes(list) => list.len(),
        }
    }

    /// It, piece by piece.
    pub fn pieces(&self) -> Box<dyn Iterator<Item = Bytes> + Send + Sync> {
        match self {
            Self::Whole(bytes) => Box::new(std::iter::once(bytes.clone())),
            Self::Hashes(list) => Box::new(list.pieces()),
        }
    }
}
