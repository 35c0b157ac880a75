//! Processes that outlive the worker, and are ended by it.
//!
//! What proves that a process is ours is what it holds: the socket on which it listens, under our own user. Its arguments prove
//! nothing, because anybody can have such arguments; a process id in a file neither, because ids are used again, and the file is
//! lost with the array's directory. The kernel knows a socket by the path at which it was made, also when that path is gone.

use crate::blocking::blocking;
use driver::DriverError;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};
use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a process that was killed may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Kills whoever of our user listens on this socket, and returns when it is gone. That there is nobody is fine.
pub(crate) async fn end(socket: &Path) -> Result<(), DriverError> {
    let started = Instant::now();
    loop {
        let path = socket.to_owned();
        if blocking(move || kill_listeners(&path)).await? == 0 {
            return Ok(());
        }
        if started.elapsed() > KILL_TIMEOUT {
            let socket = socket.display();
            return Err(DriverError::failed(format!("the process of {socket} cannot be killed")));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Kills them; returns how many there were.
fn kill_listeners(socket: &Path) -> Result<usize, DriverError> {
    require_own_listener(socket)?;
    let listeners = listeners(socket);
    for listener in &listeners {
        // that it is gone by now is what was wanted
        let Ok(process) = pidfd_open(*listener, PidfdFlags::empty()) else { continue };
        // the number may have been another process's when it was read
        if holds_one_of(*listener, &inodes_of(socket)) {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }
    Ok(listeners.len())
}

/// Fails when the socket's path leads to a process of somebody else, which we cannot end.
fn require_own_listener(socket: &Path) -> Result<(), DriverError> {
    // nobody listens, or too many wait: then it is found by what it holds, or not at all
    let Ok(connection) = connect(socket) else { return Ok(()) };
    match socket_peercred(&connection) {
        Ok(peer) if peer.uid != geteuid() => Err(DriverError::failed(format!(
            "{}: the process {} of the user {} listens there",
            socket.display(),
            peer.pid.as_raw_nonzero(),
            peer.uid.as_raw(),
        ))),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Connects without waiting for a process that hangs.
fn connect(socket: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let connection = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&connection, &SocketAddrUnix::new(socket)?)?;
    Ok(connection)
}

/// The processes of our user that hold a socket which was made at this path.
fn listeners(socket: &Path) -> Vec<Pid> {
    let inodes = inodes_of(socket);
    if inodes.is_empty() {
        return Vec::new();
    }
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = entries
        .filter(|entry| entry.metadata().is_ok_and(|process| process.uid() == geteuid().as_raw()));
    let numbers = ours.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter_map(Pid::from_raw).filter(|process| holds_one_of(*process, &inodes)).collect()
}

/// The sockets that were made at this path, as links to open files name them.
fn inodes_of(socket: &Path) -> HashSet<PathBuf> {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let path = socket.display().to_string();
    table.lines().filter_map(|line| inode_at(line, &path)).collect()
}

/// Of a line of the kernel's table of sockets (`Num RefCount Protocol Flags Type St Inode Path`), the inode, if it is about this
/// path.
fn inode_at(line: &str, path: &str) -> Option<PathBuf> {
    let (mut inode, mut rest) = ("", line);
    for _ in 0..7 {
        (inode, rest) = rest.trim_start().split_once(' ')?;
    }
    (rest == path).then(|| PathBuf::from(format!("socket:[{inode}]")))
}

/// Whether a process holds one of these sockets.
fn holds_one_of(process: Pid, inodes: &HashSet<PathBuf>) -> bool {
    let open = std::fs::read_dir(format!("/proc/{}/fd", process.as_raw_nonzero()));
    let held = |entry: io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
    open.into_iter().flatten().filter_map(held).any(|file| inodes.contains(&file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    #[test]
    fn a_socket_is_known_by_its_whole_path() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 12345 /a b/run/qmp.sock";
        let inode = Some(PathBuf::from("socket:[12345]"));
        assert_eq!(inode_at(line, "/a b/run/qmp.sock"), inode);
        // inodes are aligned to the right
        assert_eq!(inode_at(&line.replace("12345", "   12345"), "/a b/run/qmp.sock"), inode);
        assert_eq!(inode_at(line, "/run/qmp.sock"), None);
        assert_eq!(inode_at(line, "/a b/run/qmp.sock.old"), None);
        assert_eq!(inode_at(&line[..60], ""), None);
        assert_eq!(inode_at("Num       RefCount Protocol Flags    Type St Inode Path", "x"), None);
    }

    /// A process that listens on a socket.
    fn listener(socket: &Path) -> Child {
        let script = "import socket, sys, time\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nprint(flush=True)\ntime.sleep(60)";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(socket)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        child
    }

    #[tokio::test]
    async fn who_listens_is_ended_although_its_socket_is_gone_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("a.sock");
        let mut other = listener(&directory.path().join("b.sock"));
        // one that only says that it is the daemon of the socket
        let mut claims = Command::new("sleep").arg("60").env("x", &socket).spawn().unwrap();
        let mut named =
            Command::new("sh").args(["-c", "sleep 60", "sh"]).arg(&socket).spawn().unwrap();
        for unlinked in [false, true] {
            let mut one = listener(&socket);
            if unlinked {
                std::fs::remove_file(&socket).unwrap();
            }
            end(&socket).await.unwrap();
            assert!(!one.wait().unwrap().success());
            let _ = std::fs::remove_file(&socket);
        }
        end(&socket).await.unwrap();
        for process in [&mut other, &mut claims, &mut named] {
            assert!(process.try_wait().unwrap().is_none());
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}
