//! `qemu-img`, confined: it gets no more memory, time and room than its work needs, whatever a file makes it do.

use crate::ImageError;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

const MIB: u64 = 1 << 20;
/// The most that is read of what it says, in bytes.
const MOST_SAID: u64 = MIB;

/// What a command may use.
pub(crate) struct Bounds {
    /// In bytes.
    memory: u64,
    /// In seconds of a processor; `None` when it has as much to do as there is data.
    processor: Option<u64>,
    /// The size of what it writes, in bytes.
    file: u64,
    /// In all.
    time: Duration,
}

impl Bounds {
    /// Those of a command that looks at a file. The figures are Cinder's.
    pub const fn of_reading() -> Self {
        Self { memory: 1024 * MIB, processor: Some(60), file: 0, time: Duration::from_secs(120) }
    }

    /// Those of a command that writes a disk of this size: formats need room of their own, of which a hundredth is ample.
    pub const fn of_writing(size: u64) -> Self {
        let file = size + size / 100 + 64 * MIB;
        Self { memory: 2048 * MIB, processor: None, file, time: Duration::from_hours(12) }
    }
}

/// Runs it on these files; returns what it prints. When the future is dropped, it is killed.
pub(crate) async fn qemu_img(
    arguments: &[&str],
    files: &[&Path],
    bounds: Bounds,
) -> Result<Vec<u8>, ImageError> {
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={}", bounds.memory)).arg("--core=0");
    command.arg(format!("--fsize={}", bounds.file));
    if let Some(seconds) = bounds.processor {
        command.arg(format!("--cpu={seconds}"));
    }
    // and none outlives the worker
    command.args(["--", "setpriv", "--pdeathsig", "KILL", "qemu-img"]);
    command.args(arguments).arg("--").args(files);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let ended = tokio::time::timeout(bounds.time, run(&mut command)).await;
    let (status, said, complaint) =
        ended.map_err(|_| ImageError::Failed("qemu-img takes too long".to_owned()))??;
    if status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&complaint);
    let complaint = complaint.trim().lines().last().unwrap_or_default().to_owned();
    tracing::warn!(command = arguments.first(), %status, complaint, "qemu-img failed");
    Err(ImageError::Failed(format!("qemu-img: {complaint}")))
}

/// How a command ends, what it says, and of what it complains.
async fn run(command: &mut Command) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), ImageError> {
    let mut process = command.spawn()?;
    let (said, complaint) = (process.stdout.take(), process.stderr.take());
    let (said, complaint) = tokio::try_join!(read(said), read(complaint))?;
    Ok((process.wait().await?, said, complaint))
}

/// All that comes, if that is not too much: names in a file are its maker's.
async fn read(from: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, ImageError> {
    let Some(from) = from else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    from.take(MOST_SAID + 1).read_to_end(&mut all).await?;
    if all.len() as u64 > MOST_SAID {
        return Err(ImageError::Unacceptable("too much is in it beside the disk".to_owned()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_it_says_is_read_as_far_as_it_may_say_something() {
        let said = vec![b'n'; usize::try_from(MOST_SAID).unwrap() + 1];
        assert_eq!(read(Some(&said[1..])).await.unwrap().len() as u64, MOST_SAID);
        assert!(matches!(read(Some(&said[..])).await, Err(ImageError::Unacceptable(_))));
    }
}
