//! A file system of its own, which can cease to answer as that of a failing disk does. Needs root, and a loop device.

use anyhow::ensure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system that ends with this.
pub struct OwnDisk {
    mounted: PathBuf,
}

impl OwnDisk {
    /// Mounts a new one beside a directory that is going to be removed, with a link in there to it.
    ///
    /// # Errors
    /// When it cannot be made or mounted.
    pub fn linked_from(directory: &Path, name: &str) -> anyhow::Result<Self> {
        let mounted = directory.with_extension("disk");
        let image = image(&mounted);
        std::fs::create_dir_all(&mounted)?;
        std::fs::create_dir_all(directory)?;
        std::fs::File::create(&image)?.set_len(4 << 30)?;
        run(Command::new("mkfs.ext4").arg("-q").arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mounted))?;
        let disk = Self { mounted };
        std::os::unix::fs::symlink(&disk.mounted, directory.join(name))?;
        Ok(disk)
    }

    /// Whoever writes waits in the kernel from now on, and cannot be killed.
    ///
    /// # Errors
    /// When it cannot be frozen.
    pub fn freeze(&self) -> anyhow::Result<()> {
        run(Command::new("fsfreeze").arg("--freeze").arg(&self.mounted))
    }

    /// They go on.
    ///
    /// # Errors
    /// When it is not frozen.
    pub fn thaw(&self) -> anyhow::Result<()> {
        run(Command::new("fsfreeze").arg("--unfreeze").arg(&self.mounted))
    }
}

impl Drop for OwnDisk {
    fn drop(&mut self) {
        // frozen or not, and whoever still uses it
        let _ = self.thaw();
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.mounted));
        let _ = std::fs::remove_dir(&self.mounted);
        let _ = std::fs::remove_file(image(&self.mounted));
    }
}

fn image(mounted: &Path) -> PathBuf {
    mounted.with_extension("image")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", complaint.trim());
    Ok(())
}
