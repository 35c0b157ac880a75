//! The replicas of a backend that serves from its own side: kept on its first target, ended, and disowned.

use super::array::Array;
use super::directory::Object;
use super::mirror::{Mirror, Seen, State};
use super::{FileDriver, blocking, bytes, fences};
use crate::driver::{DriverError, Replica};
use model::{Volume, VolumeId};
use std::time::Duration;

/// How long a target may take to forget its replicas.
const PATIENCE: Duration = Duration::from_secs(5);

impl FileDriver {
    /// Keeps volumes mirrored to the first target, and tells how far their replicas are.
    pub(super) async fn mirror_all(
        &self,
        to: &Array,
        volumes: &[Volume],
    ) -> Result<Vec<Replica>, DriverError> {
        if let Err(error) = self.prepare_target(to).await {
            tracing::warn!(%error, "not mirrored");
            let all_of =
                |volume: &Volume| Replica { id: volume.id, missing: bytes(volume.size_gb) };
            return Ok(volumes.iter().map(all_of).collect());
        }
        let from = &*self.own;
        let seen = Seen::look(from, to).await?;
        // nobody sees when the mirror of another one breaks
        let looked_at = volumes.iter().map(|volume| volume.id).collect();
        let directory = to.directory.clone();
        blocking(move || directory.forget_replicas_but(&looked_at)).await?;
        let mut replicas = Vec::new();
        for volume in volumes {
            let fence = from.directory.fence_file(Object::Volume(volume.id));
            // what is being worked on has its turn next time
            let Some(_kept) = blocking(move || fences::try_hold(&fence)).await? else { continue };
            let mirror = self.mirror_to(to, volume.id, volume.size_gb);
            let missing = match mirror.keep(&seen).await {
                Ok(State::InStep) => 0,
                Ok(State::Behind(bytes)) => bytes,
                Err(error) => {
                    tracing::warn!(volume.id = %volume.id, %error, "not mirrored");
                    mirror.size
                }
            };
            replicas.push(Replica { id: volume.id, missing });
        }
        Ok(replicas)
    }

    /// Ends the mirror of a volume that is going to change otherwise than by its servers' writes; it begins
    /// anew when that is done.
    pub(super) async fn stop_mirror(&self, volume: &Volume) -> Result<(), DriverError> {
        match self.mirror_of(volume.id, volume.size_gb) {
            Some(mirror) => mirror.stop().await,
            None => self.array().daemon.end_mirror(volume.id).await,
        }
    }

    /// Removes what other sides have of an object; one of them may be gone for good.
    pub(super) async fn delete_replicas(&self, object: Object) {
        let targets = self.targets.iter().map(|(_, array)| array);
        for array in targets.chain([&self.own]) {
            let directory = array.directory.clone();
            if let Err(error) = blocking(move || directory.delete(object)).await {
                tracing::warn!(%object, %error, "a replica is left over");
            }
        }
    }

    /// The mirror that a volume would have, if it has one.
    pub(super) fn mirror_of(&self, id: VolumeId, size_gb: i32) -> Option<Mirror<'_>> {
        let (_, to) = self.targets.first()?;
        self.active().is_primary().then(|| self.mirror_to(to, id, size_gb))
    }

    fn mirror_to<'a>(&'a self, to: &'a Array, id: VolumeId, size_gb: i32) -> Mirror<'a> {
        Mirror { from: &self.own, to, backend: self.backend, id, size: bytes(size_gb) }
    }

    /// Makes a target ready to be mirrored to.
    async fn prepare_target(&self, to: &Array) -> Result<(), DriverError> {
        let patience = self.config.file.replica_timeout();
        if !to.can_be_used(patience).await {
            return Err(DriverError::failed("the target's storage cannot be used"));
        }
        // the relay goes on without one that hangs; it can be used again once it was started again
        if !to.daemon.answers_within(patience).await {
            to.daemon.end().await?;
        }
        let (directory, backend, epoch) =
            (to.directory.clone(), self.backend, self.serving().epoch);
        blocking(move || {
            directory.prepare()?;
            // it may have served once, and not been there when it was left
            Ok(directory.enter(backend, epoch, false)?)
        })
        .await?;
        to.daemon.ensure_running().await?;
        to.relay.ensure_running(&to.daemon.address()?).await
    }

    /// Tells all targets that they do not serve. There is no mirror yet, and what servers are going to write is on
    /// no replica.
    pub(super) async fn disown_targets(&self, epoch: i64) -> Result<(), DriverError> {
        for (name, target) in &self.targets {
            let directory = target.directory.clone();
            let forget =
                blocking(move || directory.prepare().and_then(|()| directory.forget_replicas()));
            let forgotten = tokio::time::timeout(PATIENCE, forget).await;
            let is_told = target.rest(self.backend, epoch).await?;
            if !is_told || !matches!(forgotten, Ok(Ok(()))) {
                tracing::warn!(
                    target = name,
                    "what it knows of replicas is not told; its relay is ended"
                );
                target.relay.end().await?;
            }
        }
        Ok(())
    }
}
