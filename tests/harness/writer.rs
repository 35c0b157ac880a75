//! A server that writes one block after the other, and knows which were acknowledged.

use anyhow::Context;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

const BLOCK: usize = 4096;
/// As many as fit.
const BLOCKS: usize = 100_000;

/// A writer at work; it ends when its connection does.
pub struct Writer {
    child: Child,
    acknowledged: Arc<AtomicUsize>,
}

/// What block number `n` holds.
const fn pattern(n: usize) -> u8 {
    (n % 251) as u8 + 1
}

impl Writer {
    /// Begins to write to an NBD export.
    ///
    /// # Errors
    /// When qemu-io is not installed.
    pub fn start(uri: &str) -> anyhow::Result<Self> {
        let mut child = Command::new("qemu-io")
            .args(["-f", "raw", uri])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut input = child.stdin.take().context("an input")?;
        let mut output = BufReader::new(child.stdout.take().context("an output")?).lines();
        let acknowledged = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            for n in 0..BLOCKS {
                let line = format!("write -P {} {} {BLOCK}\n", pattern(n), n * BLOCK);
                if input.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let counted = acknowledged.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                // the first failure ends the sequence
                if line.contains("failed") {
                    return;
                }
                if line.contains("wrote") {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { child, acknowledged })
    }

    /// How many blocks were acknowledged by now.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Ends the writer; returns how many blocks were acknowledged.
    pub async fn end(mut self) -> usize {
        let _ = self.child.kill().await;
        // what was printed is still being read
        tokio::task::yield_now().await;
        self.acknowledged()
    }
}

/// The acknowledged blocks that a file does not have.
///
/// # Errors
/// When it cannot be read.
pub fn missing(file: &Path, acknowledged: usize) -> anyhow::Result<Vec<usize>> {
    let mut content = Vec::new();
    std::fs::File::open(file)?.take((acknowledged * BLOCK) as u64).read_to_end(&mut content)?;
    let has = |n: &usize| {
        let block = content.get(n * BLOCK..(n + 1) * BLOCK);
        block.is_some_and(|block| block.iter().all(|byte| *byte == pattern(*n)))
    };
    Ok((0..acknowledged).filter(|n| !has(n)).collect())
}
