//! A synchronous mirror of a volume, from one side to another: a write is acknowledged when it is on both.
//!
//! A mirror whose target fails goes on without it, remembers what it could not mirror and says so; then the
//! replica is not *in step* until the rest has been brought over. What is in step is noted on the target's
//! side, together with the link of the relay over which it came to be so: as long as the relay knows that link, the
//! replica has missed nothing.

use crate::array::Array;
use crate::block_nodes::has_node;
use crate::blocking::blocking;
use crate::io_error::unusable;
use crate::names::{copies_of, mirror_job, mirror_node, mirrored_by, replica_name, replica_node};
use crate::object::Object;
use crate::relay::Links;
use driver::DriverError;
use model::{BackendId, VolumeId};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How long the target's daemon may take for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A mirror of a volume.
pub(crate) struct Mirror<'a> {
    pub from: &'a Array,
    pub to: &'a Array,
    /// Whose volume it is.
    pub backend: BackendId,
    pub id: VolumeId,
    /// In bytes.
    pub size: u64,
}

/// How far a mirror has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Every acknowledged write is on the target.
    InStep,
    /// So many bytes are not.
    Behind(u64),
}

fn is_ready(job: &Value) -> bool {
    job["ready"] == true && job["actively-synced"] == true
}

/// What mirrors from one side to another are judged by.
pub(crate) struct Seen {
    /// `None` when the relay does not answer.
    links: Option<Links>,
    jobs: Value,
    nodes: Value,
}

impl Seen {
    /// The links come first: what is in step later, and has missed nothing since then, is in step over them.
    pub async fn look(from: &Array, to: &Array) -> Result<Self, DriverError> {
        let links = to.relay.links().await;
        let mut session = from.daemon.session().await?;
        let jobs = session.execute("query-block-jobs", json!({})).await?;
        let nodes = session.execute("query-named-block-nodes", json!({ "flat": true })).await?;
        Ok(Self { links, jobs, nodes })
    }

    fn jobs(&self) -> impl Iterator<Item = &Value> {
        self.jobs.as_array().into_iter().flatten()
    }

    fn job(&self, name: &str) -> Option<&Value> {
        self.jobs().find(|job| job["device"] == name)
    }

    /// Whether the node of a replica leads to this socket.
    fn leads_to(&self, node: &str, socket: &Path) -> bool {
        let end = format!("socket={}", socket.display());
        let mut nodes = self.nodes.as_array().into_iter().flatten();
        let node = nodes.find(|known| known["node-name"] == node);
        node.and_then(|node| node["file"].as_str()).is_some_and(|uri| uri.ends_with(&end))
    }
}

/// Ends all mirrors of a side: it serves what came to it, or is left.
pub(crate) async fn end_all(array: &Array) -> Result<(), DriverError> {
    let jobs = array.daemon.session().await?.execute("query-block-jobs", json!({})).await?;
    let names = jobs.as_array().into_iter().flatten().filter_map(|job| job["device"].as_str());
    for id in names.filter_map(mirrored_by) {
        array.daemon.end_mirror(id).await?;
    }
    Ok(())
}

impl Mirror<'_> {
    fn job(&self) -> String {
        mirror_job(self.id)
    }

    /// Begins the mirror, or mends it, or finds it as it is.
    pub async fn keep(&self, seen: &Seen) -> Result<State, DriverError> {
        let name = self.job();
        let Some(job) = seen.job(&name) else {
            let copying = copies_of(self.id);
            let is_copy =
                |job: &Value| job["device"].as_str().is_some_and(|job| job.starts_with(&copying));
            // the daemon does one thing with a volume at a time
            if !seen.jobs().any(is_copy) {
                self.begin().await?;
            }
            return Ok(State::Behind(self.size));
        };
        let number = |key: &str| job[key].as_u64().unwrap_or_default();
        let behind = State::Behind(number("len").saturating_sub(number("offset")).max(1));
        if !seen.leads_to(&replica_node(self.id), &self.to.relay.socket()) {
            // it is that of another target
            self.stop().await?;
            return Ok(State::Behind(self.size));
        }
        if job["io-status"] != "ok" || job["paused"] == true {
            self.unmark().await?;
            self.open_replica().await?;
            let mut session = self.from.daemon.session().await?;
            session.execute("block-job-resume", json!({ "device": name })).await?;
            return Ok(behind);
        }
        match &seen.links {
            Some(links) if is_ready(job) => match links.of(self.id) {
                Some(link) => {
                    self.mark(link)?;
                    return Ok(State::InStep);
                }
                None => self.begin_anew_without_link().await?,
            },
            Some(_) | None => self.unmark().await?,
        }
        Ok(behind)
    }

    /// An idle mirror does not notice that its link is gone, and so never gets another one.
    async fn begin_anew_without_link(&self) -> Result<(), DriverError> {
        self.unmark().await?;
        let again = Seen::look(self.from, self.to).await?;
        let is_still_ready = again.job(&self.job()).is_some_and(is_ready);
        let has_link = again.links.is_none_or(|links| links.of(self.id).is_some());
        if is_still_ready && !has_link { self.stop().await } else { Ok(()) }
    }

    /// Opens the way to the replica.
    async fn open_replica(&self) -> Result<(), DriverError> {
        self.to.relay.ensure_running(&self.to.daemon.address()?).await?;
        self.to.daemon.open_replica(self.id).await
    }

    async fn begin(&self) -> Result<(), DriverError> {
        if self.to.directory.serves(self.backend)? {
            return Err(DriverError::failed("the target serves the volume"));
        }
        self.unmark().await?;
        let mut session = self.from.daemon.session().await?;
        let source = self.from.daemon.open_node(&mut session, self.id).await?;
        // until the first time that it is in step, it is neither what it was nor what it shall be
        self.to.directory.set_incomplete(self.id, true)?;
        let (directory, object, size) =
            (self.to.directory.clone(), Object::Volume(self.id), self.size);
        blocking(move || directory.create_replica(object, size)).await?;
        self.open_replica().await?;
        let target = replica_node(self.id);
        if has_node(&mut session, &target).await? {
            session.execute("blockdev-del", json!({ "node-name": target })).await?;
        }
        let replica = json!({
            "driver": "nbd", "node-name": target, "export": replica_name(self.id),
            "server": { "type": "unix", "path": self.to.relay.socket() },
            "read-only": false, "discard": "unmap",
        });
        session.execute("blockdev-add", replica).await?;
        session
            .execute(
                "blockdev-mirror",
                json!({
                    "job-id": self.job(), "device": source, "target": target, "sync": "full",
                    "copy-mode": "write-blocking", "on-target-error": "stop",
                    "filter-node-name": mirror_node(self.id),
                }),
            )
            .await?;
        tracing::info!(volume.id = %self.id, "mirroring");
        Ok(())
    }

    /// Ends the mirror; the replica stays as it is, and counts for nothing any more.
    pub async fn stop(&self) -> Result<(), DriverError> {
        self.unmark().await?;
        self.from.daemon.end_mirror(self.id).await?;
        // a target that is not there has nothing open
        if self.to.daemon.answers_within(PATIENCE).await {
            self.to.daemon.close_replica(self.id).await?;
        }
        Ok(())
    }

    /// Notes that the replica is complete as long as the link has missed nothing.
    fn mark(&self, link: &str) -> Result<(), DriverError> {
        let path = self.to.directory.in_step_file(self.id);
        if std::fs::read_to_string(&path).is_ok_and(|marked| marked == link) {
            return Ok(());
        }
        tracing::info!(volume.id = %self.id, "in step");
        std::fs::write(&path, link).map_err(|error| unusable(&path, &error))?;
        self.to.directory.set_incomplete(self.id, false)
    }

    /// What is written from now on comes to no replica. Should that not be noted, nothing is known of any.
    pub async fn disown(&self) -> Result<(), DriverError> {
        match self.unmark().await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(volume.id = %self.id, %error, "the relay is ended instead");
                self.to.relay.end().await
            }
        }
    }

    async fn unmark(&self) -> Result<(), DriverError> {
        let path = self.to.directory.in_step_file(self.id);
        let unmarking = blocking(move || match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(none) if none.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unusable(&path, &error)),
        });
        let late = |_| Err(DriverError::failed("the target does not answer"));
        if tokio::time::timeout(PATIENCE, unmarking).await.unwrap_or_else(late)? {
            tracing::warn!(volume.id = %self.id, "no longer in step");
        }
        Ok(())
    }
}

/// Whether the replica of a volume on this side is known to be complete, by the links that have missed nothing.
pub(crate) fn is_in_step(array: &Array, id: VolumeId, links: &Links) -> bool {
    let marked = std::fs::read_to_string(array.directory.in_step_file(id)).ok();
    marked.is_some() && marked.as_deref() == links.of(id)
}
