//! A child process with its log, ended by its process id.

use anyhow::Context;
use rustix::process::{Pid, Signal};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running process that is killed when it is dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    whole_group: bool,
}

impl Process {
    /// Starts a command; both its outputs go to the end of `log`. It gets a process group of its own, so
    /// that Ctrl-C reaches only whoever started it, and with `whole_group` the group ends with it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        name: &str,
        command: &mut Command,
        log: &Path,
        whole_group: bool,
    ) -> anyhow::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), whole_group })
    }

    /// What it is called here.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its exit status, if it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// An error with the end of the log when it has ended.
    ///
    /// # Errors
    /// When it has ended.
    pub fn require_running(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.ended()? {
            anyhow::bail!("{} ended ({status}):\n{}", self.name, self.end_of_log());
        }
        Ok(())
    }

    /// The last lines of its log.
    #[must_use]
    pub fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_child(&self.child);
        if self.whole_group {
            rustix::process::kill_process_group(pid, signal)?;
        } else {
            rustix::process::kill_process(pid, signal)?;
        }
        Ok(())
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // one that has ended already is as good
        let _ = self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// SIGTERM; after `timeout`, SIGKILL. Returns its exit status and how long it took.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn terminate(&mut self, timeout: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
        let started = Instant::now();
        let _ = self.signal(Signal::TERM);
        while started.elapsed() < timeout {
            if let Some(status) = self.ended()? {
                return Ok((status, started.elapsed()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        Ok((self.child.wait()?, started.elapsed()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What carries the data paths of an array, and what a test that was killed has not ended.
const DAEMONS: [&str; 7] = [
    "qemu-storage-daemon",
    "cinderblock-relay",
    "tgtd",
    "cinderblock-api",
    "cinderblock-scheduler",
    "cinderblock-volume",
    "cinderblock-backup",
];

/// Ends the daemons that were started with a path below this directory: they outlive the processes that start
/// them, and one that was being started, or whose array has burned, has no pid file by which it could be found.
pub fn end_daemons_below(directory: &Path) {
    let prefix = format!("{}/", directory.display());
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let found = daemons_below(&prefix);
        if found.is_empty() || Instant::now() > deadline {
            return;
        }
        for process in found {
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn daemons_below(prefix: &str) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            let command = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command);
            let program = command.split('\0').next().and_then(|path| path.rsplit('/').next());
            program.is_some_and(|program| DAEMONS.contains(&program)) && command.contains(prefix)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// An array of the file driver burns: its directory is gone, and its daemon is killed.
///
/// In this order and at once: a worker that finds a dead daemon in a directory that is still there starts another one, whose
/// mirrors are out of sync at first.
///
/// # Errors
/// When the directory cannot be removed.
pub fn burn(array: &Path) -> std::io::Result<()> {
    let ashes = array.with_extension("burnt");
    std::fs::rename(array, &ashes)?;
    kill_by_pid_file(&ashes.join("run/daemon.pid"));
    std::fs::remove_dir_all(ashes)
}

/// Ends a process that is no child of ours, by the id in its pid file.
pub fn kill_by_pid_file(file: &Path) {
    let pid = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
    let _ = std::fs::remove_file(file);
}
