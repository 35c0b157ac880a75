//! A volume's content is put together of a chain of backups, from its beginning to its end. Nothing leaves here that differs from what was
//! backed up as far as hashes tell.

use crate::backup::Verified;
use crate::error::StoreError;
use crate::extents::{Extent, extents};
use crate::hashes::{self, BLOCK, BlockHash};
use crate::layout::{self, Stored};
use crate::metadata::{self, Description, StoredObject};
use crate::object_reader::ObjectReader;
use crate::place::Place;
use bytes::Bytes;
use std::collections::HashSet;

/// How much leaves at once, in bytes: whole blocks.
const PIECE: usize = 32 * BLOCK;

/// A chain of backups that is being read.
pub(crate) struct Reading<'a> {
    place: &'a Place,
    levels: Vec<Level>,
    extents: Vec<Extent>,
    /// Those of the newest backup, when it has some.
    hashes: Option<Vec<BlockHash>>,
    volume_bytes: u64,
    is_thorough: bool,
}

/// One backup of the chain.
struct Level {
    stored: Stored,
    objects: Vec<StoredObject>,
    /// The object that is open.
    open: Option<(usize, ObjectReader)>,
    /// The first object that was not opened yet.
    next: usize,
}

/// Reads what describes a backup.
pub(crate) fn describe(place: &Place, stored: &Stored) -> Result<Description, StoreError> {
    let text = place.open(stored, &layout::metadata_name(&stored.prefix))?;
    metadata::read(text, stored)
}

/// Reads the hashes of a backup.
pub(crate) fn hashes(
    place: &Place,
    stored: &Stored,
    volume_bytes: u64,
) -> Result<Vec<BlockHash>, StoreError> {
    let text = place.open(stored, &layout::hashes_name(&stored.prefix))?;
    hashes::read(text, volume_bytes)
}

impl<'a> Reading<'a> {
    /// Looks at what describes the chain; `listed` are the names of the objects that each backup has. When it is thorough, all of every object
    /// is read.
    pub fn new(
        place: &'a Place,
        chain: Vec<(Stored, Vec<String>)>,
        volume_bytes: u64,
        is_thorough: bool,
    ) -> Result<Self, StoreError> {
        let mut descriptions = Vec::new();
        for (stored, listed) in &chain {
            let description = describe(place, stored)?;
            compare_names(stored, &description, listed)?;
            descriptions.push(description);
        }
        compare_parents(&descriptions)?;
        let objects = descriptions.iter().map(|description| description.objects.as_slice());
        let extents = extents(objects, volume_bytes)?;
        let hashes = match chain.first() {
            Some((newest, listed)) if listed.contains(&layout::hashes_name(&newest.prefix)) => {
                Some(hashes(place, newest, volume_bytes)?)
            }
            Some(_) | None => None,
        };
        let levels = chain.into_iter().zip(descriptions);
        let levels = levels.map(|((stored, _), description)| Level {
            stored,
            objects: description.objects,
            open: None,
            next: 0,
        });
        Ok(Self { place, levels: levels.collect(), extents, hashes, volume_bytes, is_thorough })
    }

    /// Reads the whole volume; `deliver` gets its content piece by piece, and says whether more is wanted.
    pub fn run(mut self, mut deliver: impl FnMut(Bytes) -> bool) -> Result<Verified, StoreError> {
        let extents = std::mem::take(&mut self.extents);
        let mut extents = extents.into_iter();
        let mut current = extents.next();
        let mut offset = 0;
        while offset < self.volume_bytes {
            let left = usize::try_from(self.volume_bytes - offset).unwrap_or(PIECE);
            let mut piece = vec![0; left.min(PIECE)];
            let mut rest = piece.as_mut_slice();
            while let (Some(extent), false) = (&mut current, rest.is_empty()) {
                let length = extent.at.end - extent.at.start;
                let length = usize::try_from(length).unwrap_or(PIECE).min(rest.len());
                let (part, after) = rest.split_at_mut(length);
                self.read(extent, part)?;
                rest = after;
                extent.at.start += length as u64;
                if extent.at.is_empty() {
                    current = extents.next();
                }
            }
            self.compare(offset, &piece)?;
            offset += piece.len() as u64;
            if !deliver(Bytes::from(piece)) {
                return Err(StoreError::Io(std::io::ErrorKind::BrokenPipe.into()));
            }
        }
        self.finish()
    }

    /// Reads the beginning of an extent.
    fn read(&mut self, extent: &Extent, part: &mut [u8]) -> Result<(), StoreError> {
        let level = self.levels.get_mut(extent.backup).ok_or_else(lost)?;
        level.read(self.place, extent, part, self.is_thorough)
    }

    /// Compares blocks with the hashes that the volume's had when it was backed up.
    fn compare(&self, offset: u64, piece: &[u8]) -> Result<(), StoreError> {
        let Some(hashes) = &self.hashes else { return Ok(()) };
        let first = usize::try_from(offset / BLOCK as u64).map_err(|_| lost())?;
        let expected = hashes.iter().skip(first);
        let mut blocks = BlockHash::of_blocks(piece).zip(expected).enumerate();
        match blocks.find(|(_, (hash, expected))| hash != *expected) {
            None => Ok(()),
            Some((block, _)) => {
                let at = offset + (block * BLOCK) as u64;
                Err(StoreError::Damaged(format!("the block at {at} has another SHA-256")))
            }
        }
    }

    fn finish(mut self) -> Result<Verified, StoreError> {
        if self.is_thorough {
            for level in &mut self.levels {
                level.pass(self.place, level.objects.len(), true)?;
            }
        }
        let objects = self.levels.iter().map(|level| level.objects.len() as u64).sum();
        let has_hashes = self.hashes.is_some();
        Ok(Verified { objects, bytes: self.volume_bytes, has_hashes })
    }
}

impl Level {
    fn read(
        &mut self,
        place: &Place,
        extent: &Extent,
        part: &mut [u8],
        is_thorough: bool,
    ) -> Result<(), StoreError> {
        self.pass(place, extent.object, is_thorough)?;
        let object = self.objects.get(extent.object).ok_or_else(lost)?;
        let mut reader = match self.open.take() {
            Some((_, reader)) => reader,
            None => ObjectReader::open(place, &self.stored, object)?,
        };
        self.next = extent.object + 1;
        reader.skip_to(extent.at.start - object.offset)?;
        reader.read_exact(part)?;
        let is_read = reader.position() == object.length;
        self.open = Some((extent.object, reader)).filter(|_| !is_read);
        Ok(())
    }

    /// Leaves the objects before this one behind; all of them is read first when that is wanted.
    fn pass(&mut self, place: &Place, object: usize, is_thorough: bool) -> Result<(), StoreError> {
        if let Some((_, mut passed)) = self.open.take_if(|(open, _)| *open < object)
            && is_thorough
        {
            passed.drain()?;
        }
        while is_thorough && self.next < object {
            let passed = self.objects.get(self.next).ok_or_else(lost)?;
            ObjectReader::open(place, &self.stored, passed)?.drain()?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Refuses a chain in which something is missing or does not belong.
fn compare_parents(chain: &[Description]) -> Result<(), StoreError> {
    let parents = chain.iter().skip(1).map(|parent| Some(parent.id)).chain([None]);
    for (description, parent) in chain.iter().zip(parents) {
        if description.parent_id != parent {
            let (id, on) = (description.id, description.parent_id);
            let on = on.map_or_else(|| "none".to_owned(), |id| id.to_string());
            return Err(StoreError::Invalid(format!(
                "the backup {id} stands on {on}, which is not what follows in the chain"
            )));
        }
    }
    Ok(())
}

/// Compares what is there with what is said to be there.
fn compare_names(
    stored: &Stored,
    description: &Description,
    listed: &[String],
) -> Result<(), StoreError> {
    let described = description.objects.iter().map(|object| object.name.as_str());
    let mut expected: HashSet<&str> = described.collect();
    let listed: HashSet<&str> = listed.iter().map(String::as_str).collect();
    if let Some(missing) = expected.iter().find(|name| !listed.contains(*name)) {
        return Err(StoreError::Missing((*missing).to_owned()));
    }
    let beside = [layout::metadata_name(&stored.prefix), layout::hashes_name(&stored.prefix)];
    expected.extend(beside.iter().map(String::as_str));
    match listed.iter().find(|name| !expected.contains(*name)) {
        None => Ok(()),
        Some(name) => Err(StoreError::Damaged(format!("{name:?} does not belong to it"))),
    }
}

fn lost() -> StoreError {
    StoreError::Damaged("what describes it contradicts itself".to_owned())
}
