//! Files with disks in them, as users bring them: whatever says what a disk is made of may lie, and what reads it may be led astray.
//!
//! A file is [inspected](DiskImage::inspect) first, by its bytes alone: what would lead to other files is refused, and so is what is not of
//! the format that it is said to be (CVE-2022-47951, CVE-2024-32498). `qemu-img` gets what has passed, is told the format, never guesses, and
//! runs with bounds on memory, time and what it writes.

mod format;
mod inspection;
mod qcow2;
mod qemu_img;
mod vhd;
mod vmdk;

pub use format::DiskFormat;
pub use inspection::{Bytes, check};

use qemu_img::{Bounds, qemu_img};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Why a file cannot be used, or a disk not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is not what it is said to be, or not harmless. The text is for whoever brought it.
    #[error("{0}")]
    Unacceptable(String),
    /// It could not be read, written or converted.
    #[error("{0}")]
    Failed(String),
}

impl From<std::io::Error> for ImageError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A file with a disk in it that has been inspected.
#[derive(Clone, Debug)]
pub struct DiskImage {
    path: PathBuf,
    format: DiskFormat,
    virtual_size: u64,
}

/// What `qemu-img info` says.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    virtual_size: u64,
    backing_filename: Option<String>,
    full_backing_filename: Option<String>,
}

impl DiskImage {
    /// Looks whether a file is of this format and leads nowhere else.
    ///
    /// # Errors
    /// When it is not, or cannot be read.
    pub async fn inspect(path: &Path, format: DiskFormat) -> Result<Self, ImageError> {
        let inspected = path.to_owned();
        let length = tokio::task::spawn_blocking(move || inspection::inspect(&inspected, format))
            .await
            .map_err(|error| ImageError::Failed(error.to_string()))??;
        let virtual_size = match format {
            DiskFormat::Raw => length,
            DiskFormat::Qcow2
            | DiskFormat::Vmdk
            | DiskFormat::Vdi
            | DiskFormat::Vhdx
            | DiskFormat::Vhd => {
                let asked = ["info", "--output=json", "-f", format.of_qemu()];
                let told = qemu_img(&asked, &[path], Bounds::of_reading()).await?;
                let info: Info = serde_json::from_slice(&told)
                    .map_err(|error| ImageError::Failed(format!("qemu-img info: {error}")))?;
                if info.backing_filename.is_some() || info.full_backing_filename.is_some() {
                    return Err(ImageError::Unacceptable("it has a backing file".to_owned()));
                }
                info.virtual_size
            }
        };
        Ok(Self { path: path.to_owned(), format, virtual_size })
    }

    /// The size of the disk, in bytes.
    #[must_use]
    pub const fn virtual_size(&self) -> u64 {
        self.virtual_size
    }

    /// Where it is; a driver may keep a file beside it meanwhile.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the disk to a file, byte by byte as servers see it, holes left out; what is there is lost.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn write_raw(&self, to: &Path) -> Result<(), ImageError> {
        let convert = ["convert", "-f", self.format.of_qemu(), "-O", "raw"];
        let bounds = Bounds::of_writing(self.virtual_size);
        qemu_img(&convert, &[&self.path, to], bounds).await.map(drop)
    }
}

/// A file that shall get a disk.
#[derive(Clone, Debug)]
pub struct NewImage {
    /// Where it is; what is there is lost. A driver may keep a file beside it meanwhile.
    pub path: PathBuf,
    /// Its format.
    pub format: DiskFormat,
}

impl NewImage {
    /// Makes it of a disk that is in a file byte by byte. Whoever has that open for writing keeps it.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn make_of_raw(&self, disk: &Path) -> Result<(), ImageError> {
        let size = tokio::fs::metadata(disk).await?.len();
        let mut convert =
            vec!["convert", "--force-share", "-f", "raw", "-O", self.format.of_qemu()];
        convert.extend(self.format.options());
        qemu_img(&convert, &[disk, &self.path], Bounds::of_writing(size)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_goes_into_every_format_and_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let (disk, back) = (directory.path().join("disk"), directory.path().join("back"));
        let mut content = vec![0; 4 << 20];
        content[1 << 20..][..5].copy_from_slice(b"hello");
        std::fs::write(&disk, &content).unwrap();
        for &format in DiskFormat::ALL {
            let new = NewImage { path: directory.path().join("image"), format };
            new.make_of_raw(&disk).await.unwrap();
            let image = DiskImage::inspect(&new.path, format).await.unwrap();
            image.write_raw(&back).await.unwrap();
            let read = std::fs::read(&back).unwrap();
            assert!(read == content, "{format}");
            assert_eq!(image.virtual_size(), content.len() as u64, "{format}");
        }
    }

    #[tokio::test]
    async fn what_does_not_end_within_its_bounds_writes_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let (disk, copy) = (directory.path().join("disk"), directory.path().join("copy"));
        std::fs::write(&disk, vec![7; 80 << 20]).unwrap();
        let convert = ["convert", "-f", "raw", "-O", "raw"];
        let refused = qemu_img(&convert, &[&disk, &copy], Bounds::of_writing(0)).await;
        assert!(matches!(refused, Err(ImageError::Failed(_))), "{refused:?}");
        assert!(std::fs::metadata(&copy).map_or(0, |copy| copy.len()) <= 64 << 20);
    }
}
