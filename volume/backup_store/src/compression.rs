//! How objects are compressed, in Cinder's words.

use bytes::Bytes;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::str::FromStr;

/// How much is read of a store at once, in bytes.
const BUFFER: usize = 256 << 10;

/// How the objects of a backup are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1950, which Cinder also calls gzip.
    #[default]
    Zlib,
    /// bzip2.
    Bz2,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Cinder's word for it, as it stands in a backup's metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zlib => "zlib",
            Self::Bz2 => "bz2",
            Self::Zstd => "zstd",
        }
    }

    /// The data compressed; `None` when they do not become smaller by that.
    pub(crate) fn compress(self, data: &Bytes) -> io::Result<Option<Bytes>> {
        let smaller = AtMost { written: Vec::new(), most: data.len().saturating_sub(1) };
        let ended = match self {
            Self::None => return Ok(None),
            Self::Zlib => {
                let mut encoder =
                    flate2::write::ZlibEncoder::new(smaller, flate2::Compression::default());
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Self::Bz2 => {
                let mut encoder = bzip2::write::BzEncoder::new(smaller, bzip2::Compression::best());
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Self::Zstd => zstd::stream::write::Encoder::new(smaller, 0).and_then(|mut encoder| {
                encoder.write_all(data)?;
                encoder.finish()
            }),
        };
        match ended {
            Ok(smaller) => Ok(Some(Bytes::from(smaller.written))),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads what was compressed.
    pub(crate) fn decompress(self, stored: Box<dyn Read + Send>) -> io::Result<Decompressed> {
        let stored = BufReader::with_capacity(BUFFER, stored);
        Ok(match self {
            Self::None => Decompressed::None(stored),
            Self::Zlib => Decompressed::Zlib(flate2::bufread::ZlibDecoder::new(stored)),
            Self::Bz2 => Decompressed::Bz2(bzip2::bufread::MultiBzDecoder::new(stored)),
            Self::Zstd => Decompressed::Zstd(zstd::stream::read::Decoder::with_buffer(stored)?),
        })
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word.to_ascii_lowercase().as_str() {
            "none" | "off" | "no" => Ok(Self::None),
            "zlib" | "gzip" => Ok(Self::Zlib),
            "bz2" | "bzip2" => Ok(Self::Bz2),
            "zstd" => Ok(Self::Zstd),
            _ => Err(format!("there is no compression {word:?}")),
        }
    }
}

/// Takes so many bytes and no more: what gains nothing is not kept.
struct AtMost {
    written: Vec<u8>,
    most: usize,
}

impl Write for AtMost {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = self.written.len() + data.len();
        if length > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if length > self.written.capacity() {
            let capacity = (2 * length).min(self.most);
            self.written.reserve_exact(capacity - self.written.len());
        }
        self.written.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Stored = BufReader<Box<dyn Read + Send>>;

/// An object's data as they were before they were compressed.
pub(crate) enum Decompressed {
    None(Stored),
    Zlib(flate2::bufread::ZlibDecoder<Stored>),
    Bz2(bzip2::bufread::MultiBzDecoder<Stored>),
    Zstd(zstd::stream::read::Decoder<'static, Stored>),
}

impl Decompressed {
    /// Whether nothing more comes, and nothing stands behind it that belongs to nothing.
    pub fn is_at_end(&mut self) -> io::Result<bool> {
        let is_read = self.read(&mut [0])? == 0;
        let is_all = match self {
            // these read to the end of what is stored
            Self::None(_) | Self::Bz2(_) | Self::Zstd(_) => true,
            Self::Zlib(decoder) => decoder.get_mut().fill_buf()?.is_empty(),
        };
        Ok(is_read && is_all)
    }
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(stored) => stored.read(buffer),
            Self::Zlib(decoder) => decoder.read(buffer),
            Self::Bz2(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Compression; 4] =
        [Compression::None, Compression::Zlib, Compression::Bz2, Compression::Zstd];

    #[test]
    fn words_of_cinder_are_understood() {
        for compression in ALL {
            assert_eq!(compression.as_str().parse(), Ok(compression));
        }
        for (word, is) in [
            ("off", Compression::None),
            ("No", Compression::None),
            ("gzip", Compression::Zlib),
            ("bzip2", Compression::Bz2),
        ] {
            assert_eq!(word.parse(), Ok(is));
        }
        assert!("lz4".parse::<Compression>().is_err());
    }

    #[test]
    fn what_gains_nothing_is_left_as_it_is() {
        let noise: Vec<u8> = (0..=u8::MAX).collect();
        for compression in ALL {
            assert!(compression.compress(&Bytes::from(noise.clone())).unwrap().is_none());
            assert!(compression.compress(&Bytes::new()).unwrap().is_none());
        }
    }

    #[test]
    fn what_was_compressed_comes_back_and_what_is_added_is_seen() {
        let data = Bytes::from(b"some text ".repeat(5000));
        for compression in ALL {
            let packed = compression.compress(&data).unwrap();
            assert_eq!(packed.is_none(), compression == Compression::None);
            let packed = packed.unwrap_or_else(|| data.clone());
            let read = |stored: Vec<u8>| {
                let mut back = vec![0; data.len()];
                let mut decompressed = compression.decompress(Box::new(io::Cursor::new(stored)))?;
                decompressed.read_exact(&mut back)?;
                io::Result::Ok((back, decompressed.is_at_end()?))
            };
            let (back, is_at_end) = read(packed.to_vec()).unwrap();
            assert!(back == data && is_at_end, "{compression:?}");
            let longer = read([&packed[..], b"more"].concat());
            assert!(!matches!(longer, Ok((_, true))), "{compression:?}");
        }
    }
}
