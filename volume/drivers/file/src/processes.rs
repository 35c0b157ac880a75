//! Processes that outlive the worker, and are ended by it.
//!
//! A daemon of ours is a process of our own user, whose executable is the configured program and whose arguments name the socket on
//! which it listens, or will. Others cannot have our user; an operator's tool has another executable. A process id in a file would
//! prove nothing: ids are used again, and the file is lost with the array's directory. The kernel's table of sockets would neither:
//! anybody can put lines into it.
//!
//! A process has ended when all its threads have, which its descriptor tells: a thread that hangs in the storage still writes.

use crate::blocking::blocking;
use driver::DriverError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a process that was killed may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long the path of a socket may take to be looked up: the storage may hang.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// Kills the daemons that run this program for this socket, and returns when they are gone. That there is none is fine; but nobody
/// else may listen there.
pub(crate) async fn end(socket: &Path, program: &Path) -> Result<(), DriverError> {
    let started = Instant::now();
    let mut dying = Vec::new();
    loop {
        let (path, name) = (socket.display().to_string(), file_name(program));
        let found = blocking(move || daemons(&path, &name)).await?;
        let is_last = found.is_empty();
        for daemon in found {
            // that it is gone by now is what was wanted
            let _ = pidfd_send_signal(&daemon, Signal::KILL);
            dying.push(daemon);
        }
        dying.retain(|daemon| !has_ended(daemon));
        if is_last && dying.is_empty() {
            return require_nobody(socket).await;
        }
        if started.elapsed() > KILL_TIMEOUT {
            let socket = socket.display();
            return Err(DriverError::failed(format!("the process of {socket} cannot be killed")));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Fails when somebody listens on the socket all the same: another user's process, or one that cannot be seen from here.
async fn require_nobody(socket: &Path) -> Result<(), DriverError> {
    let path = socket.to_owned();
    let look = blocking(move || Ok(UnixStream::connect(path)));
    match tokio::time::timeout(LOOK_TIMEOUT, look).await {
        Ok(Ok(Ok(_))) => Err(DriverError::failed(format!(
            "{}: a process listens there that is none of this worker's",
            socket.display()
        ))),
        // where the storage does not even look up a name, what was found is what there is
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Ok(()),
    }
}

/// The descriptors of our own user's processes that run this program for this socket.
fn daemons(socket: &str, program: &str) -> Result<Vec<OwnedFd>, DriverError> {
    let unreadable = |error| DriverError::failed(format!("/proc: {error}"));
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let is_ours = entry.metadata().is_ok_and(|about| about.uid() == geteuid().as_raw());
        let Some(process) = Pid::from_raw(process).filter(|_| is_ours) else { continue };
        // the descriptor first: the number may be another process's a moment later
        let Ok(descriptor) = pidfd_open(process, PidfdFlags::empty()) else { continue };
        if is_daemon(process, socket, program) {
            found.push(descriptor);
        }
    }
    Ok(found)
}

fn is_daemon(process: Pid, socket: &str, program: &str) -> bool {
    let about = |what: &str| format!("/proc/{}/{what}", process.as_raw_nonzero());
    let executable = fs::read_link(about("exe")).unwrap_or_default();
    // an upgrade replaces the file under the process
    if file_name(&executable).trim_end_matches(" (deleted)") != program {
        return false;
    }
    let arguments = fs::read(about("cmdline")).unwrap_or_default();
    let mut arguments = arguments.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    arguments.any(|argument| names(&argument, socket))
}

/// `--control SOCKET`, or a part of `socket,path=SOCKET,server=on`.
fn names(argument: &str, socket: &str) -> bool {
    argument == socket || argument.split(',').any(|part| part.strip_prefix("path=") == Some(socket))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
}

fn has_ended(process: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};

    #[test]
    fn a_process_is_known_by_the_whole_path() {
        assert!(names("/a/run/control.sock", "/a/run/control.sock"));
        assert!(names("socket,path=/a/run/qmp.sock,server=on,wait=off", "/a/run/qmp.sock"));
        assert!(!names("socket,path=/a/run/qmp.sock.old,server=on", "/a/run/qmp.sock"));
        assert!(!names("/b/a/run/qmp.sock", "/a/run/qmp.sock"));
    }

    /// The real file of the interpreter: its name may be a link's.
    fn python() -> PathBuf {
        let found =
            Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        let found = String::from_utf8(found.unwrap().stdout).unwrap();
        fs::canonicalize(found.trim()).unwrap()
    }

    /// A process that listens on a socket, and says so before it does when it is to be slow.
    fn listener(socket: &Path, is_slow: bool) -> Child {
        let script = "import socket, sys, time\nslow = sys.argv[2] == 'True'\nif slow: print(flush=True); time.sleep(60)\n\
                      s = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nprint(flush=True)\ntime.sleep(60)";
        let mut child = Command::new(python())
            .args(["-c", script])
            .arg(socket)
            .arg(if is_slow { "True" } else { "False" })
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    #[tokio::test]
    async fn a_daemon_is_ended_although_its_socket_is_gone_or_not_there_yet_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let (socket, program) = (directory.path().join("a.sock"), python());
        let mut others = [
            listener(&directory.path().join("b.sock"), false),
            // another program that is told of the socket: an operator's tool
            Command::new("tail").args(["-f", "/dev/null"]).arg(&socket).spawn().unwrap(),
        ];
        for (is_slow, is_unlinked) in [(false, false), (false, true), (true, false)] {
            let mut one = listener(&socket, is_slow);
            if is_unlinked {
                fs::remove_file(&socket).unwrap();
            }
            end(&socket, &program).await.unwrap();
            assert!(!one.wait().unwrap().success());
            let _ = fs::remove_file(&socket);
        }
        end(&socket, &program).await.unwrap();
        for other in &mut others {
            assert!(other.try_wait().unwrap().is_none());
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }

    #[tokio::test]
    async fn that_somebody_else_listens_is_no_end() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("a.sock");
        let _other = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let refused = end(&socket, Path::new("no-such-program")).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("none of this worker's")));
    }
}
