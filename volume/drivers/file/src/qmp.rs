//! QMP: one command after another to a QEMU process, over its monitor socket.
//!
//! A monitor talks to one client at a time, so a session is opened for a few commands and closed again;
//! another worker's session waits for it.

use driver::DriverError;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// How long the monitor may take for one answer, another client's session included.
const QMP_TIMEOUT: Duration = Duration::from_secs(20);

/// How long to wait before a monitor for which too many wait is asked again.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QmpError {
    #[error("the storage daemon does not answer: {0}")]
    Unreachable(#[from] std::io::Error),
    #[error("the storage daemon took longer than {} s", QMP_TIMEOUT.as_secs())]
    TimedOut,
    #[error("the storage daemon said something that is no QMP")]
    MalformedReply,
    #[error("the storage daemon refuses {command}: {description}")]
    Refused { command: &'static str, description: String },
}

impl From<QmpError> for DriverError {
    fn from(error: QmpError) -> Self {
        Self::failed(error.to_string())
    }
}

/// A session with a monitor.
pub(crate) struct Qmp {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    events: VecDeque<Value>,
}

impl Qmp {
    pub async fn connect(socket: &Path) -> Result<Self, QmpError> {
        with_timeout(async {
            let (reader, writer) = connect(socket).await?.into_split();
            let lines = BufReader::new(reader).lines();
            let mut session = Self { lines, writer, events: VecDeque::new() };
            // before it greets, a monitor says what it had left to say to the client before: events, the first of them perhaps cut off
            while !session.is_greeted().await? {}
            session.execute("qmp_capabilities", json!({})).await.map(|_| session)
        })
        .await
    }

    /// Carries out a command and returns what it returns.
    pub async fn execute(
        &mut self,
        command: &'static str,
        arguments: Value,
    ) -> Result<Value, QmpError> {
        let line = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
        with_timeout(async {
            self.writer.write_all(line.as_bytes()).await?;
            loop {
                let mut message = self.receive().await?;
                if let Some(returned) = message.get_mut("return") {
                    return Ok(returned.take());
                }
                if let Some(description) = message.pointer("/error/desc") {
                    let description = description.as_str().unwrap_or_default().to_owned();
                    return Err(QmpError::Refused { command, description });
                }
                self.events.push_back(message);
            }
        })
        .await
    }

    /// Waits for an event whose data contain these entries.
    pub async fn wait_for(
        &mut self,
        event: &str,
        entries: &Map<String, Value>,
    ) -> Result<(), QmpError> {
        let is_it = |message: &Value| {
            message["event"] == event
                && entries.iter().all(|(key, value)| message["data"][key] == *value)
        };
        with_timeout(async {
            loop {
                let message = match self.events.pop_front() {
                    Some(message) => message,
                    None => self.receive().await?,
                };
                if is_it(&message) {
                    return Ok(());
                }
            }
        })
        .await
    }

    async fn is_greeted(&mut self) -> Result<bool, QmpError> {
        match self.receive().await {
            Ok(message) => Ok(message.get("QMP").is_some()),
            Err(QmpError::MalformedReply) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn receive(&mut self) -> Result<Value, QmpError> {
        let line = self.lines.next_line().await?.ok_or_else(|| {
            QmpError::Unreachable(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
        })?;
        serde_json::from_str(&line).map_err(|_| QmpError::MalformedReply)
    }
}

/// Connects, as soon as there is room among those that wait for the monitor.
async fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            // a full queue does not make a Unix socket wait
            Err(full) if full.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(FULL_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

async fn with_timeout<T>(work: impl Future<Output = Result<T, QmpError>>) -> Result<T, QmpError> {
    tokio::time::timeout(QMP_TIMEOUT, work).await.unwrap_or(Err(QmpError::TimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixSocket;

    /// A job has changed its status while nobody listened, and after another client had gone in the midst of a line.
    #[tokio::test]
    async fn what_was_left_to_say_to_the_client_before_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qmp.sock");
        let monitor = tokio::net::UnixListener::bind(&path).unwrap();
        let greets = tokio::spawn(async move {
            let (mut client, _) = monitor.accept().await.unwrap();
            let left = "atus\": \"null\"}}\n{\"event\": \"JOB_STATUS_CHANGE\", \"data\": {}}\n";
            let greeting = "{\"QMP\": {\"capabilities\": []}}\n{\"return\": {}}\n";
            client.write_all(format!("{left}{greeting}").as_bytes()).await.unwrap();
            client
        });
        Qmp::connect(&path).await.unwrap();
        greets.await.unwrap();
    }

    /// Several sessions begin at the same moment, and a monitor's queue has room for one.
    #[tokio::test]
    async fn a_session_waits_while_too_many_wait_for_the_monitor() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qmp.sock");
        let monitor = UnixSocket::new_stream().unwrap();
        monitor.bind(&path).unwrap();
        let monitor = monitor.listen(0).unwrap();
        let _waits = UnixStream::connect(&path).await.unwrap();
        let full = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock);
        let session = connect(&path);
        tokio::pin!(session);
        assert!(tokio::time::timeout(3 * FULL_PAUSE, &mut session).await.is_err());
        let _taken = monitor.accept().await.unwrap();
        tokio::time::timeout(QMP_TIMEOUT, session).await.unwrap().unwrap();
    }
}
