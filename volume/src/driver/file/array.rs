//! The directory of an array: which file is what, and the work on files.
//!
//! | path | what |
//! |---|---|
//! | `volumes/volume-<id>` | a volume, raw and sparse |
//! | `fences/<id>` | the newest claim that touched the volume |
//! | `run/` | sockets and process id of the storage daemon |

use super::DriverError;
use common::model::VolumeId;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// After so long no worker can still believe that it has an operation on a removed volume.
const FENCES_OUTLIVE_VOLUMES_BY: Duration = Duration::from_secs(7 * 24 * 3600);

/// An array's directory.
#[derive(Clone, Debug)]
pub(super) struct Array {
    directory: PathBuf,
}

/// The room on the file system below, in bytes.
pub(super) struct Room {
    pub total: u64,
    pub free: u64,
    pub provisioned: u64,
    pub volumes: u64,
}

impl Array {
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    pub fn volume_file(&self, id: VolumeId) -> PathBuf {
        self.volumes().join(format!("volume-{id}"))
    }

    pub fn fence_file(&self, id: VolumeId) -> PathBuf {
        self.fences().join(id.to_string())
    }

    pub fn run_file(&self, name: &str) -> PathBuf {
        self.directory.join("run").join(name)
    }

    fn volumes(&self) -> PathBuf {
        self.directory.join("volumes")
    }

    fn fences(&self) -> PathBuf {
        self.directory.join("fences")
    }

    /// Makes the directories and removes what nobody needs any more.
    pub fn prepare(&self) -> Result<(), DriverError> {
        for directory in [self.volumes(), self.fences(), self.directory.join("run")] {
            fs::create_dir_all(&directory).map_err(|error| unusable(&directory, &error))?;
        }
        self.remove_old_fences().map_err(|error| unusable(&self.fences(), &error))
    }

    fn remove_old_fences(&self) -> io::Result<()> {
        let outlived = SystemTime::now() - FENCES_OUTLIVE_VOLUMES_BY;
        for entry in fs::read_dir(self.fences())? {
            let entry = entry?;
            let volume = self.volumes().join(format!("volume-{}", entry.file_name().display()));
            if entry.metadata()?.modified()? < outlived && !volume.exists() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub fn room(&self) -> Result<Room, DriverError> {
        let measure = || -> io::Result<Room> {
            let below = rustix::fs::statvfs(&self.directory)?;
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
            let (total, free) = (below.f_blocks * below.f_frsize, below.f_bavail * below.f_frsize);
            Ok(Room { total, free, provisioned, volumes })
        };
        measure().map_err(|error| unusable(&self.directory, &error))
    }

    /// A file of zeros; one that is there already keeps its content.
    pub fn create(&self, id: VolumeId, size: u64) -> Result<(), DriverError> {
        let path = self.volume_file(id);
        let create = || -> io::Result<()> {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            file.set_len(size)?;
            file.sync_all()?;
            File::open(self.volumes())?.sync_all()
        };
        create().map_err(|error| unusable(&path, &error))
    }

    pub fn extend(&self, id: VolumeId, size: u64) -> Result<(), DriverError> {
        let path = self.volume_file(id);
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

    pub fn delete(&self, id: VolumeId) -> Result<(), DriverError> {
        let path = self.volume_file(id);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unusable(&path, &error)),
        }
    }
}

pub(super) fn unusable(path: &Path, error: &io::Error) -> DriverError {
    let hint = match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => " (the file system is full)",
        Some(Errno::FBIG) => " (the file system does not take files of this size)",
        _ => "",
    };
    DriverError::failed(format!("{}: {error}{hint}", path.display()))
}
