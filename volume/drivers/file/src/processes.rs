//! Processes that outlive the worker. They are identified by a socket in their arguments, not by a process id
//! in a file: process ids are reused, and the file is lost with the array's directory.

use crate::blocking::blocking;
use driver::DriverError;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a process that was killed may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Kills whoever was started with this socket, and returns when it is gone. That there is nobody is fine.
pub(crate) async fn end(socket: &Path) -> Result<(), DriverError> {
    let started = Instant::now();
    loop {
        let path = socket.display().to_string();
        let found = blocking(move || Ok(started_with(&path))).await?;
        if found.is_empty() {
            return Ok(());
        }
        if started.elapsed() > KILL_TIMEOUT {
            let socket = socket.display();
            return Err(DriverError::failed(format!("the process of {socket} cannot be killed")));
        }
        for process in found {
            // that it is gone by now is what was wanted
            let _ = kill_process(process, Signal::KILL);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The processes that have this path in one of their arguments, as a whole.
fn started_with(path: &str) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            let arguments = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            arguments
                .split(|byte| *byte == 0)
                .any(|argument| names(&String::from_utf8_lossy(argument), path))
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// `--control SOCKET`, or a part of `socket,path=SOCKET,server=on`.
fn names(argument: &str, path: &str) -> bool {
    argument == path || argument.split(',').any(|part| part.strip_prefix("path=") == Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_the_whole_path() {
        assert!(names("/a/run/control.sock", "/a/run/control.sock"));
        assert!(names("socket,path=/a/run/qmp.sock,server=on,wait=off", "/a/run/qmp.sock"));
        assert!(!names("socket,path=/a/run/qmp.sock.old,server=on", "/a/run/qmp.sock"));
        assert!(!names("/b/a/run/qmp.sock", "/a/run/qmp.sock"));
    }

    #[tokio::test]
    async fn whoever_was_started_with_a_socket_is_ended_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("a.sock");
        // the first argument after the script is its name for itself
        let start = |socket: &Path| {
            let mut command = tokio::process::Command::new("sh");
            command.kill_on_drop(true).args(["-c", "read line", "sh"]).arg(socket);
            command.stdin(std::process::Stdio::piped()).spawn().unwrap()
        };
        let (mut one, mut other) = (start(&socket), start(&directory.path().join("b.sock")));
        let waited = tokio::join!(end(&socket), one.wait());
        assert!(waited.0.is_ok() && !waited.1.unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        end(&socket).await.unwrap();
    }
}
