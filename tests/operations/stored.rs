//! What is in the store of backups, and on the disks of volumes that nobody uses.

use harness::Cluster;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The disk of a volume on a backend of files.
pub struct Disk(PathBuf);

impl Disk {
    pub fn of(cluster: &Cluster, backend: &str, volume: &str) -> Self {
        Self(cluster.directory().join(backend).join(format!("volumes/volume-{volume}")))
    }

    pub fn write(&self, offset: u64, content: &[u8]) -> anyhow::Result<()> {
        Ok(OpenOptions::new().write(true).open(&self.0)?.write_all_at(content, offset)?)
    }

    pub fn read(&self, offset: u64, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut content = vec![0; length];
        File::open(&self.0)?.read_exact_at(&mut content, offset)?;
        Ok(content)
    }
}

/// Every file in the store.
pub fn objects(cluster: &Cluster) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(&cluster.directory().join("backups"), &mut found)?;
    Ok(found)
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}
