//! A cluster, and the commands to it: `rbd`, `rados` and `ceph` as processes of their own.

use crate::command_error::{CommandError, complaint, errno, errno_in};
use crate::diff;
use configuration::RbdDriverConfig;
use driver::Content;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Semaphore;

/// How long an OSD may take for one request of a command.
const OSD_TIMEOUT: Duration = Duration::from_secs(30);
/// How much longer than the cluster a command may take that reads, or changes little.
const TO_END: Duration = Duration::from_secs(30);

/// How one side of a backend is reached: a pool of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    conf: PathBuf,
    /// The name in the cluster's list of clients, without `client.`.
    pub user: String,
    pub pool: String,
    connect_timeout: Duration,
    max_commands: usize,
    /// A process takes a good part of a processor for as long as it starts; more at once would not be faster.
    places: Arc<Semaphore>,
    /// Those that take long do not hold up the others.
    places_over_data: Arc<Semaphore>,
}

impl Cluster {
    /// The pool, as a user of the cluster that the file describes.
    pub fn new(conf: &Path, user: &str, config: &RbdDriverConfig) -> Self {
        Self {
            conf: conf.to_owned(),
            user: user.to_owned(),
            pool: config.rbd_pool.clone(),
            connect_timeout: Duration::from_secs(config.rados_connect_timeout),
            max_commands: config.max_commands,
            places: Arc::new(Semaphore::new(config.max_commands)),
            places_over_data: Arc::new(Semaphore::new(config.max_commands)),
        }
    }

    /// An `rbd` command that reads, or changes little.
    pub async fn rbd(&self, arguments: &[&str]) -> Result<String, CommandError> {
        self.within_deadline("rbd", &self.in_pool(arguments)).await
    }

    /// An `rbd` command that may take as long as there is data. The cluster must answer all the time.
    pub async fn rbd_over_data(&self, arguments: &[&str]) -> Result<String, CommandError> {
        let _place = self.places_over_data.acquire().await;
        self.run("rbd", &self.in_pool(arguments)).await
    }

    /// Makes an image of this size like the disk in a file.
    pub async fn rbd_reads_diff(
        &self,
        image: &str,
        disk: &Path,
        size: u64,
    ) -> Result<(), CommandError> {
        let _place = self.places_over_data.acquire().await;
        let not_run = |reason| CommandError::NotRun { program: "rbd", reason };
        let arguments = ["import-diff", "--path", "-", "--image", image, "--no-progress"];
        let arguments = self.in_pool(&arguments);
        let mut command = self.command("rbd");
        command.args(&arguments).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(not_run)?;
        let stream = process.stdin.take().and_then(|stream| stream.into_owned_fd().ok());
        let mut stream = File::from(stream.ok_or_else(|| not_run(ErrorKind::BrokenPipe.into()))?);
        let mut disk = File::open(disk).map_err(not_run)?;
        let written = move || diff::write_whole(&mut disk, size, &mut stream);
        let written = tokio::task::spawn_blocking(written);
        let output = process.wait_with_output().await.map_err(not_run)?;
        // what the command complains of comes first: it reads no more then
        answer("rbd", &arguments, output)?;
        written.await.map_err(|error| not_run(error.into()))?.map_err(not_run)
    }

    /// Gives an image of this size a content, and zeros beyond.
    pub async fn rbd_reads_content(
        &self,
        image: &str,
        content: &mut Content,
        size: u64,
    ) -> Result<(), CommandError> {
        let _place = self.places_over_data.acquire().await;
        let not_run = |reason| CommandError::NotRun { program: "rbd", reason };
        let arguments = ["import-diff", "--path", "-", "--image", image, "--no-progress"];
        let arguments = self.in_pool(&arguments);
        let mut command = self.command("rbd");
        command.args(&arguments).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(not_run)?;
        let stream = process.stdin.take().ok_or_else(|| not_run(ErrorKind::BrokenPipe.into()))?;
        // the stream is closed when it is written, and when it cannot be
        let write = async move { diff::write_content(content, size, stream).await };
        let (written, output) = tokio::join!(write, process.wait_with_output());
        match (answer("rbd", &arguments, output.map_err(not_run)?), written) {
            // what could not be read of the content is why the command complains
            (_, Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(not_run(error)),
            (Err(complaint), _) => Err(complaint),
            (Ok(_), written) => written.map_err(not_run),
        }
    }

    /// What an `rbd` command prints.
    pub async fn rbd_prints<T: DeserializeOwned>(
        &self,
        arguments: &[&str],
    ) -> Result<T, CommandError> {
        let mut all = self.in_pool(arguments);
        all.extend(["--format", "json"]);
        let printed = self.within_deadline("rbd", &all).await?;
        understand("rbd", arguments, &printed)
    }

    /// The same of one that takes longer, the more there is.
    pub async fn rbd_prints_over_data<T: DeserializeOwned>(
        &self,
        arguments: &[&str],
    ) -> Result<T, CommandError> {
        let all = [arguments, &["--format", "json"]].concat();
        let printed = self.rbd_over_data(&all).await?;
        understand("rbd", arguments, &printed)
    }

    /// The same cluster, with a pool that the image service has there.
    pub fn in_pool_of_images(&self, pool: &str) -> Self {
        Self { pool: pool.to_owned(), ..self.clone() }
    }

    /// The same cluster for work that can wait, and must not keep other work waiting.
    pub fn in_the_background(&self) -> Self {
        let places = Semaphore::new(self.max_commands);
        let places_over_data = Semaphore::new(self.max_commands);
        Self {
            places: Arc::new(places),
            places_over_data: Arc::new(places_over_data),
            ..self.clone()
        }
    }

    /// The content of an image, or of its snapshot.
    pub fn export(&self, image: &str, snapshot: Option<&str>) -> Result<Export, CommandError> {
        let mut arguments = vec!["export", "--image", image, "--path", "-", "--no-progress"];
        if let Some(snapshot) = snapshot {
            arguments.extend(["--snap", snapshot]);
        }
        let arguments = self.in_pool(&arguments);
        let not_run = |reason| CommandError::NotRun { program: "rbd", reason };
        let mut command = self.command("rbd");
        command.args(&arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(not_run)?;
        let closed = || not_run(std::io::ErrorKind::BrokenPipe.into());
        let content = process.stdout.take().ok_or_else(closed)?;
        Ok(Export { process, content, command: described("rbd", &arguments) })
    }

    /// A `rados` command on an object of the pool.
    pub async fn rados(&self, arguments: &[&str]) -> Result<String, CommandError> {
        self.within_deadline("rados", &self.in_pool(arguments)).await
    }

    /// A `ceph` command to the monitors.
    pub async fn ceph(&self, arguments: &[&str]) -> Result<String, CommandError> {
        self.within_deadline("ceph", arguments).await
    }

    /// What a `ceph` command prints.
    pub async fn ceph_prints<T: DeserializeOwned>(
        &self,
        arguments: &[&str],
    ) -> Result<T, CommandError> {
        let all: Vec<_> = arguments.iter().chain(&["--format", "json"]).copied().collect();
        let printed = self.within_deadline("ceph", &all).await?;
        understand("ceph", arguments, &printed)
    }

    /// Whether the pool can be read.
    pub async fn answers(&self) -> bool {
        match self.rados(&["stat", "rbd_directory"]).await {
            Ok(_) => true,
            // a pool without any image has none
            Err(error) => error.is(errno::NOENT) && error.complains_of("rbd_directory"),
        }
    }

    /// A command said that something is not there, which may be the pool or the configuration file: passes that on, unless the pool
    /// is there, and the image is not.
    pub async fn require_no_image(
        &self,
        image: &str,
        error: CommandError,
    ) -> Result<(), CommandError> {
        let id = format!("rbd_id.{image}");
        match self.rados(&["stat", &id]).await {
            Err(absent) if absent.is(errno::NOENT) && absent.complains_of(&id) => Ok(()),
            Err(unknown) => Err(unknown),
            Ok(_) => Err(error),
        }
    }

    fn in_pool<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        arguments.iter().copied().chain(["--pool", &self.pool]).collect()
    }

    async fn within_deadline(
        &self,
        program: &'static str,
        arguments: &[&str],
    ) -> Result<String, CommandError> {
        let _place = self.places.acquire().await;
        let deadline = self.connect_timeout + TO_END;
        let late = |_| Err(CommandError::TimedOut { command: described(program, arguments) });
        tokio::time::timeout(deadline, self.run(program, arguments)).await.unwrap_or_else(late)
    }

    /// Runs a command; when the future is dropped, the process is killed.
    async fn run(&self, program: &'static str, arguments: &[&str]) -> Result<String, CommandError> {
        let not_run = |reason| CommandError::NotRun { program, reason };
        let output = self.command(program).args(arguments).output().await.map_err(not_run)?;
        answer(program, arguments, output)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--conf").arg(&self.conf).args(["--id", &self.user]);
        let connect = self.connect_timeout.as_secs().to_string();
        if program == "ceph" {
            command.args(["--connect-timeout", &connect]);
        } else {
            command.args(["--client_mount_timeout", &connect, "--rados_mon_op_timeout", &connect]);
            command.args(["--rados_osd_op_timeout", &OSD_TIMEOUT.as_secs().to_string()]);
        }
        // whatever the operator's shell has there would change every command
        command.env_remove("CEPH_ARGS").env("LC_ALL", "C");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// What a command reads of an image.
pub(crate) struct Export {
    process: Child,
    pub content: ChildStdout,
    command: String,
}

impl AsyncRead for Export {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.content).poll_read(context, buffer)
    }
}

impl Export {
    /// The command has read everything.
    pub async fn end(mut self) -> Result<(), CommandError> {
        let not_run = |reason| CommandError::NotRun { program: "rbd", reason };
        let status = self.process.wait().await.map_err(not_run)?;
        if status.success() {
            return Ok(());
        }
        let complaint = "the content could not be read".to_owned();
        Err(CommandError::Refused { command: self.command, errno: status.code(), complaint })
    }
}

fn answer(
    program: &'static str,
    arguments: &[&str],
    output: Output,
) -> Result<String, CommandError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    if output.status.signal().is_some() {
        return Err(CommandError::Crashed { command: described(program, arguments) });
    }
    let complaint = complaint(&String::from_utf8_lossy(&output.stderr));
    // that of `rados` is always 1
    let code = output.status.code().filter(|code| *code > 1);
    let errno = code.or_else(|| errno_in(&complaint));
    Err(CommandError::Refused { command: described(program, arguments), errno, complaint })
}

fn understand<T: DeserializeOwned>(
    program: &str,
    arguments: &[&str],
    printed: &str,
) -> Result<T, CommandError> {
    serde_json::from_str(printed).map_err(|reason| CommandError::NotUnderstood {
        command: described(program, arguments),
        reason,
    })
}

fn described(program: &str, arguments: &[&str]) -> String {
    format!("{program} {}", arguments.join(" "))
}
