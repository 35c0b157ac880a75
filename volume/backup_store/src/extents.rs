//! Which backup of a chain has which part of a volume.

use crate::error::StoreError;
use crate::metadata::StoredObject;
use std::ops::Range;

/// A part of a volume, and the object that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Where it is in the volume, in bytes.
    pub at: Range<u64>,
    /// Of the chain, from the newest.
    pub backup: usize,
    /// Of the backup's objects.
    pub object: usize,
}

/// The extents of a volume in its order: each part is in the newest backup that has it. The objects of each backup are in the volume's order.
pub(crate) fn extents<'a>(
    chain: impl Iterator<Item = &'a [StoredObject]>,
    volume_bytes: u64,
) -> Result<Vec<Extent>, StoreError> {
    let whole = 0..volume_bytes;
    let (mut missing, mut found) = (vec![whole], Vec::new());
    for (backup, objects) in chain.enumerate() {
        if objects.last().is_some_and(|last| last.end() > volume_bytes) {
            return Err(StoreError::Damaged("it has more than the whole volume".to_owned()));
        }
        missing = take(&missing, backup, objects, &mut found);
    }
    if let Some(missing) = missing.iter().find(|missing| !missing.is_empty()) {
        let at = missing.start;
        return Err(StoreError::Damaged(format!("no backup of the chain has what is at {at}")));
    }
    found.sort_unstable_by_key(|extent| extent.at.start);
    Ok(found)
}

/// Finds what these objects have of what is missing; returns what is missing still.
fn take(
    missing: &[Range<u64>],
    backup: usize,
    objects: &[StoredObject],
    found: &mut Vec<Extent>,
) -> Vec<Range<u64>> {
    let mut still = Vec::new();
    for part in missing {
        let mut start = part.start;
        let first = objects.partition_point(|object| object.end() <= start);
        let within = objects.iter().enumerate().skip(first);
        for (object, stored) in within.take_while(|(_, stored)| stored.offset < part.end) {
            let at = stored.offset.max(start)..stored.end().min(part.end);
            if start < at.start {
                still.push(start..at.start);
            }
            start = at.end;
            found.push(Extent { at, backup, object });
        }
        if start < part.end {
            still.push(start..part.end);
        }
    }
    still
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compression;

    fn object(offset: u64, length: u64) -> StoredObject {
        let compression = Compression::None;
        StoredObject { name: String::new(), offset, length, md5: [0; 16], compression }
    }

    #[test]
    fn each_part_is_that_of_the_newest_backup_that_has_it() {
        let chain = [
            vec![object(10, 5), object(90, 10)],
            vec![object(0, 1), object(12, 10)],
            vec![object(0, 50), object(50, 50)],
        ];
        let found = extents(chain.iter().map(Vec::as_slice), 100).unwrap();
        let found: Vec<_> = found.iter().map(|e| (e.at.clone(), e.backup, e.object)).collect();
        assert_eq!(
            found,
            [
                (0..1, 1, 0),
                (1..10, 2, 0),
                (10..15, 0, 0),
                (15..22, 1, 1),
                (22..50, 2, 0),
                (50..90, 2, 1),
                (90..100, 0, 1)
            ]
        );
    }

    #[test]
    fn what_no_backup_has_and_what_no_volume_has_is_damage() {
        for (chain, volume_bytes) in [
            (vec![vec![object(0, 50)]], 51),
            (vec![vec![object(0, 50)]], 49),
            (vec![vec![object(1, 49)]], 50),
            (vec![vec![]], 1),
            (vec![], 1),
        ] {
            let found = extents(chain.iter().map(Vec::as_slice), volume_bytes);
            assert!(matches!(found, Err(StoreError::Damaged(_))), "{found:?}");
        }
    }
}
