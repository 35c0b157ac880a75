//! Room on an array's file system, for copies: whoever writes there shares it.

use crate::blocking::blocking;
use crate::directory::Directory;
use driver::DriverError;
use std::time::Duration;

/// How often it is looked while something is copied.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Fails when, with so many bytes more in use, less than this part of the file system would be free.
pub(crate) fn require_room(
    directory: &Directory,
    needed: u64,
    free_percent: u64,
) -> Result<(), DriverError> {
    let (total, free) = directory.room()?;
    let usable = usable(total, free, free_percent);
    if needed > usable {
        return Err(DriverError::failed(format!(
            "there is no room for a copy: it needs {} MiB, and {} MiB may be used",
            needed >> 20,
            usable >> 20
        )));
    }
    Ok(())
}

/// Returns, with the error, when less than this part of the file system is free, or nobody can tell.
pub(crate) async fn becomes_scarce(directory: &Directory, free_percent: u64) -> DriverError {
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        let looked = directory.clone();
        match blocking(move || looked.room()).await {
            Ok((total, free)) if usable(total, free, free_percent) > 0 => {}
            Ok(_) => return DriverError::failed("there is too little room left to go on copying"),
            Err(error) => return error,
        }
    }
}

const fn usable(total: u64, free: u64, free_percent: u64) -> u64 {
    free.saturating_sub(total / 100 * free_percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_file_system_is_not_used() {
        assert_eq!(usable(1000, 300, 10), 200);
        assert_eq!(usable(1000, 100, 10), 0);
        assert_eq!(usable(1000, 50, 10), 0);
        let directory = tempfile::tempdir().unwrap();
        let directory = Directory::new(directory.path());
        require_room(&directory, 1, 0).unwrap();
        assert!(require_room(&directory, u64::MAX, 0).is_err());
        assert!(require_room(&directory, 0, 101).is_ok());
    }
}
