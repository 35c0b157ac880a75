//! Copies that the storage daemon makes: of a volume while servers write to it, and of another array's
//! volume.

use crate::block_nodes::{file_node, has_node, image_node};
use crate::copy_progress::CopyProgress;
use crate::image::create_image;
use crate::names;
use crate::object::Object;
use crate::qmp::Qmp;
use crate::storage_daemon::StorageDaemon;
use driver::DriverError;
use model::VolumeId;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a copy is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How often it is looked whether copies that were cancelled have ended.
const CANCEL_INTERVAL: Duration = Duration::from_millis(20);
/// How long copies that were cancelled may take to end.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// What the daemon copies from.
enum CopySource {
    /// A volume of this array that is open. What a server overwrites is copied before it is.
    Open(VolumeId),
    /// An export of another array that nobody writes to: this node.
    Remote { node: String, description: Value },
}

/// What the daemon copies to.
#[derive(Clone, Copy)]
enum CopyTarget {
    /// An existing raw file of the source's size.
    File,
    /// A new file in the format qcow2, for so many bytes: what is zero takes no room.
    Image(u64),
}

/// A copy by the daemon.
pub(crate) struct CopyJob<'a> {
    daemon: &'a StorageDaemon,
    source: CopySource,
    target: CopyTarget,
    job: String,
    target_node: String,
}

impl<'a> CopyJob<'a> {
    /// A copy of a volume that servers may write to, as it is when the copy begins.
    pub fn of_open_volume(daemon: &'a StorageDaemon, id: VolumeId, target: Object) -> Self {
        let job = names::copy_job(id, target);
        let target_node = names::target_node(target);
        let source = CopySource::Open(id);
        Self { daemon, source, target: CopyTarget::File, job, target_node }
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
            target: CopyTarget::File,
            job: names::import_job(target),
            target_node: names::target_node(Object::Volume(target)),
        })
    }

    /// The same to a new qcow2 image of this size, in bytes, and no faster than a resynchronisation.
    pub fn into_image(self, size: u64) -> Self {
        Self { target: CopyTarget::Image(size), ..self }
    }

    /// Copies to a file: one that is there, of the source's size, or a new image. A copy that is dropped goes on until somebody
    /// begins it anew, or cancels it.
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
        let target = match self.target {
            CopyTarget::File => file_node(&self.target_node, file),
            CopyTarget::Image(size) => {
                create_image(&mut session, &self.target_node, file, size).await?;
                image_node(&self.target_node, file)
            }
        };
        session.execute("blockdev-add", target).await?;
        let mut arguments = json!({
            "job-id": self.job, "target": self.target_node, "sync": "full", "auto-dismiss": false,
        });
        if matches!(self.target, CopyTarget::Image(_)) {
            arguments["speed"] = json!(self.daemon.resync_bytes_per_second());
        }
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

/// Ends what drills copy of these volumes: their replicas are needed for something else.
pub(crate) async fn cancel_drills(
    daemon: &StorageDaemon,
    volumes: &[VolumeId],
) -> Result<(), DriverError> {
    let is_meant = |job: &str| names::drilled_by(job).is_some_and(|id| volumes.contains(&id));
    cancel(&mut daemon.session().await?, is_meant).await
}

/// Ends the copies whose jobs are meant. Whoever waits for one of them is told that it was cancelled.
pub(crate) async fn cancel(
    session: &mut Qmp,
    is_meant: impl Fn(&str) -> bool,
) -> Result<(), DriverError> {
    let began = Instant::now();
    loop {
        let jobs = session.execute("query-jobs", json!({})).await?;
        let jobs = jobs.as_array().into_iter().flatten();
        let meant: Vec<&Value> =
            jobs.filter(|job| job["id"].as_str().is_some_and(&is_meant)).collect();
        if meant.is_empty() {
            return Ok(());
        }
        // one whose storage hangs does not end
        if began.elapsed() > CANCEL_TIMEOUT {
            return Err(DriverError::Transient("a copy does not end".to_owned()));
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
