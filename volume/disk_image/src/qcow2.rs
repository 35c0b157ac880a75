//! QEMU's own format: what its header says (QEMU's `docs/interop/qcow2`).

use crate::inspection::Bytes;

/// Features that a reader must know: that it was not closed, that it is damaged, and that its compression has a name.
const KNOWN_FEATURES: u64 = 0b1011;
/// That the data are in another file.
const DATA_FILE: u64 = 0b0100;

/// Fails when the file leads to others, or is encrypted.
pub(crate) fn check(bytes: &Bytes) -> Result<(), String> {
    let cut_off = || "its header is cut off".to_owned();
    let version = bytes.at(4).map(u32::from_be_bytes).ok_or_else(cut_off)?;
    let backing_file = bytes.at(8).map(u64::from_be_bytes).ok_or_else(cut_off)?;
    let encryption = bytes.at(32).map(u32::from_be_bytes).ok_or_else(cut_off)?;
    if backing_file != 0 {
        return Err("it has a backing file".to_owned());
    }
    if encryption != 0 {
        return Err("it is encrypted".to_owned());
    }
    if version < 3 {
        return Ok(());
    }
    let features = bytes.at(72).map(u64::from_be_bytes).ok_or_else(cut_off)?;
    if features & DATA_FILE != 0 {
        return Err("its data are in another file".to_owned());
    }
    if features & !KNOWN_FEATURES != 0 {
        return Err("it has features that are not supported".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{DiskFormat, DiskImage, ImageError};
    use std::path::Path;
    use std::process::Command;

    fn make(directory: &Path, options: &[&str]) -> std::path::PathBuf {
        let path = directory.join("image");
        let mut command = Command::new("qemu-img");
        command.arg("create").args(["-f", "qcow2"]).args(options).arg(&path).arg("1G");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    }

    #[tokio::test]
    async fn a_file_that_leads_to_others_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (other, data) = (directory.path().join("other"), directory.path().join("data"));
        std::fs::write(&other, vec![7; 1 << 20]).unwrap();
        let data_file = format!("data_file={},data_file_raw=on", data.display());
        let backing = other.display().to_string();
        for (options, complaint) in [
            (vec!["-o", "extended_l2=on,cluster_size=128k"], "features"),
            (vec!["-o", &data_file], "another file"),
            (vec!["-b", &backing, "-F", "raw"], "backing file"),
        ] {
            let image = make(directory.path(), &options);
            let refused = DiskImage::inspect(&image, DiskFormat::Qcow2).await;
            assert!(
                matches!(&refused, Err(ImageError::Unacceptable(why)) if why.contains(complaint)),
                "{refused:?}"
            );
        }
        for options in [vec![], vec!["-o", "compression_type=zstd"], vec!["-o", "compat=0.10"]] {
            let image = make(directory.path(), &options);
            let image = DiskImage::inspect(&image, DiskFormat::Qcow2).await.unwrap();
            assert_eq!(image.virtual_size(), 1 << 30);
        }
    }
}
