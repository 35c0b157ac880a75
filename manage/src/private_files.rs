//! Files and directories for one user alone.

use anyhow::Context as _;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a directory, or gives one that is there this mode.
pub fn make_directory(directory: &Path, mode: u32) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(directory);
    made.and_then(|()| fs::set_permissions(directory, Permissions::from_mode(mode)))
        .with_context(|| directory.display().to_string())
}

/// The text in a file, which is written when it is not there; one that is there must be right.
pub fn keep(
    file: &Path,
    is_right: impl FnOnce(&str) -> anyhow::Result<()>,
    make: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text.trim().to_owned(),
        Err(none) if none.kind() == ErrorKind::NotFound => make()?,
        Err(error) => return Err(error).with_context(|| file.display().to_string()),
    };
    let shown = || file.display().to_string();
    anyhow::ensure!(!text.is_empty(), "{}: it is empty: remove it for a new one", shown());
    is_right(&text).with_context(shown)?;
    write(file, &text)?;
    Ok(text)
}

/// Writes a file that is complete or as it was.
pub fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let write = || {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut new = options.open(&unfinished)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&unfinished, file)
    };
    write().with_context(|| file.display().to_string())
}
