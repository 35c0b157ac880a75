//! Copies of replicas for drills: made by the target's daemon, which serves them under names of their own.

use crate::array::Array;
use crate::block_nodes::{contains, file_node, has_node};
use crate::blocking::blocking;
use crate::connection::nbd_info;
use crate::copy::copy;
use crate::copy_job::cancel;
use crate::directory::Directory;
use crate::export_names::secret_name;
use crate::fences;
use crate::mirror::mark_of;
use crate::names::{copy_job, drill_node};
use crate::object::Object;
use crate::qmp::Qmp;
use crate::sizes::bytes;
use crate::storage_daemon::close_export;
use driver::{DriverError, ReplicaCopy};
use model::{ReplicatedVolume, VolumeId};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Instant;

/// The part of a target that copies leave free, in percent: replicas go on to grow.
const KEPT_FREE_PERCENT: u64 = 10;

/// Copies a replica that is in sync, as it is when the copy begins, and opens the copy.
pub(crate) async fn copy_replica(
    array: &Array,
    volume: &ReplicatedVolume,
) -> Result<ReplicaCopy, DriverError> {
    let object = Object::Drill(volume.id);
    let fence = array.directory.fence_file(object);
    let Some(_held) = blocking(move || fences::try_lock_exclusive(&fence)).await? else {
        return Err(DriverError::Transient("another worker makes the copy".to_owned()));
    };
    remove(array, volume.id).await?;
    let mark = require_in_sync(array, volume.id).await?;
    let (directory, id) = (array.directory.clone(), volume.id);
    blocking(move || require_room(&directory, id)).await?;
    let began = Instant::now();
    let copied = copy(array, Object::Volume(volume.id), object, bytes(volume.size_gb), None).await;
    let copying = began.elapsed();
    // over another link, something may have come meanwhile that was not in order
    let is_the_same = require_in_sync(array, volume.id).await.is_ok_and(|now| now == mark);
    match copied {
        Ok(()) if is_the_same => {
            let uri = open(array, volume.id).await?;
            let array_id = array.directory.id()?;
            Ok(ReplicaCopy { connection: nbd_info(volume.id, &uri, &array_id), copying })
        }
        Ok(()) => {
            remove(array, volume.id).await?;
            Err(DriverError::failed("the replica was in sync no more when it was copied"))
        }
        Err(error) => {
            remove(array, volume.id).await?;
            Err(error)
        }
    }
}

/// Opens those copies that a daemon which was started anew has not open.
pub(crate) async fn restore(array: &Array, volumes: &[VolumeId]) -> Result<(), DriverError> {
    let exports = array.daemon.session().await?.execute("query-block-exports", json!({})).await?;
    let exports = exports.as_array().into_iter().flatten();
    let open_ones: HashSet<_> = exports.filter_map(|export| export["id"].as_str()).collect();
    for id in volumes {
        let object = Object::Drill(*id);
        if !open_ones.contains(object.to_string().as_str()) && array.directory.has(object) {
            open(array, *id).await?;
        }
    }
    Ok(())
}

/// Removes a copy, or what there is of it.
pub(crate) async fn remove(array: &Array, id: VolumeId) -> Result<(), DriverError> {
    let object = Object::Drill(id);
    // without a daemon nobody has it open
    if let Ok(mut session) = array.daemon.session().await {
        cancel(&mut session, |job| job == copy_job(id, object)).await?;
        close(&mut session, id).await?;
    }
    let directory = array.directory.clone();
    blocking(move || directory.delete(object)).await
}

/// What marks the replica as in sync; fails when it is not.
async fn require_in_sync(array: &Array, id: VolumeId) -> Result<String, DriverError> {
    let connections = array.relay.connections().await.unwrap_or_default();
    let mark = mark_of(array, id, &connections);
    mark.ok_or_else(|| DriverError::failed("the replica is not in sync"))
}

/// Fails when a copy would fill the target's file system.
fn require_room(directory: &Directory, id: VolumeId) -> Result<(), DriverError> {
    let (needed, capacity) = (directory.allocated(Object::Volume(id))?, directory.capacity()?);
    let usable = capacity.free.saturating_sub(capacity.total / 100 * KEPT_FREE_PERCENT);
    if needed > usable {
        return Err(DriverError::failed(format!(
            "a copy needs {} MiB, and {} MiB may be used on the target",
            needed >> 20,
            usable >> 20
        )));
    }
    Ok(())
}

async fn open(array: &Array, id: VolumeId) -> Result<String, DriverError> {
    let (object, node) = (Object::Drill(id), drill_node(id));
    let mut session = array.daemon.session().await?;
    if !has_node(&mut session, &node).await? {
        session.execute("blockdev-add", file_node(&node, &array.directory.file(object))).await?;
    }
    let name = secret_name(&array.directory, &object.to_string())?;
    let export = json!({
        "type": "nbd", "id": object.to_string(), "node-name": node, "name": name, "writable": true,
    });
    session.execute("block-export-add", export).await?;
    Ok(array.daemon.uri_of(&name))
}

async fn close(session: &mut Qmp, id: VolumeId) -> Result<(), DriverError> {
    let (name, node) = (Object::Drill(id).to_string(), drill_node(id));
    let exports: Value = session.execute("query-block-exports", json!({})).await?;
    if contains(&exports, "id", &name) {
        close_export(session, &name, "hard").await?;
    }
    if has_node(session, &node).await? {
        session.execute("blockdev-del", json!({ "node-name": node })).await?;
    }
    Ok(())
}
