//! What a file is, by its first and last bytes.

use crate::{DiskFormat, ImageError, qcow2, vhd, vmdk};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How much of a file says what it is, in bytes: with VMware's, the descriptor is behind the header.
const HEAD: u64 = 64 << 10;
/// How large the footer of Virtual PC's files is.
const FOOT: u64 = 512;

/// How Parallels' files begin, of either version.
const PARALLELS: [&[u8]; 2] = [b"WithoutFreeSpace", b"WithouFreSpacExt"];

/// The bytes that say what a file is.
pub struct Bytes {
    pub(crate) head: Vec<u8>,
    foot: Vec<u8>,
}

impl Bytes {
    /// The beginning of a file, and its end.
    #[must_use]
    pub const fn new(head: Vec<u8>, foot: Vec<u8>) -> Self {
        Self { head, foot }
    }

    fn begins_with(&self, magic: &[u8]) -> bool {
        self.head.starts_with(magic)
    }

    /// So many bytes at an offset, if they are there.
    pub(crate) fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.head.get(offset..offset + N)?.try_into().ok()
    }
}

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Like(DiskFormat),
    /// Like something that nothing here reads.
    Unknown(&'static str),
}

/// Fails unless the file is of this format and leads to no other file; returns its length.
pub(crate) fn inspect(path: &Path, format: DiskFormat) -> Result<u64, ImageError> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length == 0 {
        return Err(ImageError::Unacceptable("it is empty".to_owned()));
    }
    let bytes = read(&mut file, length)?;
    check(&bytes, format).map_err(ImageError::Unacceptable)?;
    Ok(length)
}

fn read(file: &mut File, length: u64) -> std::io::Result<Bytes> {
    let (mut head, mut foot) = (Vec::new(), Vec::new());
    file.take(HEAD).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(length.saturating_sub(FOOT)))?;
    file.take(FOOT).read_to_end(&mut foot)?;
    Ok(Bytes::new(head, foot))
}

/// Whether these bytes are those of a file of this format that leads to no other file.
///
/// # Errors
/// When they are not; the text says why, for whoever brought the file.
pub fn check(bytes: &Bytes, format: DiskFormat) -> Result<(), String> {
    let found = match look(bytes, format) {
        Looks::Like(found) => found.as_str(),
        Looks::Unknown(found) => found,
    };
    if found != format.as_str() {
        return Err(format!("it is said to be {format}, and looks like {found}"));
    }
    match format {
        DiskFormat::Raw | DiskFormat::Vhdx => Ok(()),
        DiskFormat::Qcow2 => qcow2::check(bytes),
        DiskFormat::Vmdk => vmdk::check(bytes),
        DiskFormat::Vdi => check_vdi(bytes),
        DiskFormat::Vhd => {
            vhd::check(if vhd::is_one(&bytes.head) { &bytes.head } else { &bytes.foot })
        }
    }
}

fn look(bytes: &Bytes, said: DiskFormat) -> Looks {
    if bytes.begins_with(b"QFI\xfb") {
        match bytes.at(4).map(u32::from_be_bytes) {
            Some(2 | 3) => Looks::Like(DiskFormat::Qcow2),
            _ => Looks::Unknown("qcow of an old version"),
        }
    } else if bytes.begins_with(b"KDMV") {
        Looks::Like(DiskFormat::Vmdk)
    } else if bytes.begins_with(b"COWD") {
        Looks::Unknown("vmdk of an old version")
    } else if bytes.begins_with(b"vhdxfile") {
        Looks::Like(DiskFormat::Vhdx)
    } else if bytes.at(64) == Some(0xbeda_107f_u32.to_le_bytes()) {
        Looks::Like(DiskFormat::Vdi)
    } else if bytes.begins_with(b"QED\0") {
        Looks::Unknown("qed")
    } else if PARALLELS.iter().any(|magic| bytes.begins_with(magic)) {
        Looks::Unknown("parallels")
    } else if vhd::is_one(&bytes.head) || said == DiskFormat::Vhd && vhd::is_one(&bytes.foot) {
        Looks::Like(DiskFormat::Vhd)
    } else {
        Looks::Like(DiskFormat::Raw)
    }
}

/// The kinds of VirtualBox's files that stand alone: grown as needed, and of full size.
fn check_vdi(bytes: &Bytes) -> Result<(), String> {
    match bytes.at(0x4c).map(u32::from_le_bytes) {
        Some(1 | 2) => Ok(()),
        _ => Err("it is a vdi that stands on another one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(head: &[u8]) -> Bytes {
        Bytes::new(head.to_owned(), Vec::new())
    }

    #[test]
    fn a_file_is_of_the_format_that_it_is_said_to_be_or_refused() {
        let mut vdi = vec![0; 512];
        vdi[64..68].copy_from_slice(&0xbeda_107f_u32.to_le_bytes());
        vdi[0x4c] = 1;
        for (head, is) in [
            (&b"anything"[..], DiskFormat::Raw),
            (b"", DiskFormat::Raw),
            (b"LUKS\xba\xbe", DiskFormat::Raw),
            (b"# Disk DescriptorFile", DiskFormat::Raw),
            (b"vhdxfile", DiskFormat::Vhdx),
            (&vdi, DiskFormat::Vdi),
        ] {
            for &said in DiskFormat::ALL {
                assert_eq!(check(&bytes(head), said).is_ok(), said == is, "{is} as {said}");
            }
        }
        for head in [&b"QED\0"[..], b"WithoutFreeSpace", b"COWD", b"QFI\xfb\0\0\0\x01", b"QFI\xfb"]
        {
            for &said in DiskFormat::ALL {
                assert!(check(&bytes(head), said).is_err(), "{head:?} as {said}");
            }
        }
        vdi[0x4c] = 4;
        assert!(check(&bytes(&vdi), DiskFormat::Vdi).is_err());
    }
}
