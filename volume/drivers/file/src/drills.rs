//! Copies of replicas for drills, under names of their own: made and served by the target's daemon.
//!
//! A copy is a reflink where the file system has them. Elsewhere the bytes that are in use are copied, while there is room.

use crate::array::Array;
use crate::block_nodes::{contains, file_node, has_node};
use crate::blocking::blocking;
use crate::connection::nbd_info;
use crate::copy::{Copy, Room};
use crate::export_names::secret_name;
use crate::fences::{self, ObjectLock};
use crate::io_error::is_nobody_there;
use crate::jobs::close_node;
use crate::mirror::mark_of;
use crate::names::drill_node;
use crate::object::Object;
use crate::open_copy::abandon;
use crate::qmp::{Qmp, QmpError};
use crate::storage_daemon::close_export;
use driver::sizes::bytes;
use driver::{DriverError, ReplicaCopy};
use model::{ReplicatedVolume, VolumeId};
use serde_json::json;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Replicas go on to grow.
const ROOM: Room = Room { kept_free_percent: 10, least_free_percent: 5 };
/// How often a copy is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Copies a replica, as it is when the copy begins, and opens the copy; `None` when the replica is not in sync, or ceases to be so
/// before the copy is complete.
pub(crate) async fn copy_replica(
    array: &Array,
    volume: &ReplicatedVolume,
) -> Result<Option<ReplicaCopy>, DriverError> {
    let id = volume.id;
    let _held = lock(array, id).await?;
    clear(array, id).await?;
    let Some(mark) = mark(array, id).await else { return Ok(None) };
    let began = Instant::now();
    // the copy ends with the link: over another one, something may have come that was not in order, and with a failover there is none
    let copied = tokio::select! {
        copied = copy(array, volume) => copied,
        ended = watch(array, id, &mark) => Err(ended),
    };
    let copying = began.elapsed();
    let is_in_sync = self::mark(array, id).await.as_ref() == Some(&mark);
    if !is_in_sync {
        return clear(array, id).await.map(|()| None);
    }
    if let Err(error) = copied {
        clear(array, id).await?;
        return Err(error);
    }
    let uri = open(array, id).await?;
    Ok(Some(ReplicaCopy { connection: nbd_info(id, &uri, &array.directory.id()?), copying }))
}

/// Opens those copies that a daemon which was started anew has not open.
pub(crate) async fn restore(array: &Array, volumes: &[VolumeId]) -> Result<(), DriverError> {
    if volumes.is_empty() {
        return Ok(());
    }
    let exports = array.daemon.session().await?.execute("query-block-exports", json!({})).await?;
    let exports = exports.as_array().into_iter().flatten();
    let open_ones: HashSet<_> = exports.filter_map(|export| export["id"].as_str()).collect();
    for id in volumes {
        let name = Object::Drill(*id).to_string();
        if is_there(array, *id) && !open_ones.contains(name.as_str()) {
            open(array, *id).await?;
        }
    }
    Ok(())
}

/// Whether an array has a copy of a volume's replica.
pub(crate) fn is_there(array: &Array, id: VolumeId) -> bool {
    array.directory.has(Object::Drill(id))
}

/// Removes a copy, or what there is of it, once nobody works on it.
pub(crate) async fn remove(array: &Array, id: VolumeId) -> Result<(), DriverError> {
    if !array.directory.is_there() {
        return Ok(());
    }
    let _held = lock(array, id).await?;
    clear(array, id).await
}

async fn lock(array: &Array, id: VolumeId) -> Result<ObjectLock, DriverError> {
    let fence = array.directory.fence_file(Object::Drill(id));
    let held = blocking(move || fences::try_lock_exclusive(&fence)).await?;
    held.ok_or_else(|| DriverError::Transient("another worker makes the copy".to_owned()))
}

async fn clear(array: &Array, id: VolumeId) -> Result<(), DriverError> {
    match array.daemon.session().await {
        Ok(mut session) => close(array, &mut session, id).await?,
        Err(QmpError::Unreachable(error)) if is_nobody_there(&error) => {}
        // it may have the copy open all the same
        Err(error) => return Err(error.into()),
    }
    let directory = array.directory.clone();
    blocking(move || directory.delete(Object::Drill(id))).await
}

/// Ends what the daemon does with a copy.
async fn close(array: &Array, session: &mut Qmp, id: VolumeId) -> Result<(), DriverError> {
    let object = Object::Drill(id);
    abandon(array, session, id, object).await?;
    let exports = session.execute("query-block-exports", json!({})).await?;
    if contains(&exports, "id", &object.to_string()) {
        close_export(session, &object.to_string(), "hard").await?;
    }
    Ok(close_node(session, &drill_node(id)).await?)
}

/// What marks the replica as in sync; `None` when it is not.
async fn mark(array: &Array, id: VolumeId) -> Option<String> {
    let connections = array.relay.connections().await?;
    mark_of(array, id, &connections)
}

/// Returns, with the reason, when a replica is not in sync any more over the link that it was.
async fn watch(array: &Array, id: VolumeId, mark: &str) -> DriverError {
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        if self::mark(array, id).await.as_deref() != Some(mark) {
            return DriverError::failed("the replica is in sync no more");
        }
    }
}

async fn copy(array: &Array, volume: &ReplicatedVolume) -> Result<(), DriverError> {
    let copy = Copy {
        source: Object::Volume(volume.id),
        target: Object::Drill(volume.id),
        size: bytes(volume.size_gb),
        mirror: None,
        room: ROOM,
        bytes_per_second: array.daemon.resync_bytes_per_second(),
    };
    copy.carry_out(array).await
}

async fn open(array: &Array, id: VolumeId) -> Result<String, DriverError> {
    let (object, node) = (Object::Drill(id), drill_node(id));
    let description = file_node(&node, &array.directory.file(object));
    let mut session = array.daemon.session().await?;
    if !has_node(&mut session, &node).await? {
        session.execute("blockdev-add", description).await?;
    }
    let name = secret_name(&array.directory, &object.to_string())?;
    let export = json!({
        "type": "nbd", "id": object.to_string(), "node-name": node, "name": name, "writable": true,
    });
    session.execute("block-export-add", export).await?;
    Ok(array.daemon.uri_of(&name))
}
