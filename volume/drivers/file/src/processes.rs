//! Processes that outlive the worker, and are ended by it.
//!
//! A daemon of ours is a process of our own user, whose executable is the configured program and whose arguments name the socket on
//! which it listens, or will. Others cannot have our user; an operator's tool has another executable. A process id in a file would
//! prove nothing: ids are used again, and the file is lost with the array's directory. The kernel's table of sockets would neither:
//! anybody can put lines into it.
//!
//! A process has ended when all its threads have, which its descriptor tells: a thread that hangs in the storage may still write there,
//! although it can do nothing else any more once it was killed.

use crate::blocking::blocking;
use driver::DriverError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
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

/// A process of ours.
struct Daemon {
    process: Pid,
    descriptor: OwnedFd,
}

/// Whether a process that was killed, and whose storage hangs, counts as one that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hanging {
    /// It does not: what it has begun to write may still be written when the storage goes on.
    Lives,
    /// It does: it executes nothing any more, and answers nobody; what it has begun to write matters no more.
    Dead,
}

/// What has become of processes that were killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Killed {
    /// They are gone, with all that was open in them.
    Gone,
    /// The storage hangs, and keeps what is left of one: what is open in it stays so.
    Hanging,
}

/// Kills the daemons that run this program for this socket, and returns when they are gone. That there is none is fine; but nobody
/// else may listen there.
pub(crate) async fn end(
    socket: &Path,
    program: &Path,
    hanging: Hanging,
) -> Result<Killed, DriverError> {
    let started = Instant::now();
    let mut dying = Vec::new();
    loop {
        let (path, name) = (socket.display().to_string(), file_name(program));
        let found = blocking(move || daemons(&path, &name)).await?;
        let is_last = found.is_empty();
        for daemon in found {
            // that it is gone by now is what was wanted
            let _ = pidfd_send_signal(&daemon.descriptor, Signal::KILL);
            if !dying.iter().any(|known: &Daemon| known.process == daemon.process) {
                dying.push(daemon);
            }
        }
        dying.retain(|daemon| !has_ended(&daemon.descriptor));
        if is_last && dying.is_empty() {
            return require_nobody(socket, &[]).await.map(|()| Killed::Gone);
        }
        if started.elapsed() > KILL_TIMEOUT {
            let is_dead = |daemon: &Daemon| hanging == Hanging::Dead && is_doomed(daemon.process);
            if !dying.is_empty() && dying.iter().all(is_dead) {
                let processes: Vec<_> = dying.iter().map(|daemon| daemon.process).collect();
                tracing::warn!(socket = %socket.display(), ?processes, "killed; the storage hangs, and keeps what is left of them");
                return require_nobody(socket, &processes).await.map(|()| Killed::Hanging);
            }
            let socket = socket.display();
            return Err(DriverError::failed(format!("the process of {socket} cannot be killed")));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Fails when somebody listens on the socket all the same: another user's process, or one that cannot be seen from here. Those who
/// have been killed, and hang, keep their sockets.
async fn require_nobody(socket: &Path, killed: &[Pid]) -> Result<(), DriverError> {
    let path = socket.to_owned();
    let look = blocking(move || Ok(UnixStream::connect(path)));
    match tokio::time::timeout(LOOK_TIMEOUT, look).await {
        Ok(Ok(Ok(listener))) if is_one_of(&listener, killed) => Ok(()),
        Ok(Ok(Ok(_))) => Err(DriverError::failed(format!(
            "{}: a process listens there that is none of this worker's",
            socket.display()
        ))),
        // where the storage does not even look up a name, what was found is what there is
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Ok(()),
    }
}

/// Whether what listens at the other end is one of these processes.
fn is_one_of(listener: &UnixStream, processes: &[Pid]) -> bool {
    socket_peercred(listener).is_ok_and(|listening| processes.contains(&listening.pid))
}

/// Whether a process executes nothing any more: each of its threads has ended, or waits in the kernel for its storage and does not
/// return from there, because it has been killed.
fn is_doomed(process: Pid) -> bool {
    let tasks = format!("/proc/{}/task", process.as_raw_nonzero());
    let Ok(tasks) = fs::read_dir(tasks) else { return false };
    tasks.into_iter().all(|task| {
        let status = task.and_then(|task| fs::read_to_string(task.path().join("status")));
        status.is_ok_and(|status| is_doomed_thread(&status))
    })
}

/// The same of a thread, by its `/proc/…/status` (proc_pid_status(5)).
fn is_doomed_thread(status: &str) -> bool {
    let field = |name: &str| {
        let value = |line: &'_ str| line.strip_prefix(name).map(|rest| rest.trim().to_owned());
        status.lines().find_map(value).unwrap_or_default()
    };
    let is_killed = ["SigPnd:", "ShdPnd:"].iter().any(|pending| {
        let signals = u64::from_str_radix(&field(pending), 16).unwrap_or_default();
        signals & 1 << (Signal::KILL.as_raw() - 1) != 0
    });
    match field("State:").chars().next() {
        Some('Z' | 'X') => true,
        Some('D') => is_killed,
        Some(_) | None => false,
    }
}

/// Our own user's processes that run this program for this socket.
fn daemons(socket: &str, program: &str) -> Result<Vec<Daemon>, DriverError> {
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
            found.push(Daemon { process, descriptor });
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
            end(&socket, &program, Hanging::Lives).await.unwrap();
            assert!(!one.wait().unwrap().success());
            let _ = fs::remove_file(&socket);
        }
        end(&socket, &program, Hanging::Lives).await.unwrap();
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
        let refused = end(&socket, Path::new("no-such-program"), Hanging::Dead).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("none of this worker's")));
    }

    #[test]
    fn a_thread_that_was_killed_and_hangs_does_not_return() {
        let status = |state: &str, pending: u64| {
            format!("Name:\tx\nState:\t{state}\nSigPnd:\t{pending:016x}\nShdPnd:\t{:016x}\n", 0)
        };
        for (state, pending, is_doomed) in [
            ("D (disk sleep)", 0x100, true),
            ("D (disk sleep)", 0, false),
            // SIGTERM
            ("D (disk sleep)", 0x4000, false),
            ("R (running)", 0x100, false),
            ("S (sleeping)", 0x100, false),
            ("Z (zombie)", 0, true),
        ] {
            assert_eq!(is_doomed_thread(&status(state, pending)), is_doomed, "{state} {pending:x}");
        }
        assert!(!is_doomed_thread(""));
    }
}
