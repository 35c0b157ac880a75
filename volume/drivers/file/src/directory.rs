//! The directory of an array: which file is what, and the work on files.
//!
//! | path | what |
//! |---|---|
//! | `volumes/volume-<id>` | a volume, raw and sparse |
//! | `snapshots/snapshot-<id>` | a snapshot, the same |
//! | `drills/drill-<id>` | the copy of a replica that a drill made, the same |
//! | `….unfinished` | either, until it is complete |
//! | `….store.unfinished` | what servers have overwritten since the copy of an open volume began |
//! | `chap/<target>/…` | with what the servers on a host log in to the iSCSI target |
//! | `in-sync/volume-<id>` | the mirror connection over which the replica here is in sync |
//! | `incomplete/volume-<id>` | the file of the volume is not all of it: it is being overwritten |
//! | `undo/volume-<id>` | what the replica was before the resynchronisation that is not done yet |
//! | `fences/…` | the newest claim that touched the object of this name |
//! | `epochs/<backend>` | the newest epoch of a backend that the array has seen, and whether it serves in it |
//! | `array.id` | the name by which the array knows itself, however it is reached |
//! | `export.key` | from what the names of its exports are made |
//! | `run/` | sockets and process id of the storage daemon |

use crate::fences;
use crate::io_error::unusable;
use crate::object::Object;
use driver::DriverError;
use driver::sizes::whole_gibibytes;
use model::{Manageable, StoredObject, VolumeId};
use rustix::fs::Access;
use rustix::io::Errno;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// How long the fencing token of a removed object is kept: no claim on it is still in use after that.
const FENCE_FILE_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// As many digits as the key of an array's exports has.
const KEY_DIGITS: usize = 64;

/// The suffix of an incomplete file.
pub(crate) const UNFINISHED: &str = "unfinished";
/// What stands before it in the name of a store.
const STORE: &str = "store";

/// An array's directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    directory: PathBuf,
}

/// The capacity of the file system, in bytes.
pub(crate) struct Capacity {
    pub total: u64,
    pub free: u64,
    pub provisioned: u64,
    pub volumes: u64,
}

impl Directory {
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The file that an object is.
    pub fn file(&self, object: Object) -> PathBuf {
        let directory = match object {
            Object::Volume(_) => self.volumes(),
            Object::Snapshot(_) => self.snapshots(),
            Object::Drill(_) => self.drills(),
        };
        directory.join(object.to_string())
    }

    /// The file that an object is until it is complete.
    pub fn unfinished(&self, object: Object) -> PathBuf {
        self.file(object).with_extension(UNFINISHED)
    }

    /// What is overwritten of a volume while it is copied to this object.
    pub fn store(&self, target: Object) -> PathBuf {
        self.file(target).with_extension(format!("{STORE}.{UNFINISHED}"))
    }

    /// Removes such a store; that there is none is fine.
    pub fn delete_store(&self, target: Object) -> Result<(), DriverError> {
        let path = self.store(target);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub fn fence_file(&self, object: Object) -> PathBuf {
        self.fences().join(object.to_string())
    }

    /// The accounts of the iSCSI target for an export.
    pub fn chap_accounts(&self, export: &str) -> PathBuf {
        self.chap().join(export)
    }

    /// The file that marks the replica of a volume as in sync.
    pub fn in_sync_file(&self, id: VolumeId) -> PathBuf {
        self.in_sync().join(Object::Volume(id).to_string())
    }

    /// Forgets which replicas are complete.
    pub fn clear_in_sync_marks(&self) -> Result<(), DriverError> {
        self.clear_in_sync_marks_except(&HashSet::new())
    }

    /// Forgets which replicas are complete, but for those of these volumes.
    pub fn clear_in_sync_marks_except(&self, kept: &HashSet<VolumeId>) -> Result<(), DriverError> {
        let directory = self.in_sync();
        let kept: HashSet<PathBuf> = kept.iter().map(|id| self.in_sync_file(*id)).collect();
        let forget = || -> io::Result<()> {
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                if !kept.contains(&path) {
                    fs::remove_file(path)?;
                }
            }
            Ok(())
        };
        match forget() {
            Err(none) if none.kind() != io::ErrorKind::NotFound => Err(unusable(&directory, &none)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What a replica was before a resynchronisation.
    pub fn undo_log(&self, id: VolumeId) -> PathBuf {
        self.undo_logs().join(Object::Volume(id).to_string())
    }

    /// What says that a volume is being brought here, and that its file is not all of it.
    fn incomplete_file(&self, id: VolumeId) -> PathBuf {
        self.incomplete().join(Object::Volume(id).to_string())
    }

    /// Remembers that the file of a volume is not all of it, or that it is; the disk has it when this returns.
    pub fn set_incomplete(&self, id: VolumeId, is_incomplete: bool) -> Result<(), DriverError> {
        let path = self.incomplete_file(id);
        if path.exists() == is_incomplete {
            return Ok(());
        }
        let set = || -> io::Result<()> {
            if is_incomplete {
                File::create(&path)?.sync_all()?;
            } else {
                fs::remove_file(&path)?;
            }
            sync_directory(&path)
        };
        set().map_err(|error| unusable(&path, &error))
    }

    /// Whether all of a volume is here, as it was at some time.
    pub fn is_complete(&self, id: VolumeId) -> bool {
        self.has(Object::Volume(id)) && !self.incomplete_file(id).exists()
    }

    /// Fails when what is here of an object is half of it: a replica that was being overwritten. Nobody is shown that.
    pub fn require_whole(&self, object: Object) -> Result<(), DriverError> {
        match object {
            Object::Volume(id) if self.incomplete_file(id).exists() => {
                Err(DriverError::failed(format!(
                    "{object} is half of a replica: it was being resynchronised when its primary was lost. What it was before can be served by a \
                 failover that accepts data loss; otherwise delete the volume"
                )))
            }
            Object::Volume(_) | Object::Snapshot(_) | Object::Drill(_) => Ok(()),
        }
    }

    pub fn has(&self, object: Object) -> bool {
        self.file(object).exists()
    }

    pub fn epochs(&self) -> PathBuf {
        self.directory.join("epochs")
    }

    fn in_sync(&self) -> PathBuf {
        self.directory.join("in-sync")
    }

    fn incomplete(&self) -> PathBuf {
        self.directory.join("incomplete")
    }

    fn undo_logs(&self) -> PathBuf {
        self.directory.join("undo")
    }

    fn chap(&self) -> PathBuf {
        self.directory.join("chap")
    }

    fn run(&self) -> PathBuf {
        self.directory.join("run")
    }

    pub fn run_file(&self, name: &str) -> PathBuf {
        self.run().join(name)
    }

    fn volumes(&self) -> PathBuf {
        self.directory.join("volumes")
    }

    fn snapshots(&self) -> PathBuf {
        self.directory.join("snapshots")
    }

    fn drills(&self) -> PathBuf {
        self.directory.join("drills")
    }

    fn fences(&self) -> PathBuf {
        self.directory.join("fences")
    }

    /// Makes the directories and removes what nobody needs any more.
    pub fn prepare(&self) -> Result<(), DriverError> {
        for directory in [
            self.volumes(),
            self.snapshots(),
            self.drills(),
            self.fences(),
            self.chap(),
            self.in_sync(),
            self.incomplete(),
            self.undo_logs(),
            self.epochs(),
            self.run(),
        ] {
            fs::create_dir_all(&directory).map_err(|error| unusable(&directory, &error))?;
        }
        let (id, key) = (Uuid::new_v4().to_string(), [Uuid::new_v4(), Uuid::new_v4()]);
        let key = key.map(|half| half.simple().to_string()).concat();
        for (path, text) in [(self.id_file(), id), (self.key_file(), key)] {
            create_once(&path, &text).map_err(|error| unusable(&path, &error))?;
        }
        self.remove_leftovers().map_err(|error| unusable(&self.directory, &error))
    }

    /// Whether there is an array.
    pub fn is_there(&self) -> bool {
        self.id_file().exists()
    }

    /// Whether the directory is there, or can be made.
    pub fn can_be_used(&self) -> bool {
        let is_usable = |path: &Path| {
            path.is_dir() && rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        };
        if self.directory.exists() {
            return is_usable(&self.directory);
        }
        self.directory.parent().is_some_and(is_usable)
    }

    /// Writes a file, to the disk; `false` when the storage is gone or broken. One that has no room takes writes to what it has.
    pub fn takes_writes(&self) -> bool {
        if self.is_there() {
            // what is below a living array can be made again; where it fails, so does the write
            let _ = fs::create_dir_all(self.run());
        }
        let written = File::create(self.run_file("probe")).and_then(|mut file| {
            file.write_all(b"probe")?;
            file.sync_all()
        });
        let says_nothing = [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE, Errno::NOMEM];
        match written {
            Ok(()) => true,
            Err(error) => {
                Errno::from_io_error(&error).is_some_and(|error| says_nothing.contains(&error))
            }
        }
    }

    fn id_file(&self) -> PathBuf {
        self.directory.join("array.id")
    }

    fn key_file(&self) -> PathBuf {
        self.directory.join("export.key")
    }

    /// The name by which the array knows itself.
    pub fn id(&self) -> Result<String, DriverError> {
        let path = self.id_file();
        fs::read_to_string(&path).map_err(|error| unusable(&path, &error))
    }

    /// From what the names of its exports are made.
    pub fn export_key(&self) -> Result<String, DriverError> {
        let path = self.key_file();
        let key = fs::read_to_string(&path).map_err(|error| unusable(&path, &error))?;
        if key.len() != KEY_DIGITS {
            return Err(DriverError::failed(format!("{} is no key", path.display())));
        }
        Ok(key)
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        for directory in [self.volumes(), self.snapshots(), self.drills()] {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                let is_unfinished = path.extension().is_some_and(|end| end == UNFINISHED);
                // one whose object is locked is another worker's, and growing
                if is_unfinished && !fences::is_locked(&self.fence_of(&path))? {
                    fs::remove_file(path)?;
                }
            }
        }
        let outlived = SystemTime::now() - FENCE_FILE_RETENTION;
        for entry in fs::read_dir(self.fences())? {
            let entry = entry?;
            let name = entry.file_name();
            let exists = [self.volumes(), self.snapshots(), self.drills()]
                .iter()
                .any(|directory| directory.join(&name).exists());
            if !exists && entry.metadata()?.modified()? < outlived {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn fence_of(&self, object_file: &Path) -> PathBuf {
        let stem = Path::new(object_file.file_stem().unwrap_or_default());
        let is_store = stem.extension().is_some_and(|end| end == STORE);
        self.fences().join(if is_store { stem.with_extension("") } else { stem.to_owned() })
    }

    /// How large the file system is, and how much of it is free, in bytes.
    pub fn room(&self) -> Result<(u64, u64), DriverError> {
        let below = rustix::fs::statvfs(&self.directory)
            .map_err(|error| unusable(&self.directory, &error.into()))?;
        Ok((below.f_blocks * below.f_frsize, below.f_bavail * below.f_frsize))
    }

    pub fn capacity(&self) -> Result<Capacity, DriverError> {
        let (total, free) = self.room()?;
        let measure = || -> io::Result<Capacity> {
            let (mut provisioned, mut volumes) = (0, 0);
            for entry in fs::read_dir(self.volumes())? {
                match entry?.metadata() {
                    Ok(volume) => {
                        provisioned += volume.len();
                        volumes += 1;
                    }
                    Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(Capacity { total, free, provisioned, volumes })
        };
        measure().map_err(|error| unusable(&self.directory, &error))
    }

    /// A file of zeros; one that is there already keeps its content.
    pub fn create(&self, object: Object, size: u64) -> Result<(), DriverError> {
        let path = self.file(object);
        let create = || -> io::Result<()> {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            // what is equal is not touched: the file tells when it was written last
            if file.metadata()?.len() != size {
                file.set_len(size)?;
            }
            file.sync_all()?;
            sync_directory(&path)
        };
        create().map_err(|error| unusable(&path, &error))
    }

    /// Fails when a replica is larger than this: it has grown since, elsewhere, and is not to be touched.
    pub fn require_not_larger(&self, object: Object, size: u64) -> Result<(), DriverError> {
        if self.has(object) && self.size(object)? > size {
            return Err(DriverError::failed(format!("{object} is larger on the target")));
        }
        Ok(())
    }

    /// The files among the volumes or snapshots, by name.
    pub fn list(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError> {
        let (directory, prefix) = match what {
            Manageable::Volumes => (self.volumes(), "volume-"),
            Manageable::Snapshots => (self.snapshots(), "snapshot-"),
        };
        let list = || -> io::Result<Vec<StoredObject>> {
            let mut found = Vec::new();
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                let (name, about) = (entry.file_name().into_string(), entry.metadata()?);
                let Ok(name) = name else { continue };
                if !about.is_file()
                    || Path::new(&name).extension().is_some_and(|end| end == UNFINISHED)
                {
                    continue;
                }
                let id = name.strip_prefix(prefix).and_then(|id| id.parse().ok());
                let size_gb = whole_gibibytes(about.len());
                found.push(StoredObject { name, size_gb, id, volume_id: None });
            }
            found.sort_by(|left, right| left.name.cmp(&right.name));
            Ok(found)
        };
        list().map_err(|error| unusable(&directory, &error))
    }

    /// Makes a file of the object's kind the object, grown to `size`. One that it is already stays.
    pub fn import_file(&self, object: Object, name: &str, size: u64) -> Result<(), DriverError> {
        let path = self.file(object);
        if path.exists() {
            return Ok(());
        }
        let is_plain = Path::new(name).file_name().is_some_and(|plain| plain == name);
        let source = path.with_file_name(name);
        if !is_plain || !source.is_file() {
            return Err(DriverError::failed(format!("there is no file {name}")));
        }
        let import_file = || -> io::Result<()> {
            let file = OpenOptions::new().write(true).open(&source)?;
            if file.metadata()?.len() < size {
                file.set_len(size)?;
            }
            file.sync_all()?;
            fs::rename(&source, &path)?;
            sync_directory(&path)
        };
        import_file().map_err(|error| unusable(&source, &error))
    }

    pub fn extend(&self, object: Object, size: u64) -> Result<(), DriverError> {
        let path = self.file(object);
        let extend = || -> io::Result<()> {
            let file = OpenOptions::new().write(true).open(&path)?;
            if file.metadata()?.len() < size {
                file.set_len(size)?;
                file.sync_all()?;
            }
            Ok(())
        };
        extend().map_err(|error| unusable(&path, &error))
    }

    /// Makes `target` like `source` without copying, where the file system can; `false` where it cannot.
    pub fn reflink(&self, source: Object, target: Object, size: u64) -> Result<bool, DriverError> {
        let path = self.unfinished(target);
        let clone = || -> io::Result<bool> {
            let source = File::open(self.file(source))?;
            let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
            match rustix::fs::ioctl_ficlone(&file, &source) {
                Ok(()) => Ok(true),
                Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::XDEV) => {
                    fs::remove_file(&path)?;
                    Ok(false)
                }
                Err(error) => Err(error.into()),
            }
        };
        let cloned = clone().map_err(|error| unusable(&path, &error))?;
        if cloned {
            self.finish_copy(target, size)?;
        }
        Ok(cloned)
    }

    /// How large an object is.
    pub fn size(&self, object: Object) -> Result<u64, DriverError> {
        let path = self.file(object);
        fs::metadata(&path).map(|found| found.len()).map_err(|error| unusable(&path, &error))
    }

    /// How much of the file system an object takes, in bytes.
    pub fn allocated(&self, object: Object) -> Result<u64, DriverError> {
        let path = self.file(object);
        let found = fs::metadata(&path).map_err(|error| unusable(&path, &error))?;
        Ok(found.blocks() * 512)
    }

    /// An unfinished file of the source's size, for a copy that the daemon makes.
    pub fn prepare_copy(&self, target: Object, size: u64) -> Result<(), DriverError> {
        let path = self.unfinished(target);
        // a file of its own: what a worker that was killed has begun may still be written to
        let prepare = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            File::create_new(&path)?.set_len(size)
        };
        prepare().map_err(|error| unusable(&path, &error))
    }

    /// Makes an unfinished file what it shall be.
    pub fn finish_copy(&self, target: Object, size: u64) -> Result<(), DriverError> {
        let (unfinished, path) = (self.unfinished(target), self.file(target));
        let finish = || -> io::Result<()> {
            let file = OpenOptions::new().write(true).open(&unfinished)?;
            if file.metadata()?.len() < size {
                file.set_len(size)?;
            }
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            sync_directory(&path)
        };
        finish().map_err(|error| unusable(&path, &error))
    }

    pub fn delete(&self, object: Object) -> Result<(), DriverError> {
        let mut paths = vec![self.unfinished(object), self.file(object)];
        match object {
            Object::Volume(id) => paths.insert(0, self.undo_log(id)),
            Object::Snapshot(_) | Object::Drill(_) => {}
        }
        for path in paths {
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unusable(&path, &error)),
            }
        }
        // what is half there never passes for complete
        match object {
            Object::Volume(id) => self.set_incomplete(id, false),
            Object::Snapshot(_) | Object::Drill(_) => Ok(()),
        }
    }
}

/// Writes a file that only its owner can read, unless it is there; nobody reads half of it.
fn create_once(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension(Uuid::new_v4().to_string());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let named = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match named {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_directory(path),
    }
}

/// Makes a new or another name of a file durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::VolumeId;

    #[test]
    fn what_a_killed_worker_has_begun_is_another_file() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::new(root.path());
        let object = Object::Volume(VolumeId::random());
        let unfinished = directory.unfinished(object);
        fs::create_dir_all(unfinished.parent().unwrap()).unwrap();
        directory.prepare_copy(object, 4096).unwrap();
        let mut of_the_killed = OpenOptions::new().write(true).open(&unfinished).unwrap();
        directory.prepare_copy(object, 4096).unwrap();
        directory.finish_copy(object, 4096).unwrap();
        of_the_killed.write_all(b"late").unwrap();
        assert_eq!(fs::read(directory.file(object)).unwrap(), [0; 4096]);
    }
}
