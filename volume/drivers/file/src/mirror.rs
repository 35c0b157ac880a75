//! A synchronous mirror of a volume, from one side to another: a write is acknowledged when both have it.
//!
//! A mirror whose target fails continues without it and records the unmirrored blocks; then the
//! replica is *out of sync* until it is resynchronised. A mirror that begins knows nothing of its replica: the relay compares it with
//! the volume, and overwrites what differs. The in-sync state is recorded on the target's
//! side, together with the id of the mirror connection: as long as the relay knows that connection, the
//! replica has missed no write.

use crate::array::Array;
use crate::block_nodes::has_node;
use crate::blocking::blocking;
use crate::export_names::secret_name;
use crate::io_error::unusable;
use crate::names::{copies_of, mirror_job, mirror_node, mirrored_by, replica_name, replica_node};
use crate::object::Object;
use crate::open_copy::abandon_drills;
use crate::relay::MirrorConnections;
use crate::undo_logs;
use cinderblock_relay::control::{Admission, Equality, Link, Verification};
use driver::{DriverError, Verified};
use model::{BackendId, VerificationRequest, VolumeId};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How long the target's daemon may take for an answer.
const UNMARK_TIMEOUT: Duration = Duration::from_secs(3);

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
    InSync,
    /// This many bytes are out of sync.
    OutOfSync(u64),
}

fn is_ready(job: &Value) -> bool {
    job["ready"] == true && job["actively-synced"] == true
}

/// What mirrors from one side to another are judged by.
pub(crate) struct MirrorQuery {
    /// `None` when the relay does not answer.
    connections: Option<MirrorConnections>,
    jobs: Value,
    nodes: Value,
}

impl MirrorQuery {
    /// The links come first: what is in sync later, and has missed nothing since then, is in sync over them.
    pub async fn run(from: &Array, to: &Array) -> Result<Self, DriverError> {
        let connections = to.relay.connections().await;
        let mut session = from.daemon.session().await?;
        let jobs = session.execute("query-block-jobs", json!({})).await?;
        let nodes = session.execute("query-named-block-nodes", json!({ "flat": true })).await?;
        Ok(Self { connections, jobs, nodes })
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

    /// Makes sure that the mirror runs: starts it, restarts it, or leaves it as it is.
    pub async fn ensure_running(&self, query: &MirrorQuery) -> Result<State, DriverError> {
        let name = self.job();
        let Some(job) = query.job(&name) else {
            let copying = copies_of(self.id);
            let is_copy =
                |job: &Value| job["device"].as_str().is_some_and(|job| job.starts_with(&copying));
            // the daemon does one thing with a volume at a time
            if !query.jobs().any(is_copy) {
                self.begin().await?;
            }
            return Ok(State::OutOfSync(self.size));
        };
        let number = |key: &str| job[key].as_u64().unwrap_or_default();
        let out_of_sync = State::OutOfSync(number("len").saturating_sub(number("offset")).max(1));
        if !query.leads_to(&replica_node(self.id), &self.to.relay.socket()) {
            // it is that of another target
            self.stop().await?;
            return Ok(State::OutOfSync(self.size));
        }
        if job["io-status"] != "ok" || job["paused"] == true {
            self.resume(query).await?;
            return Ok(out_of_sync);
        }
        let Some(connections) = &query.connections else {
            self.clear_in_sync_mark().await?;
            return Ok(out_of_sync);
        };
        match connections.of(self.id).filter(|link| link.is_open) {
            Some(link) => self.state_over(link, is_ready(job), out_of_sync).await,
            None if is_ready(job) => {
                self.begin_anew_without_link().await?;
                Ok(out_of_sync)
            }
            None => {
                self.clear_in_sync_mark().await?;
                Ok(out_of_sync)
            }
        }
    }

    /// How far a mirror is whose link has missed nothing.
    async fn state_over(
        &self,
        link: &Link,
        is_ready: bool,
        out_of_sync: State,
    ) -> Result<State, DriverError> {
        match link.replica {
            Equality::Equal | Equality::Settled if is_ready => {
                return if self.mark(link).await? { Ok(State::InSync) } else { Ok(out_of_sync) };
            }
            Equality::Unknown => self.compare().await,
            Equality::Comparing { .. } | Equality::Equal | Equality::Settled => {}
        }
        self.clear_in_sync_mark().await?;
        match link.replica {
            Equality::Comparing { bytes_left } => Ok(State::OutOfSync(bytes_left.max(1))),
            Equality::Unknown => Ok(State::OutOfSync(self.size)),
            Equality::Equal | Equality::Settled => Ok(out_of_sync),
        }
    }

    /// What a verification of the replica, which is in sync, has found; begins it, unless it was begun.
    pub async fn verify(
        &self,
        query: &MirrorQuery,
        asked: VerificationRequest,
    ) -> Option<Verified> {
        let link = query.connections.as_ref().and_then(|known| known.of(self.id));
        let known = link.and_then(|link| link.verification);
        match known.filter(|verification| verification.id == asked.id) {
            Some(Verification { id, differing_bytes, is_done: true, .. }) => {
                Some(Verified { id, differing_bytes })
            }
            Some(_) => None,
            None => {
                let source = self.from.directory.file(Object::Volume(self.id));
                if let Err(error) = self.to.relay.verify(self.id, source, asked).await {
                    tracing::info!(volume.id = %self.id, %error, "not verified yet");
                }
                None
            }
        }
    }

    /// A mirror whose link is not there yet, or no more, is compared with the next look.
    async fn compare(&self) {
        let source = self.from.directory.file(Object::Volume(self.id));
        if let Err(error) = self.to.relay.compare(self.id, source).await {
            tracing::info!(volume.id = %self.id, %error, "not compared yet");
        }
    }

    /// The mirror writes what its replica has missed.
    async fn resume(&self, query: &MirrorQuery) -> Result<(), DriverError> {
        self.clear_in_sync_mark().await?;
        // of several writes that were in progress, one may have made the link, and another one failed
        let has_link = query.connections.as_ref().is_some_and(|known| known.is_linked(self.id));
        if !has_link {
            self.prepare_link(false).await?;
        }
        let mut session = self.from.daemon.session().await?;
        session.execute("block-job-resume", json!({ "device": self.job() })).await?;
        Ok(())
    }

    /// The replica may be overwritten from now on, and a mirror may connect to it, once.
    async fn prepare_link(&self, is_new_mirror: bool) -> Result<(), DriverError> {
        if self.to.directory.is_active(self.backend)? {
            return Err(DriverError::failed("the target is the active side of the volume"));
        }
        abandon_drills(self.to, &[self.id]).await?;
        // and what came over an earlier link is through
        self.to.daemon.close_replica(self.id).await?;
        self.to.daemon.require_closed(self.id).await?;
        let (directory, id, size) = (self.to.directory.clone(), self.id, self.size);
        let (backend, object) = (self.backend, Object::Volume(id));
        let undo_log = blocking(move || {
            // a look may have hung over a failover
            directory.unless_active(backend, |directory| {
                directory.require_not_larger(object, size)?;
                let undo_log = undo_logs::begin(directory, id)?;
                directory.create(object, size)?;
                Ok(undo_log)
            })
        })
        .await?;
        self.to.relay.ensure_running(&self.to.daemon.nbd_socket()).await?;
        self.to.daemon.open_replica(self.id).await?;
        let admission = Admission {
            export: replica_name(self.id),
            is_new_mirror,
            replica: self.to.directory.file(Object::Volume(self.id)),
            size: self.size,
            undo_log,
        };
        self.to.relay.admit(admission).await
    }

    /// An idle mirror does not notice that its link is gone, and so never gets another one.
    async fn begin_anew_without_link(&self) -> Result<(), DriverError> {
        self.clear_in_sync_mark().await?;
        let again = MirrorQuery::run(self.from, self.to).await?;
        let is_still_ready = again.job(&self.job()).is_some_and(is_ready);
        let has_link = again.connections.is_none_or(|known| known.is_linked(self.id));
        if is_still_ready && !has_link {
            // it connects once more, to complete
            self.prepare_link(false).await?;
            self.stop().await?;
        }
        Ok(())
    }

    async fn begin(&self) -> Result<(), DriverError> {
        self.clear_in_sync_mark().await?;
        let mut session = self.from.daemon.session().await?;
        let source = self.from.daemon.open_node(&mut session, self.id).await?;
        let target = replica_node(self.id);
        if has_node(&mut session, &target).await? {
            session.execute("blockdev-del", json!({ "node-name": target })).await?;
        }
        self.prepare_link(true).await?;
        let replica = json!({
            "driver": "nbd", "node-name": target, "export": secret_name(&self.to.directory, &replica_name(self.id))?,
            "server": { "type": "unix", "path": self.to.relay.socket() },
            "read-only": false, "discard": "unmap",
        });
        session.execute("blockdev-add", replica).await?;
        session
            .execute(
                "blockdev-mirror",
                json!({
                    "job-id": self.job(), "device": source, "target": target, "sync": "none",
                    "copy-mode": "write-blocking", "on-target-error": "stop",
                    "filter-node-name": mirror_node(self.id),
                }),
            )
            .await?;
        tracing::info!(volume.id = %self.id, "mirroring");
        // what is written from now on comes over the mirror
        self.compare().await;
        Ok(())
    }

    /// Ends the mirror; the replica stays as it is, and counts for nothing any more.
    pub async fn stop(&self) -> Result<(), DriverError> {
        self.clear_in_sync_mark().await?;
        self.from.daemon.end_mirror(self.id).await?;
        // a target that is not there has nothing open
        if self.to.daemon.answers_within(UNMARK_TIMEOUT).await {
            abandon_drills(self.to, &[self.id]).await?;
            self.to.daemon.close_replica(self.id).await?;
        }
        self.to.relay.let_go(self.id).await
    }

    /// Notes that the replica is complete as long as the link has missed nothing; what it was is forgotten then. `false` when the
    /// link is another one by now: another worker may have looked later, and begun to overwrite the replica.
    async fn mark(&self, link: &Link) -> Result<bool, DriverError> {
        let path = self.to.directory.in_sync_file(self.id);
        let is_marked = is_marked(self.to, self.id, link);
        let is_complete = self.to.directory.is_complete(self.id);
        if is_marked && is_complete && link.replica == Equality::Settled {
            return Ok(true);
        }
        let known = self.to.relay.connections().await;
        let current = known.as_ref().and_then(|known| known.of(self.id));
        if current.is_none_or(|current| current.id != link.id) {
            return Ok(false);
        }
        if !is_marked {
            tracing::info!(volume.id = %self.id, "replica in sync");
        }
        let (directory, id, link) = (self.to.directory.clone(), self.id, link.id);
        in_time(move || {
            std::fs::write(&path, link.to_string()).map_err(|error| unusable(&path, &error))?;
            // as long as it counts as incomplete, what is overwritten must be kept
            directory.set_incomplete(id, false)
        })
        .await?;
        let directory = self.to.directory.clone();
        if let Err(error) = self.to.relay.settle(self.id, link).await {
            tracing::info!(volume.id = %self.id, %error, "in sync no more");
            in_time(move || directory.set_incomplete(id, true)).await?;
            return Ok(false);
        }
        in_time(move || undo_logs::forget(&directory, id)).await?;
        Ok(true)
    }

    /// Invalidates the replica: the next writes are not mirrored. If that cannot be recorded, all replicas are invalidated.
    pub async fn invalidate(&self) -> Result<(), DriverError> {
        match self.clear_in_sync_mark().await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(volume.id = %self.id, %error, "the relay is ended instead");
                self.to.relay.end().await
            }
        }
    }

    async fn clear_in_sync_mark(&self) -> Result<(), DriverError> {
        let path = self.to.directory.in_sync_file(self.id);
        let unmark = move || match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(none) if none.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unusable(&path, &error)),
        };
        if in_time(unmark).await? {
            tracing::warn!(volume.id = %self.id, "replica out of sync");
        }
        Ok(())
    }
}

/// Does work on a target's files, which may hang.
async fn in_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
) -> Result<T, DriverError> {
    let late = |_| Err(DriverError::failed("the target does not answer"));
    tokio::time::timeout(UNMARK_TIMEOUT, blocking(work)).await.unwrap_or_else(late)
}

/// Whether the replica of a volume on this side is known to be complete, by the links that have missed nothing.
pub(crate) fn is_in_sync(array: &Array, id: VolumeId, connections: &MirrorConnections) -> bool {
    mark_of(array, id, connections).is_some()
}

/// The link over which a replica is in sync; `None` when it is not.
pub(crate) fn mark_of(
    array: &Array,
    id: VolumeId,
    connections: &MirrorConnections,
) -> Option<String> {
    let link = connections.of(id)?;
    is_marked(array, id, link).then(|| link.id.to_string())
}

fn is_marked(array: &Array, id: VolumeId, link: &Link) -> bool {
    std::fs::read_to_string(array.directory.in_sync_file(id))
        .is_ok_and(|marked| marked == link.id.to_string())
}
