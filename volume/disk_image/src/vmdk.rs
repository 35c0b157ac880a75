//! VMware's format: a header, and within the file a descriptor that can name others (VMware's "Virtual Disk Format 1.1").

use crate::inspection::Bytes;

const SECTOR: usize = 512;
/// Where readers look for the descriptor, whatever the header says: from the second sector on, and so many.
const DESCRIPTOR: usize = SECTOR;
const MOST_SECTORS: usize = 20;
/// What they look for there.
const PARENT: &[u8] = b"parentFileNameHint";
/// The kinds whose one file has everything; Cinder's default of `vmdk_allowed_types`.
const ALONE: [&str; 2] = ["monolithicSparse", "streamOptimized"];

/// Fails when the file leads to others.
pub(crate) fn check(bytes: &Bytes) -> Result<(), String> {
    let cut_off = || "its header is cut off".to_owned();
    let capacity = bytes.at(12).map(u64::from_le_bytes).ok_or_else(cut_off)?;
    if capacity == 0 {
        // what it is made of would be read from the descriptor
        return Err("it has no capacity".to_owned());
    }
    let sectors = |offset| {
        let sectors = bytes.at(offset).map(u64::from_le_bytes)?;
        usize::try_from(sectors).ok()?.checked_mul(SECTOR)
    };
    let (start, length) = sectors(28).zip(sectors(36)).ok_or_else(cut_off)?;
    let is_there = start == DESCRIPTOR && length <= MOST_SECTORS * SECTOR;
    let descriptor =
        bytes.head.get(start..).filter(|_| is_there).and_then(|rest| rest.get(..length));
    let descriptor = descriptor.ok_or("its descriptor is not where it belongs")?;
    let read = bytes.head.get(DESCRIPTOR..).unwrap_or_default();
    let read = &read[..read.len().min(MOST_SECTORS * SECTOR)];
    if read.windows(PARENT.len()).any(|bytes| bytes == PARENT) {
        return Err("it stands on another file".to_owned());
    }
    let text = descriptor.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| "its descriptor is no text".to_owned())?;
    check_descriptor(text)
}

fn check_descriptor(text: &str) -> Result<(), String> {
    let (mut is_alone, mut extents) = (false, 0);
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((key, value)) = line.split_once('=') {
            let value = value.trim().trim_matches('"');
            match key.trim() {
                "createType" if ALONE.contains(&value) => is_alone = true,
                "createType" => return Err(format!("a vmdk of the type {value} is not supported")),
                "parentCID" if !value.eq_ignore_ascii_case("ffffffff") => {
                    return Err("it stands on another file".to_owned());
                }
                "version" | "encoding" | "CID" | "parentCID" | "isNativeSnapshot" => {}
                key if key.starts_with("ddb.") => {}
                _ => return Err("its descriptor is not understood".to_owned()),
            }
        } else {
            check_extent(line)?;
            extents += 1;
        }
    }
    match (is_alone, extents) {
        (true, 1) => Ok(()),
        (false, _) => Err("its descriptor does not say of which type it is".to_owned()),
        (true, _) => Err("it must have one extent".to_owned()),
    }
}

/// `RW 20480 SPARSE "disk.vmdk"`
fn check_extent(line: &str) -> Result<(), String> {
    let mut words = line.splitn(4, ' ');
    let (access, size, kind) = (words.next(), words.next(), words.next());
    let name = words.next().unwrap_or_default();
    let is_extent = matches!(access, Some("RW" | "RDONLY"))
        && size.is_some_and(|size| size.parse::<u64>().is_ok())
        && kind == Some("SPARSE");
    if !is_extent {
        return Err("its descriptor is not understood".to_owned());
    }
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or("/");
    if name.contains(['/', '\\', '"']) {
        return Err("its descriptor names another file".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Disk DescriptorFile\nversion=1\nCID=12ab\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n\n\
                        # Extent description\nRW 2048 SPARSE \"disk.vmdk\"\n\nddb.adapterType = \"ide\"\n";

    #[test]
    fn a_descriptor_that_leads_elsewhere_is_refused() {
        assert_eq!(check_descriptor(GOOD), Ok(()));
        for (good, bad) in [
            ("monolithicSparse", "monolithicFlat"),
            ("monolithicSparse", "vmfs"),
            ("disk.vmdk", "/etc/shadow"),
            ("disk.vmdk", "..\\\\disk"),
            ("RW 2048 SPARSE", "RW 2048 FLAT"),
            ("RW 2048 SPARSE \"disk.vmdk\"\n", ""),
            ("RW 2048 SPARSE \"disk.vmdk\"\n", "RW 1 SPARSE \"a\"\nRW 1 SPARSE \"b\"\n"),
            ("parentCID=ffffffff", "parentCID=1"),
            ("version=1", "parentFileNameHint=\"/etc/shadow\""),
            ("version=1", "something=else"),
            ("version=1", "RW 0 SPARSE"),
            ("createType=\"monolithicSparse\"\n", ""),
        ] {
            let text = GOOD.replace(good, bad);
            assert_ne!(text, GOOD);
            assert!(check_descriptor(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_without_a_descriptor_is_refused() {
        let made = |capacity: u64, at: u64| {
            let mut head = b"KDMV".to_vec();
            head.resize(SECTOR, 0);
            head[12..20].copy_from_slice(&capacity.to_le_bytes());
            head[28..36].copy_from_slice(&at.to_le_bytes());
            head[36..44].copy_from_slice(&1_u64.to_le_bytes());
            head.extend(GOOD.as_bytes());
            head.resize(3 * SECTOR, 0);
            Bytes::new(head, Vec::new())
        };
        assert_eq!(check(&made(2048, 1)), Ok(()));
        assert!(check(&made(0, 1)).is_err(), "what it is made of is read from the descriptor");
        for at in [0, 2, 100, u64::MAX / 2] {
            assert!(check(&made(2048, at)).is_err(), "{at}");
        }
        let mut behind = made(2048, 1).head;
        behind.extend(b"parentFileNameHint=\"/etc/shadow\"");
        assert!(check(&Bytes::new(behind, Vec::new())).is_err(), "behind what the header says");
    }
}
