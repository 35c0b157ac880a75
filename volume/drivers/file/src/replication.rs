//! The sides of a backend: mirrors to the first target, and failovers between all of them.

use crate::array::Array;
use crate::blocking::blocking;
use crate::failover::{DataMovement, Sides};
use crate::file_driver::FileDriver;
use crate::{drills, replicas};
use driver::{DriverError, Failover, ReplicaCopy, Replicas, Replication, Volumes};
use model::{FailoverOutcome, ReplicatedVolume, Side, Volume, VolumeId};
use std::sync::Arc;
use std::time::Duration;

/// How long a side may take to show that what it has can be removed.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a write to the primary may take before it serves again.
const PRIMARY_TIMEOUT: Duration = Duration::from_secs(10);

#[driver::async_trait]
impl Replication for FileDriver {
    async fn replicate(&self, volumes: &[ReplicatedVolume]) -> Result<Replicas, DriverError> {
        match self.arrays.first_target() {
            Some((name, to)) if self.arrays.active().is_primary() => {
                self.arrays.require_active(&self.arrays.primary).await?;
                let each = replicas::mirror_all(&self.arrays, to, volumes).await?;
                Ok(Replicas { target: Some(name.to_owned()), each })
            }
            Some(_) | None => Ok(Replicas::default()),
        }
    }

    async fn failover(&self, failover: &Failover<'_>) -> Result<FailoverOutcome, DriverError> {
        let (from, to) = (self.arrays.of(failover.from)?, self.arrays.of(failover.target)?);
        let first = self.arrays.first_target().map(|(name, _)| name);
        let to_first = first.is_some() && failover.target.target() == first;
        let movement = if failover.from == failover.target {
            DataMovement::None
        } else if failover.from.is_primary() && to_first {
            DataMovement::Mirrored
        } else {
            DataMovement::Resynchronise
        };
        Sides { backend: self.arrays.backend, from: &from, to: &to, movement }
            .fail_over(failover)
            .await
    }

    async fn failover_completed(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        if active.is_primary() {
            // what the targets know is all that there is while it hangs
            if !self.arrays.primary.takes_writes(PRIMARY_TIMEOUT).await {
                return Err(DriverError::failed("the primary takes no writes"));
            }
            replicas::invalidate_targets(&self.arrays, epoch).await?;
        }
        self.start(active, epoch).await
    }

    /// An array is the same in every part that it plays.
    async fn promoted(&self, _volumes: &[Volume]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn copy_replica(
        &self,
        target: &str,
        volume: &ReplicatedVolume,
    ) -> Result<Option<ReplicaCopy>, DriverError> {
        drills::copy_replica(&*self.target(target)?, volume).await
    }

    async fn restore_copies(&self, target: &str, volumes: &[VolumeId]) -> Result<(), DriverError> {
        drills::restore(&*self.target(target)?, volumes).await
    }

    async fn remove_copies(&self, target: &str, volumes: &[VolumeId]) -> Result<(), DriverError> {
        // by now, the name may be that of another array
        let named = self.target(target).ok();
        for array in self.arrays.all() {
            let is_named = named.as_ref().is_some_and(|named| Arc::ptr_eq(named, &array));
            if array.takes_writes_or_is_gone(REMOVAL_TIMEOUT).await {
                for id in volumes.iter().filter(|id| is_named || drills::is_there(&array, **id)) {
                    drills::remove(&array, *id).await?;
                }
            } else if is_named {
                return Err(DriverError::Transient(format!("{target} cannot be used")));
            }
        }
        Ok(())
    }

    async fn storage_id(&self, side: &Side) -> Result<Option<String>, DriverError> {
        let directory = self.arrays.of(side)?.directory.clone();
        blocking(move || directory.id()).await.map(Some)
    }
}

impl FileDriver {
    fn target(&self, name: &str) -> Result<Arc<Array>, DriverError> {
        self.arrays.of(&Side::Target(name.to_owned()))
    }
}
