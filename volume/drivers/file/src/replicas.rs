//! The replicas of a backend whose primary is active: mirrored to its first target, stopped, and invalidated.

use crate::array::Array;
use crate::arrays::Arrays;
use crate::blocking::blocking;
use crate::fences;
use crate::mirror::{Mirror, MirrorQuery, State};
use crate::object::Object;
use driver::sizes::bytes;
use driver::{DriverError, Replica};
use model::{ReplicatedVolume, Volume, VolumeId};
use std::sync::Arc;
use std::time::Duration;

/// How long a target may take to forget its replicas.
const INVALIDATE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a side may take to show that what it has can be removed.
const DELETE_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps volumes mirrored to the first target, and tells how far their replicas are.
pub(crate) async fn mirror_all(
    arrays: &Arrays,
    to: &Array,
    volumes: &[ReplicatedVolume],
) -> Result<Vec<Replica>, DriverError> {
    if let Err(error) = prepare_target(arrays, to).await {
        tracing::warn!(%error, "mirror not established");
        let all_of = |volume: &ReplicatedVolume| Replica {
            id: volume.id,
            out_of_sync_bytes: bytes(volume.size_gb),
            age: None,
            verified: None,
        };
        return Ok(volumes.iter().map(all_of).collect());
    }
    let from = &*arrays.primary;
    let query = MirrorQuery::run(from, to).await?;
    // nobody sees when the mirror of another one breaks
    let looked_at = volumes.iter().map(|volume| volume.id).collect();
    let directory = to.directory.clone();
    blocking(move || directory.clear_in_sync_marks_except(&looked_at)).await?;
    let mut replicas = Vec::new();
    for volume in volumes {
        let fence = from.directory.fence_file(Object::Volume(volume.id));
        // what has an operation in progress has its turn next time
        let Some(_kept) = blocking(move || fences::try_lock_exclusive(&fence)).await? else {
            continue;
        };
        if !from.directory.has(Object::Volume(volume.id)) {
            continue;
        }
        // the look may have hung, and the backend serve from another side by now
        arrays.require_active(from).await?;
        let mirror = mirror_to(arrays, to, volume.id, volume.size_gb);
        let out_of_sync_bytes = match mirror.ensure_running(&query).await {
            Ok(State::InSync) => 0,
            Ok(State::OutOfSync(bytes)) => bytes,
            Err(error) => {
                tracing::warn!(volume.id = %volume.id, %error, "mirror not established");
                mirror.size
            }
        };
        let verified = match volume.verification {
            Some(asked) if out_of_sync_bytes == 0 => mirror.verify(&query, asked).await,
            Some(_) | None => None,
        };
        replicas.push(Replica { id: volume.id, out_of_sync_bytes, age: None, verified });
    }
    Ok(replicas)
}

/// Ends the mirror of a volume that is going to change otherwise than by its servers' writes; it begins
/// anew when that is done.
pub(crate) async fn stop_mirror(arrays: &Arrays, volume: &Volume) -> Result<(), DriverError> {
    match mirror_of(arrays, volume.id, volume.size_gb) {
        Some(mirror) => mirror.stop().await,
        None => arrays.active_array().daemon.end_mirror(volume.id).await,
    }
}

/// Removes what other sides have of an object; one of them may be gone for good, or hang, or serve by now.
pub(crate) async fn delete(arrays: &Arrays, object: Object) {
    let (backend, epoch) = (arrays.backend, arrays.serving().epoch);
    let active = arrays.active_array();
    let targets = arrays.targets.iter().map(|(_, array)| array);
    for array in targets.chain([&arrays.primary]).filter(|array| !Arc::ptr_eq(array, &active)) {
        let directory = array.directory.clone();
        // one that hangs would keep the deletion
        if !array.takes_writes_or_is_gone(DELETE_TIMEOUT).await {
            tracing::warn!(%object, "a replica is left over: its storage cannot be used");
            continue;
        }
        match blocking(move || directory.delete_replica(backend, epoch, object)).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%object, "not removed: it is served from there by now"),
            Err(error) => tracing::warn!(%object, %error, "a replica is left over"),
        }
    }
}

/// The mirror that a volume would have, if it has one.
pub(crate) fn mirror_of(arrays: &Arrays, id: VolumeId, size_gb: i32) -> Option<Mirror<'_>> {
    let (_, to) = arrays.first_target()?;
    arrays.active().is_primary().then(|| mirror_to(arrays, to, id, size_gb))
}

fn mirror_to<'a>(arrays: &'a Arrays, to: &'a Array, id: VolumeId, size_gb: i32) -> Mirror<'a> {
    Mirror { from: &arrays.primary, to, backend: arrays.backend, id, size: bytes(size_gb) }
}

/// Makes a target ready to be mirrored to.
async fn prepare_target(arrays: &Arrays, to: &Array) -> Result<(), DriverError> {
    let timeout = arrays.replica_timeout;
    if !to.can_be_used(timeout).await {
        return Err(DriverError::failed("the target's storage cannot be used"));
    }
    // the relay goes on without one that hangs; it can be used again once it was started again
    if !to.daemon.answers_within(timeout).await {
        to.daemon.end().await?;
    }
    let (directory, backend, epoch) =
        (to.directory.clone(), arrays.backend, arrays.serving().epoch);
    blocking(move || {
        directory.prepare()?;
        // it may have served once, and not been there when it was left
        Ok(directory.record_epoch(backend, epoch, false)?)
    })
    .await?;
    to.daemon.ensure_running().await?;
    to.relay.ensure_running(&to.daemon.nbd_socket()).await
}

/// Tells all targets that they do not serve. There is no mirror yet, and what servers are going to write is on
/// no replica.
pub(crate) async fn invalidate_targets(arrays: &Arrays, epoch: i64) -> Result<(), DriverError> {
    for (name, target) in &arrays.targets {
        let directory = target.directory.clone();
        let forget =
            blocking(move || directory.prepare().and_then(|()| directory.clear_in_sync_marks()));
        let forgotten = tokio::time::timeout(INVALIDATE_TIMEOUT, forget).await;
        let is_told = target.set_standby(arrays.backend, epoch).await?;
        if !is_told || !matches!(forgotten, Ok(Ok(()))) {
            tracing::warn!(
                target = name,
                "a target could not be updated; its replicas are invalidated by ending its relay"
            );
            target.relay.end().await?;
        }
    }
    Ok(())
}
