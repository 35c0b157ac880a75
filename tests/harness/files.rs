//! Where the servers and processes keep their files.

use anyhow::Context;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The directory for everything that runs; not under version control.
#[must_use]
pub fn run_directory() -> PathBuf {
    repository().join(".run")
}

/// A program of this repository, as it was built with the one that asks.
///
/// # Errors
/// When it was not built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    // tests lie one directory deeper than programs
    let found = here
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|path| path.exists());
    found.with_context(|| format!("{name} is not built: `cargo build --workspace` first"))
}

/// The user under whom PostgreSQL runs: it refuses root.
pub struct ServerUser {
    /// The user's id.
    pub uid: u32,
    /// The user's group.
    pub gid: u32,
}

/// The user for PostgreSQL's programs; `None` where the current one will do.
///
/// # Errors
/// When the current user is root and there is no user `postgres`.
pub fn server_user() -> anyhow::Result<Option<ServerUser>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let line = users
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .context("there is no user postgres; the package postgresql makes it")?;
    let mut fields = line.split(':').skip(2);
    let mut number = || -> anyhow::Result<u32> { Ok(fields.next().unwrap_or_default().parse()?) };
    Ok(Some(ServerUser { uid: number()?, gid: number()? }))
}

/// A directory that the user can use: this one, or, where the way to it is closed to others, one in the
/// system's directory for temporary files that it then links to.
///
/// # Errors
/// When it cannot be made.
pub fn directory_for(user: Option<&ServerUser>, wanted: &Path) -> anyhow::Result<PathBuf> {
    let directory = match user {
        Some(_) if !open_to_others(wanted) => {
            let digits = uuid::Uuid::new_v5(
                &uuid::Uuid::NAMESPACE_URL,
                wanted.as_os_str().as_encoded_bytes(),
            );
            let elsewhere = std::env::temp_dir().join(format!("cinderblock-{}", digits.simple()));
            if wanted.is_symlink() {
                std::fs::remove_file(wanted)?;
            }
            std::os::unix::fs::symlink(&elsewhere, wanted)?;
            elsewhere
        }
        _ => wanted.to_owned(),
    };
    std::fs::create_dir_all(&directory)?;
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700))?;
    if let Some(user) = user {
        std::os::unix::fs::chown(&directory, Some(user.uid), Some(user.gid))?;
    }
    Ok(directory)
}

fn open_to_others(path: &Path) -> bool {
    const OTHERS_MAY_PASS: u32 = 0o001;
    path.ancestors().skip(1).all(|directory| {
        std::fs::metadata(directory).is_ok_and(|found| found.mode() & OTHERS_MAY_PASS != 0)
    })
}

/// A new directory for a test, not made yet; the runner of the tests empties what is around it.
#[must_use]
pub fn new_test_directory() -> PathBuf {
    // short: the paths of sockets are
    run_directory().join("test").join(&uuid::Uuid::new_v4().simple().to_string()[..8])
}
