//! The text of many hashes, as Python writes a list.

use bytes::Bytes;
use std::sync::Arc;

/// How long a hash is, in bytes.
const LENGTH: usize = 32;
/// What stands between two hashes.
const BETWEEN: &str = ",\n    ";

/// The text of many hashes, which is made as it is written: it takes more room than they do.
#[derive(Clone)]
pub(crate) struct ListOfHashes {
    /// What stands before them.
    pub before: Bytes,
    pub hashes: Arc<[[u8; LENGTH]]>,
    /// What stands after them.
    pub after: Bytes,
}

impl ListOfHashes {
    /// How many hashes are made text of at once.
    const AT_ONCE: usize = 8192;

    /// How long it is, in bytes.
    pub fn len(&self) -> u64 {
        let each = (BETWEEN.len() + 2 + 2 * LENGTH) as u64;
        // the first has no comma before it
        (self.before.len() + self.after.len()) as u64 + self.hashes.len() as u64 * each - 1
    }

    /// It, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + Send + Sync + use<> {
        let Self { before, hashes, after } = self.clone();
        let pieces = 0..hashes.len().div_ceil(Self::AT_ONCE);
        let texts = pieces.map(move |piece| {
            let of = hashes.iter().skip(piece * Self::AT_ONCE).take(Self::AT_ONCE);
            let mut text = String::new();
            for hash in of {
                text.push_str(BETWEEN);
                text.push('"');
                text.push_str(&hex::encode(hash));
                text.push('"');
            }
            let text = Bytes::from(text);
            if piece == 0 { text.slice(1.min(text.len())..) } else { text }
        });
        std::iter::once(before).chain(texts).chain(std::iter::once(after))
    }
}
