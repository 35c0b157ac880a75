//! Epochs: which epoch of a backend an array has seen, and whether it is the active side in it.
//!
//! Whoever works on what another side may come to serve keeps the array in its epoch meanwhile.

use crate::directory::{Directory, UNFINISHED, sync_directory};
use crate::file_lock::lock_file;
use crate::io_error::unusable;
use crate::object::Object;
use driver::DriverError;
use model::BackendId;
use std::fs::{self, File};
use std::io::{self, Write as _};

/// The content of an epoch file: whether the array is active or standby.
const ACTIVE: &str = "active";
const STANDBY: &str = "standby";

/// Why an array does not enter an epoch.
#[derive(Debug)]
pub(crate) enum EpochRejected {
    /// It has seen this epoch, which is newer than that one.
    Newer(i64, i64),
    /// Its files cannot be read or written.
    Unusable(DriverError),
}

impl From<EpochRejected> for DriverError {
    fn from(reason: EpochRejected) -> Self {
        match reason {
            EpochRejected::Newer(newest, epoch) => Self::failed(format!(
                "the array is in epoch {newest} of the backend, and epoch {epoch} is older: either a newer \
                 failover has overtaken this worker, or the database is older than the array"
            )),
            EpochRejected::Unusable(error) => error,
        }
    }
}

impl Directory {
    /// Takes a backend's volumes into an epoch, in which the array serves them or does not. Refused when a newer
    /// epoch has been here.
    pub fn record_epoch(
        &self,
        backend: BackendId,
        epoch: i64,
        is_active: bool,
    ) -> Result<(), EpochRejected> {
        let path = self.epochs().join(backend.to_string());
        let unusable = |error: io::Error| EpochRejected::Unusable(unusable(&path, &error));
        let _one_at_a_time = self.keep_epoch(backend).map_err(EpochRejected::Unusable)?;
        match self.epoch(backend).map_err(EpochRejected::Unusable)? {
            Some((newest, _)) if newest > epoch => return Err(EpochRejected::Newer(newest, epoch)),
            // a full array can be entered again
            Some(known) if known == (epoch, is_active) => return Ok(()),
            Some(_) | None => {}
        }
        let text = format!("{epoch} {}", if is_active { ACTIVE } else { STANDBY });
        let unfinished = path.with_extension(UNFINISHED);
        let write = || -> io::Result<()> {
            let mut file = File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            sync_directory(&path)
        };
        write().map_err(unusable)
    }

    /// Fails unless the array serves a backend's volumes in this very epoch.
    pub fn require_active(&self, backend: BackendId, epoch: i64) -> Result<(), DriverError> {
        if self.epoch(backend)? == Some((epoch, true)) {
            return Ok(());
        }
        Err(DriverError::failed("the array is no longer the active side of the backend"))
    }

    /// Whether the array serves a backend's volumes in its newest epoch.
    pub fn is_active(&self, backend: BackendId) -> Result<bool, DriverError> {
        Ok(self.epoch(backend)?.is_some_and(|(_, is_active)| is_active))
    }

    fn epoch(&self, backend: BackendId) -> Result<Option<(i64, bool)>, DriverError> {
        let path = self.epochs().join(backend.to_string());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(none) if none.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&path, &error)),
        };
        if text.is_empty() {
            return Ok(None);
        }
        let parsed = text
            .split_once(' ')
            .and_then(|(epoch, role)| Some((epoch.parse().ok()?, role == ACTIVE)));
        parsed.map(Some).ok_or_else(|| DriverError::failed(format!("{}: {text}", path.display())))
    }

    /// Removes what is here of an object of a backend that serves from elsewhere in this epoch; `false` when it has begun to serve from
    /// here since, and nothing was removed.
    pub fn delete_replica(
        &self,
        backend: BackendId,
        epoch: i64,
        object: Object,
    ) -> Result<bool, DriverError> {
        if !self.epochs().exists() {
            return Ok(true);
        }
        let _kept = self.keep_epoch(backend)?;
        match self.epoch(backend)? {
            Some((newest, true)) if newest >= epoch => Ok(false),
            Some(_) | None => self.delete(object).map(|()| true),
        }
    }

    /// Does work on a replica; fails when the array has become the active side of the backend, which it does not meanwhile.
    pub fn unless_active<T>(
        &self,
        backend: BackendId,
        work: impl FnOnce(&Self) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let _kept = self.keep_epoch(backend)?;
        if self.is_active(backend)? {
            return Err(DriverError::failed("the target is the active side of the volume"));
        }
        work(self)
    }

    /// The array enters no other epoch of a backend while the result lives.
    fn keep_epoch(&self, backend: BackendId) -> Result<File, DriverError> {
        let lock = self.epochs().join(backend.to_string()).with_extension("lock");
        lock_file(&lock).map_err(|error| unusable(&lock, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::VolumeId;
    use uuid::Uuid;

    #[test]
    fn what_has_begun_to_serve_is_not_removed_as_a_replica() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::new(&root.path().join("array"));
        let (backend, object) =
            (BackendId(Uuid::new_v4()), Object::Volume(VolumeId(Uuid::new_v4())));
        assert!(directory.delete_replica(backend, 1, object).unwrap(), "there is no array");
        directory.prepare().unwrap();
        for (recorded, is_active, epoch, is_removed) in
            [(2, false, 2, true), (3, true, 2, false), (3, true, 3, false), (3, true, 4, true)]
        {
            directory.record_epoch(backend, recorded, is_active).unwrap();
            directory.create(object, 1 << 20).unwrap();
            let removed = directory.delete_replica(backend, epoch, object).unwrap();
            assert_eq!((removed, directory.has(object)), (is_removed, !is_removed), "{epoch}");
        }
    }
}
