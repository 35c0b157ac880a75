//! Any bytes as a disk image: whatever they are, it is said whether they are of a format, and of no more than one that has a header.

#![no_main]

use disk_image::{Bytes, DiskFormat, check};
use libfuzzer_sys::fuzz_target;

/// The end of a file, as far as it is read.
const FOOT: usize = 512;

fuzz_target!(|input: &[u8]| {
    let foot = input[input.len().saturating_sub(FOOT)..].to_vec();
    let bytes = Bytes::new(input.to_vec(), foot);
    let is = |format: &&DiskFormat| check(&bytes, **format).is_ok();
    let formats: Vec<_> = DiskFormat::ALL.iter().filter(is).collect();
    // a disk byte by byte may end with the footer of one of Virtual PC's
    let one = formats.len() <= 1 || formats == [&DiskFormat::Raw, &DiskFormat::Vhd];
    assert!(one, "{formats:?}");
});
