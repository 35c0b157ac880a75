//! A synchronous mirror of a volume, from one side to another: a write is acknowledged when it is on both.
//!
//! A mirror whose target fails goes on without it, remembers what it could not mirror and says so; then the
//! replica is not *in step* until the rest has been brought over. What is in step is noted on the target's
//! side, together with the run of its storage daemon: after that run nobody can know.

use super::array::{Object, unusable};
use super::copy_job::nbd_node;
use super::side::Side;
use super::storage_daemon::{has_node, mirror_node};
use super::{DriverError, blocking};
use common::model::VolumeId;
use serde_json::{Value, json};
use std::time::Duration;

/// How often a mirror that is being ended is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a daemon that shall say which run it is in may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A mirror of a volume.
pub(super) struct Mirror<'a> {
    pub from: &'a Side,
    pub to: &'a Side,
    pub id: VolumeId,
    /// In bytes.
    pub size: u64,
}

/// How far a mirror has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Every acknowledged write is on the target.
    InStep,
    /// So many bytes are not.
    Behind(u64),
}

fn is_ready(job: &Value) -> bool {
    job["ready"] == true && job["actively-synced"] == true
}

/// All jobs of a side, by which its mirrors are judged.
pub(super) async fn jobs(side: &Side) -> Result<Value, DriverError> {
    Ok(side.daemon.session().await?.execute("query-block-jobs", json!({})).await?)
}

impl Mirror<'_> {
    fn job(&self) -> String {
        format!("mirror-{}", self.id)
    }

    fn target_node(&self) -> String {
        format!("r{}", &self.id.0.simple().to_string()[..30])
    }

    /// Begins the mirror, or mends it, or finds it as it is. `jobs` are those of the source.
    pub async fn keep(&self, jobs: &Value) -> Result<State, DriverError> {
        let name = self.job();
        let known = || jobs.as_array().into_iter().flatten();
        let Some(job) = known().find(|job| job["device"] == name.as_str()) else {
            let copying = super::copy_job::jobs_of(self.id);
            let is_copy =
                |job: &Value| job["device"].as_str().is_some_and(|job| job.starts_with(&copying));
            // the daemon does one thing with a volume at a time
            if !known().any(is_copy) {
                self.begin().await?;
            }
            return Ok(State::Behind(self.size));
        };
        let number = |key: &str| job[key].as_u64().unwrap_or_default();
        if job["io-status"] != "ok" || job["paused"] == true {
            self.unmark()?;
            self.to.daemon.open_replica(self.id).await?;
            let mut session = self.from.daemon.session().await?;
            session.execute("block-job-resume", json!({ "device": name })).await?;
            return Ok(State::Behind(number("len").saturating_sub(number("offset")).max(1)));
        }
        if is_ready(job) && self.mark().await? {
            return Ok(State::InStep);
        }
        self.unmark()?;
        Ok(State::Behind(number("len").saturating_sub(number("offset")).max(1)))
    }

    async fn begin(&self) -> Result<(), DriverError> {
        self.unmark()?;
        let (array, object, size) = (self.to.array.clone(), Object::Volume(self.id), self.size);
        blocking(move || array.create(object, size)).await?;
        let uri = self.to.daemon.open_replica(self.id).await?;
        let mut session = self.from.daemon.session().await?;
        let source = self.from.daemon.open_node(&mut session, self.id).await?;
        let target = self.target_node();
        if has_node(&mut session, &target).await? {
            session.execute("blockdev-del", json!({ "node-name": target })).await?;
        }
        let mut remote = nbd_node(&uri, &target)
            .ok_or_else(|| DriverError::failed(format!("{uri} is no NBD export")))?;
        remote["read-only"] = json!(false);
        remote["discard"] = json!("unmap");
        session.execute("blockdev-add", remote).await?;
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
        self.unmark()?;
        let mut session = self.from.daemon.session().await?;
        while has_node(&mut session, &mirror_node(self.id)).await? {
            let cancel = json!({ "device": self.job(), "force": true });
            // it may end by itself meanwhile
            let _ = session.execute("block-job-cancel", cancel).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let target = self.target_node();
        if has_node(&mut session, &target).await? {
            session.execute("blockdev-del", json!({ "node-name": target })).await?;
        }
        drop(session);
        if !self.from.daemon.is_exported(self.id).await? {
            let mut session = self.from.daemon.session().await?;
            self.from.daemon.close_node(&mut session, self.id).await?;
        }
        // a target that is not there has nothing open
        if self.to.daemon.current_run(PATIENCE).await.is_some() {
            self.to.daemon.close_replica(self.id).await?;
        }
        Ok(())
    }

    /// Marks the replica as complete, unless the mirror has ended or failed since it was looked at: then it
    /// returns `false`.
    async fn mark(&self) -> Result<bool, DriverError> {
        let Some(run) = self.to.daemon.current_run(PATIENCE).await else { return Ok(false) };
        let path = self.to.array.in_step_file(self.id);
        if std::fs::read_to_string(&path).is_ok_and(|marked| marked == run) {
            return Ok(true);
        }
        // looked at after the run is known: what is ready now is ready in this run
        let (name, jobs) = (self.job(), jobs(self.from).await?);
        let now = jobs.as_array().into_iter().flatten().find(|job| job["device"] == name.as_str());
        if !now.is_some_and(|job| job["io-status"] == "ok" && is_ready(job)) {
            return Ok(false);
        }
        tracing::info!(volume.id = %self.id, "in step");
        std::fs::write(&path, run).map_err(|error| unusable(&path, &error))?;
        Ok(true)
    }

    fn unmark(&self) -> Result<(), DriverError> {
        let path = self.to.array.in_step_file(self.id);
        match std::fs::remove_file(&path) {
            Ok(()) => {
                tracing::warn!(volume.id = %self.id, "no longer in step");
                Ok(())
            }
            Err(none) if none.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unusable(&path, &error)),
        }
    }
}

/// Whether the replica of a volume on this side is known to be complete; `run` is that of the side's daemon,
/// as it was before anybody touched it.
pub(super) fn is_in_step(side: &Side, id: VolumeId, run: Option<&str>) -> bool {
    let marked = std::fs::read_to_string(side.array.in_step_file(id)).ok();
    run.is_some() && marked.as_deref() == run
}
