//! The nodes of a storage daemon's block graph.

use crate::qmp::{Qmp, QmpError};
use serde_json::{Value, json};
use std::path::Path;

/// A name that no dirty bitmap has.
const NO_BITMAP: &str = "none";

/// Whether there is a node of this name.
pub(crate) async fn has_node(session: &mut Qmp, name: &str) -> Result<bool, QmpError> {
    match probe(session, name).await? {
        Some(is_there) => Ok(is_there),
        None => {
            let nodes = session.execute("query-named-block-nodes", json!({ "flat": true })).await?;
            Ok(contains(&nodes, "node-name", name))
        }
    }
}

/// Whether there is a node of this name; `None` when the answer is an unknown one.
///
/// QMP describes all nodes or none, at a tenth of a millisecond each. How it refuses to remove a bitmap tells the same, and takes no
/// longer with many nodes.
async fn probe(session: &mut Qmp, name: &str) -> Result<Option<bool>, QmpError> {
    let removal = json!({ "node": name, "name": NO_BITMAP });
    match session.execute("block-dirty-bitmap-remove", removal).await {
        Err(QmpError::Refused { description, .. }) => {
            let is = |known: String| description == known;
            let is_absent = is(format!("Node '{name}' not found"));
            let is_there = is(format!("Dirty bitmap '{NO_BITMAP}' not found"));
            Ok((is_absent || is_there).then_some(is_there))
        }
        Ok(_) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether one of the items of an answer has this value.
pub(crate) fn contains(items: &Value, key: &str, value: &str) -> bool {
    items.as_array().is_some_and(|items| items.iter().any(|item| item[key] == value))
}

/// A node for a file in the format qcow2.
pub(crate) fn image_node(name: &str, file: &Path) -> Value {
    json!({
        "driver": "qcow2", "node-name": name, "discard": "unmap",
        "file": { "driver": "file", "filename": file, "discard": "unmap" },
    })
}

/// A node for a raw file.
pub(crate) fn file_node(name: &str, file: &Path) -> Value {
    json!({
        "driver": "raw", "node-name": name, "discard": "unmap",
        "file": { "driver": "file", "filename": file, "discard": "unmap" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;
    use std::time::Duration;

    #[tokio::test]
    async fn what_a_storage_daemon_says_of_a_node_is_understood() {
        let directory = tempfile::tempdir().unwrap();
        let (socket, file) = (directory.path().join("qmp.sock"), directory.path().join("file"));
        std::fs::File::create(&file).unwrap().set_len(1 << 20).unwrap();
        let chardev = format!("socket,path={},server=on,wait=off,id=qmp", socket.display());
        let _daemon = tokio::process::Command::new("qemu-storage-daemon")
            .args(["--chardev", &chardev, "--monitor", "chardev=qmp"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let connected = async {
            loop {
                if let Ok(session) = Qmp::connect(&socket).await {
                    return session;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let timeout = Duration::from_secs(20);
        let mut session = tokio::time::timeout(timeout, connected).await.unwrap();
        assert_eq!(probe(&mut session, "volume").await.unwrap(), Some(false));
        session.execute("blockdev-add", file_node("volume", &file)).await.unwrap();
        assert_eq!(probe(&mut session, "volume").await.unwrap(), Some(true));
        session.execute("blockdev-del", json!({ "node-name": "volume" })).await.unwrap();
        assert_eq!(probe(&mut session, "volume").await.unwrap(), Some(false));
    }
}
