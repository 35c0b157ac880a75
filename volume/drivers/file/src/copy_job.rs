//! Copies that the storage daemon makes: of a volume while servers write to it, and of another array's
//! volume.

use crate::block_nodes::{file_node, has_node};
use crate::copy_progress::CopyProgress;
use crate::names;
use crate::object::Object;
use crate::qmp::Qmp;
use crate::storage_daemon::StorageDaemon;
use driver::DriverError;
use model::VolumeId;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How often a copy is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How often it is looked whether copies that were cancelled have ended.
const CANCEL_INTERVAL: Duration = Duration::from_millis(20);

/// What the daemon copies from.
enum CopySource {
    /// A volume of this array that is open. What a server overwrites is copied before it is.
    Open(VolumeId),
    /// An export of another array that nobody writes to: this node.
    Remote { node: String, description: Value },
}

/// A copy by the daemon.
pub(crate) struct CopyJob<'a> {
    daemon: &'a StorageDaemon,
    source: CopySource,
    job: String,
    target_node: String,
}

impl<'a> CopyJob<'a> {
    /// A copy of a volume that servers may write to, as it is when the copy begins.
    pub fn of_open_volume(daemon: &'a StorageDaemon, id: VolumeId, target: Object) -> Self {
        let job = names::copy_job(id, target);
        Self { daemon, source: CopySource::Open(id), job, target_node: names::target_node(target) }
    }

    /// A copy of what another array exports at a URI.
    pub fn of_export(
        daemon: &'a StorageDaemon,
        uri: &str,
        target: VolumeId,
    ) -> Result<Self, DriverError> {
        let node = names::import_node(target);
        let description = nbd_node(uri, &node)
            .ok_or_else(|| DriverError::failed(format!("{uri} is no NBD export")))?;
        Ok(Self {
            daemon,
            source: CopySource::Remote { node, description },
            job: names::import_job(target),
            target_node: names::target_node(Object::Volume(target)),
        })
    }

    /// Copies to an existing file of the source's size. A copy that is dropped goes on until somebody
    /// begins it anew.
    pub async fn carry_out(&self, file: &Path) -> Result<(), DriverError> {
        self.cancel().await?;
        let copied = match self.start(file).await {
            Ok(()) => self.finish().await,
            Err(error) => Err(error),
        };
        self.close_nodes().await?;
        copied
    }

    async fn start(&self, file: &Path) -> Result<(), DriverError> {
        let mut session = self.daemon.session().await?;
        session.execute("blockdev-add", file_node(&self.target_node, file)).await?;
        let mut arguments = json!({
            "job-id": self.job, "target": self.target_node, "sync": "full", "auto-dismiss": false,
        });
        match &self.source {
            CopySource::Open(id) => {
                arguments["device"] = json!(self.daemon.open_node(&mut session, *id).await?);
                session.execute("blockdev-backup", arguments).await?;
            }
            // unlike a backup, a mirror leaves holes where it finds them
            CopySource::Remote { node, description } => {
                session.execute("blockdev-add", description.clone()).await?;
                arguments["device"] = json!(node);
                session.execute("blockdev-mirror", arguments).await?;
            }
        }
        Ok(())
    }

    async fn finish(&self) -> Result<(), DriverError> {
        let mut progress = CopyProgress::default();
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let Some(job) = self.status().await? else {
                return Err(DriverError::failed("the copy was cancelled"));
            };
            progress.total = job["total-progress"].as_u64().unwrap_or_default();
            progress.log(job["current-progress"].as_u64().unwrap_or_default());
            match job["status"].as_str() {
                // a mirror is in sync, and would stay so
                Some("ready") => {
                    let mut session = self.daemon.session().await?;
                    session.execute("job-complete", json!({ "id": self.job })).await?;
                }
                Some("concluded") => {
                    let error = job["error"].as_str().map(str::to_owned);
                    self.dismiss().await?;
                    return error.map_or(Ok(()), |error| Err(DriverError::failed(error)));
                }
                _ => {}
            }
        }
    }

    async fn status(&self) -> Result<Option<Value>, DriverError> {
        let jobs = self.daemon.session().await?.execute("query-jobs", json!({})).await?;
        Ok(jobs
            .as_array()
            .and_then(|jobs| jobs.iter().find(|job| job["id"] == self.job.as_str()).cloned()))
    }

    async fn dismiss(&self) -> Result<(), DriverError> {
        let mut session = self.daemon.session().await?;
        session.execute("job-dismiss", json!({ "id": self.job })).await?;
        Ok(())
    }

    /// Closes the nodes that were opened for the copy.
    async fn close_nodes(&self) -> Result<(), DriverError> {
        let remote = match &self.source {
            CopySource::Open(_) => None,
            CopySource::Remote { node, .. } => Some(node),
        };
        let mut session = self.daemon.session().await?;
        for node in remote.into_iter().chain([&self.target_node]) {
            if has_node(&mut session, node).await? {
                session.execute("blockdev-del", json!({ "node-name": node })).await?;
            }
        }
        Ok(())
    }

    /// Ends the copy that an earlier worker left.
    async fn cancel(&self) -> Result<(), DriverError> {
        cancel(&mut self.daemon.session().await?, |job| job == self.job).await?;
        self.close_nodes().await
    }
}

/// Ends what drills copy, or what they copy of one volume: its replica is needed for something else. Where there is no daemon, nothing
/// is copied.
pub(crate) async fn cancel_drills(
    daemon: &StorageDaemon,
    only: Option<VolumeId>,
) -> Result<(), DriverError> {
    let Ok(mut session) = daemon.session().await else { return Ok(()) };
    let is_meant =
        |job: &str| names::drilled_by(job).is_some_and(|id| only.is_none_or(|only| only == id));
    cancel(&mut session, is_meant).await
}

/// Ends the copies whose jobs are meant. Whoever waits for one of them is told that it was cancelled.
pub(crate) async fn cancel(
    session: &mut Qmp,
    is_meant: impl Fn(&str) -> bool,
) -> Result<(), DriverError> {
    loop {
        let jobs = session.execute("query-jobs", json!({})).await?;
        let jobs = jobs.as_array().into_iter().flatten();
        let meant: Vec<&Value> =
            jobs.filter(|job| job["id"].as_str().is_some_and(&is_meant)).collect();
        if meant.is_empty() {
            return Ok(());
        }
        for job in &meant {
            let end = if job["status"] == "concluded" { "job-dismiss" } else { "job-cancel" };
            // it may end by itself meanwhile
            let _ = session.execute(end, json!({ "id": job["id"] })).await;
        }
        tokio::time::sleep(CANCEL_INTERVAL).await;
    }
}

/// A node for what another array exports at such a URI as a data path has.
fn nbd_node(uri: &str, name: &str) -> Option<Value> {
    let (server, export) = if let Some(rest) = uri.strip_prefix("nbd+unix:///") {
        let (export, socket) = rest.split_once("?socket=")?;
        (json!({ "type": "unix", "path": socket }), export)
    } else {
        let (address, export) = uri.strip_prefix("nbd://")?.split_once('/')?;
        let (host, port) = address.rsplit_once(':')?;
        (json!({ "type": "inet", "host": host, "port": port }), export)
    };
    Some(json!({
        "driver": "nbd", "node-name": name, "server": server, "export": export, "read-only": true,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_uri_lead_to_an_export() {
        let local = nbd_node("nbd+unix:///volume-1-ro?socket=/a/run/nbd.sock", "n").unwrap();
        assert_eq!(local["server"], json!({ "type": "unix", "path": "/a/run/nbd.sock" }));
        assert_eq!(local["export"], "volume-1-ro");
        let remote = nbd_node("nbd://127.0.0.1:10809/volume-1", "n").unwrap();
        let server = json!({ "type": "inet", "host": "127.0.0.1", "port": "10809" });
        assert_eq!((&remote["server"], &remote["export"]), (&server, &json!("volume-1")));
        for strange in ["", "nbd://", "nbd://host/volume", "iscsi://host/iqn", "nbd+unix:///volume"]
        {
            assert_eq!(nbd_node(strange, "n"), None, "{strange}");
        }
    }
}
