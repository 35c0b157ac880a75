//! A server that writes numbered blocks to an image, and what is found of them later.

use crate::files;
use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

const BLOCK: usize = 4096;
/// How long the first write may take, and how long a write that is refused.
const PATIENCE: Duration = Duration::from_secs(60);

/// An acknowledged write: the number of its block, and when that was known, in seconds since 1970.
pub type Acknowledged = (u64, f64);

/// A server at work.
pub struct Writer {
    process: Child,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
}

impl Writer {
    /// Writes from a block on; returns when some blocks are acknowledged.
    ///
    /// # Errors
    /// When nothing is.
    pub async fn start(conf: &Path, pool: &str, volume: &str, first: u64) -> anyhow::Result<Self> {
        let script = files::repository().join("tests/harness/rbd_writer.py");
        // the bindings are Debian's, and so is the interpreter that they are for
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(conf).args([pool, &format!("volume-{volume}"), &first.to_string()]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let output = process.stdout.take().context("an output")?;
        let acknowledged: Arc<Mutex<Vec<Acknowledged>>> = Arc::default();
        let noted = acknowledged.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let parsed = line.split_once(' ');
                let parsed = parsed.and_then(|(n, at)| Some((n.parse().ok()?, at.parse().ok()?)));
                noted.lock().unwrap_or_else(PoisonError::into_inner).extend(parsed);
            }
        });
        let writer = Self { process, acknowledged };
        writer.write_more(20).await?;
        Ok(writer)
    }

    /// Waits until so many more blocks are acknowledged.
    ///
    /// # Errors
    /// When they are not.
    pub async fn write_more(&self, blocks: usize) -> anyhow::Result<()> {
        let (before, began) = (self.acknowledged().len(), Instant::now());
        while self.acknowledged().len() < before + blocks {
            anyhow::ensure!(began.elapsed() < PATIENCE, "the server does not write");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What has been acknowledged until now.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its writes are refused; returns what was acknowledged before.
    ///
    /// # Errors
    /// When they are not.
    pub async fn require_cut_off(mut self) -> anyhow::Result<Vec<Acknowledged>> {
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let status = ended.context("the server goes on to write")??;
        anyhow::ensure!(!status.success(), "a write must have failed");
        // the last lines may be on their way
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(self.acknowledged())
    }

    /// It closes the image; returns what was acknowledged.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop(mut self) -> anyhow::Result<Vec<Acknowledged>> {
        let process = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(process.context("it has ended")?, Signal::TERM)?;
        tokio::time::timeout(PATIENCE, self.process.wait()).await??;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(self.acknowledged())
    }

    /// Kills it, as its host is gone; returns what was acknowledged before.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<Vec<Acknowledged>> {
        self.process.kill().await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(self.acknowledged())
    }
}

/// The numbers of the blocks, up to one, that an image has.
///
/// # Errors
/// When the image cannot be read, or a block is neither written nor empty.
pub async fn found(conf: &Path, image: &str, up_to: u64) -> anyhow::Result<Vec<u64>> {
    let mut export = Command::new("rbd");
    export.env("CEPH_CONF", conf).args(["export", "--no-progress", image, "-"]);
    let mut export =
        export.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let mut content = BufReader::new(export.stdout.take().context("an output")?);
    let (mut numbers, mut block) = (Vec::new(), [0; BLOCK]);
    for number in 0..=up_to {
        content.read_exact(&mut block).await?;
        let expected = number.to_le_bytes().repeat(BLOCK / 8);
        if number > 0 && block[..] == expected {
            numbers.push(number);
        } else {
            anyhow::ensure!(block.iter().all(|byte| *byte == 0), "block {number} is torn");
        }
    }
    Ok(numbers)
}
