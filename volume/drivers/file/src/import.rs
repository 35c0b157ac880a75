//! What another array exports is copied to this one, by its daemon. Nobody writes to it meanwhile.

use crate::block_nodes::file_node;
use crate::jobs::{close_node, complete_copy, end_job};
use crate::names::{import_job, import_node, target_node};
use crate::object::Object;
use crate::storage_daemon::StorageDaemon;
use driver::DriverError;
use model::VolumeId;
use serde_json::{Value, json};
use std::path::Path;

/// A copy of an export of another array.
pub(crate) struct Import<'a> {
    daemon: &'a StorageDaemon,
    /// The volume that it becomes.
    id: VolumeId,
    /// The node of the export.
    source: Value,
}

impl<'a> Import<'a> {
    /// What another array exports at a URI becomes a volume.
    pub fn new(daemon: &'a StorageDaemon, uri: &str, id: VolumeId) -> Result<Self, DriverError> {
        let source = nbd_node(uri, &import_node(id))
            .ok_or_else(|| DriverError::failed(format!("{uri} is no NBD export")))?;
        Ok(Self { daemon, id, source })
    }

    /// Copies to an existing file of the source's size. A copy that is dropped goes on until somebody
    /// begins it anew.
    pub async fn carry_out(&self, file: &Path) -> Result<(), DriverError> {
        self.end().await?;
        let copied = match self.start(file).await {
            Ok(()) => complete_copy(self.daemon, &import_job(self.id), None).await,
            Err(error) => Err(error),
        };
        self.end().await?;
        copied
    }

    async fn start(&self, file: &Path) -> Result<(), DriverError> {
        let (source, target) = (import_node(self.id), target_node(Object::Volume(self.id)));
        let mut session = self.daemon.session().await?;
        session.execute("blockdev-add", file_node(&target, file)).await?;
        session.execute("blockdev-add", self.source.clone()).await?;
        // unlike a backup, a mirror leaves holes where it finds them
        let mirror = json!({
            "job-id": import_job(self.id), "device": source, "target": target, "sync": "full",
            "auto-dismiss": false,
        });
        session.execute("blockdev-mirror", mirror).await?;
        Ok(())
    }

    /// Ends the copy, or the one that an earlier worker left, and closes what it has open.
    async fn end(&self) -> Result<(), DriverError> {
        let mut session = self.daemon.session().await?;
        end_job(&mut session, &import_job(self.id)).await?;
        for node in [import_node(self.id), target_node(Object::Volume(self.id))] {
            close_node(&mut session, &node).await?;
        }
        Ok(())
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
