//! Copies of replicas for drills, under names of their own: made and served by the target's daemon.
//!
//! A copy is a reflink where the file system has them. Elsewhere the daemon copies: what a mirror overwrites meanwhile is copied before
//! it is, and a mirror whose write could not be preceded by that would be out of sync. So a copy takes no more room than its replica
//! does (it is a qcow2 file: a raw one would be allocated as a whole), and ends as soon as room becomes scarce.

use crate::array::Array;
use crate::block_nodes::{contains, file_node, has_node, image_node};
use crate::blocking::blocking;
use crate::connection::nbd_info;
use crate::copy_job::{CopyJob, cancel};
use crate::directory::Directory;
use crate::export_names::secret_name;
use crate::fences::{self, ObjectLock};
use crate::image::image_job;
use crate::io_error::is_nobody_there;
use crate::mirror::mark_of;
use crate::names::{copy_job, drill_node, target_node};
use crate::object::Object;
use crate::qmp::{Qmp, QmpError};
use crate::sizes::bytes;
use crate::sparse_copy::SparseCopy;
use crate::storage_daemon::close_export;
use driver::{DriverError, ReplicaCopy};
use model::{ReplicatedVolume, VolumeId};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The part of a target's file system that a copy leaves free when it begins, in percent: replicas go on to grow.
const KEPT_FREE_PERCENT: u64 = 10;
/// A copy ends, and is given up, when less than this is free.
const LEAST_FREE_PERCENT: u64 = 5;
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
    match copied {
        Ok(()) if is_in_sync => {
            let uri = open(array, id).await?;
            let connection = nbd_info(id, &uri, &array.directory.id()?);
            Ok(Some(ReplicaCopy { connection, copying }))
        }
        Ok(()) | Err(_) if !is_in_sync => clear(array, id).await.map(|()| None),
        failed => {
            clear(array, id).await?;
            failed.map(|()| None)
        }
    }
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
    array.directory.has(Object::Drill(id)) || array.directory.drill_image(id).exists()
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
    let (name, job) = (object.to_string(), copy_job(id, object));
    let creation = image_job(&target_node(object));
    // an image may not be complete
    cancel(session, |other| other == job || other == creation).await?;
    let exports: Value = session.execute("query-block-exports", json!({})).await?;
    if contains(&exports, "id", &name) {
        close_export(session, &name, "hard").await?;
    }
    for node in [drill_node(id), target_node(object)] {
        if has_node(session, &node).await? {
            session.execute("blockdev-del", json!({ "node-name": node })).await?;
        }
    }
    // the copy may have outlived the replica's other uses
    array.daemon.close_node(session, id).await
}

/// What marks the replica as in sync; `None` when it is not.
async fn mark(array: &Array, id: VolumeId) -> Option<String> {
    let connections = array.relay.connections().await?;
    mark_of(array, id, &connections)
}

/// Returns, with the reason, when a copy must not go on.
async fn watch(array: &Array, id: VolumeId, mark: &str) -> DriverError {
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        if self::mark(array, id).await.as_deref() != Some(mark) {
            return DriverError::failed("the replica is in sync no more");
        }
        let directory = array.directory.clone();
        if let Err(scarce) = blocking(move || require_room(&directory, 0, LEAST_FREE_PERCENT)).await
        {
            return scarce;
        }
    }
}

async fn copy(array: &Array, volume: &ReplicatedVolume) -> Result<(), DriverError> {
    let (id, size) = (volume.id, bytes(volume.size_gb));
    let (replica, target) = (Object::Volume(id), Object::Drill(id));
    let _kept = array.lock_shared(replica).await?;
    let directory = array.directory.clone();
    let is_copied = blocking(move || {
        let is_copied = directory.reflink(replica, target, size)?;
        if !is_copied {
            require_room(&directory, directory.allocated(replica)?, KEPT_FREE_PERCENT)?;
        }
        Ok(is_copied)
    })
    .await?;
    if is_copied {
        return Ok(());
    }
    if array.daemon.is_written_to(id).await? {
        let image = array.directory.drill_image(id);
        return CopyJob::of_open_volume(&array.daemon, id, target)
            .into_image(size)
            .carry_out(&image)
            .await;
    }
    SparseCopy::new(&array.directory, replica, target).carry_out().await?;
    let directory = array.directory.clone();
    blocking(move || directory.finish_copy(target, size)).await
}

/// Fails when, with so many bytes more in use, less than a part of a target's file system would be free.
fn require_room(directory: &Directory, needed: u64, free_percent: u64) -> Result<(), DriverError> {
    let (total, free) = directory.room()?;
    let usable = free.saturating_sub(total / 100 * free_percent);
    if needed > usable || usable == 0 {
        return Err(DriverError::failed(format!(
            "there is no room on the target: a copy needs {} MiB, and {} MiB may be used",
            needed >> 20,
            usable >> 20
        )));
    }
    Ok(())
}

async fn open(array: &Array, id: VolumeId) -> Result<String, DriverError> {
    let (object, node) = (Object::Drill(id), drill_node(id));
    let image = array.directory.drill_image(id);
    let description = if image.exists() {
        image_node(&node, &image)
    } else {
        file_node(&node, &array.directory.file(object))
    };
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
