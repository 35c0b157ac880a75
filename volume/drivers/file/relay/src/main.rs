//! `cinderblock-relay`: its sockets. What it does between them is in the library.

use anyhow::Context as _;
use cinderblock_relay::comparison::Comparisons;
use cinderblock_relay::connections::MirrorConnections;
use cinderblock_relay::control::{Listing, Reply, Request};
use cinderblock_relay::verification::Verifications;
use cinderblock_relay::{handshake, transmission};
use clap::Parser;
use rustix::process::{Resource, Rlimit};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// How often it looks whether its array is still there.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after a connection could not be accepted.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// How long a worker may take to say what it wants, and how much that may be.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_REQUEST: u64 = 64 << 10;
/// By how much a verification waits longer than a write may be on its way.
const VERIFICATION_MARGIN: Duration = Duration::from_secs(1);

/// Forwards the writes of mirrors to the replicas of one array, and tracks whether a replica has missed one.
/// cinderblock-volume starts it; it goes on while that restarts.
#[derive(Clone, Debug, Parser)]
#[command(version)]
struct CommandLine {
    /// The socket that mirrors connect to
    #[arg(long, value_name = "SOCKET")]
    listen: PathBuf,
    /// The control socket: takes a request as a line of JSON, and answers with another line
    #[arg(long, value_name = "SOCKET")]
    control: PathBuf,
    /// Where the array's storage daemon takes NBD
    #[arg(long, value_name = "SOCKET")]
    target: PathBuf,
    /// The timeout of one request to the storage daemon, after which the mirror connection is dropped
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    timeout: f64,
    /// The file for the process id
    #[arg(long, value_name = "FILE")]
    pid_file: PathBuf,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    match run(command_line).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command_line: CommandLine) -> anyhow::Result<()> {
    allow_many_connections();
    let mirrors = listen(&command_line.listen)?;
    let connections = Arc::new(MirrorConnections::default());
    std::fs::write(&command_line.pid_file, std::process::id().to_string())
        .with_context(|| command_line.pid_file.display().to_string())?;
    // who can ask can also connect
    let control = listen(&command_line.control)?;
    tracing::info!(target = %command_line.target.display(), "ready");
    tokio::select! {
        () = accept_mirrors(&mirrors, &connections, &command_line) => {}
        () = answer(&control, &connections, &command_line) => {}
        () = array_is_gone(&command_line.control) => tracing::info!("the array is gone"),
    }
    Ok(())
}

/// Each mirror takes two descriptors, and the usual limit is soon reached.
fn allow_many_connections() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the number of connections is not raised");
    }
}

fn listen(socket: &Path) -> anyhow::Result<UnixListener> {
    // what an earlier relay has left
    drop(std::fs::remove_file(socket));
    UnixListener::bind(socket).with_context(|| socket.display().to_string())
}

async fn accept_mirrors(
    mirrors: &UnixListener,
    connections: &Arc<MirrorConnections>,
    command_line: &CommandLine,
) {
    loop {
        match mirrors.accept().await {
            Ok((mirror, _)) => {
                let (connections, command_line) = (connections.clone(), command_line.clone());
                tokio::spawn(async move {
                    if let Err(error) = relay(mirror, &connections, &command_line).await {
                        tracing::warn!(%error, "a mirror was not connected");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "not accepted");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn relay(
    mut mirror: UnixStream,
    connections: &MirrorConnections,
    command_line: &CommandLine,
) -> std::io::Result<()> {
    let timeout = Duration::from_secs_f64(command_line.timeout);
    let connecting = async {
        let mut target = UnixStream::connect(&command_line.target).await?;
        let export = handshake::negotiate(&mut mirror, &mut target).await?;
        Ok::<_, std::io::Error>((target, export))
    };
    let (target, export) = tokio::time::timeout(timeout, connecting).await??;
    let Some(export) = export else { return Ok(()) };
    let export = without_secret(&export);
    let Some(connection) = connections.open(export) else {
        tracing::info!(export, "refused: its mirror was not admitted");
        return Ok(());
    };
    tracing::info!(export, connection = %connection.id(), "linked");
    let (mirror, target) = (mirror.into_split(), target.into_split());
    let end = transmission::carry(mirror, target, &connection, timeout).await;
    tracing::info!(export, ?end, "ended");
    Ok(())
}

/// The export as logs and workers may know it: the last part of its name is a secret.
fn without_secret(export: &str) -> &str {
    export.rsplit_once('-').map_or(export, |(id, _)| id)
}

async fn answer(
    control: &UnixListener,
    connections: &Arc<MirrorConnections>,
    command_line: &CommandLine,
) {
    let patience = Duration::from_secs_f64(command_line.timeout) + VERIFICATION_MARGIN;
    let work = Work {
        connections: connections.clone(),
        comparisons: Comparisons::new(connections.clone()),
        verifications: Verifications::new(connections.clone(), patience),
        command_line: command_line.clone(),
    };
    loop {
        match control.accept().await {
            Ok((asking, _)) => {
                let work = work.clone();
                tokio::spawn(async move {
                    let answered = answer_one(asking, &work).await;
                    if let Err(error) = answered {
                        tracing::warn!(%error, "a worker has got no answer");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "not accepted");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn answer_one(mut asking: UnixStream, work: &Work) -> std::io::Result<()> {
    let mut line = String::new();
    let mut incoming = BufReader::new(&mut asking).take(LONGEST_REQUEST);
    tokio::time::timeout(REQUEST_TIMEOUT, incoming.read_line(&mut line)).await??;
    let reply = match serde_json::from_str(&line) {
        Ok(request) => work.carry_out(request).await,
        Err(error) => Reply::Refused(error.to_string()),
    };
    let mut answer = serde_json::to_vec(&reply)?;
    answer.push(b'\n');
    asking.write_all(&answer).await
}

/// What workers order.
#[derive(Clone)]
struct Work {
    connections: Arc<MirrorConnections>,
    comparisons: Arc<Comparisons>,
    verifications: Arc<Verifications>,
    command_line: CommandLine,
}

impl Work {
    async fn carry_out(&self, request: Request) -> Reply {
        let Self { connections, comparisons, verifications, command_line } = self;
        let done = |is_done, otherwise: &str| {
            if is_done { Reply::Done } else { Reply::Refused(otherwise.to_owned()) }
        };
        match request {
            Request::List => Reply::Listing(Listing {
                target: command_line.target.clone(),
                timeout: command_line.timeout,
                links: connections.links(),
            }),
            Request::Admit(admission) => match connections.admit(&admission).await {
                Ok(()) => Reply::Done,
                Err(error) => Reply::Refused(format!("{}: {error}", admission.replica.display())),
            },
            Request::Compare(comparison) => {
                done(comparisons.begin(comparison).await, "its mirror is not connected")
            }
            Request::Verify(verify) => {
                done(verifications.begin(verify).await, "the replica is not in sync")
            }
            Request::Settle { export, link } => done(
                connections.settle(&export, link).await,
                "the replica is not known to be equal",
            ),
            Request::Seal { exports } => {
                connections.seal(&exports);
                Reply::Done
            }
            Request::Forget { export } => {
                connections.forget(&export).await;
                Reply::Done
            }
        }
    }
}

/// Returns when nobody can ask any more.
async fn array_is_gone(control: &Path) {
    while control.exists() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
