//! The sides of a backend: mirroring to the first target, and failovers between it and the primary.

use crate::cluster::Cluster;
use crate::connection::{Monitors, connection_info};
use crate::failover::Sides;
use crate::rbd_driver::RbdDriver;
use crate::replicas::Replicating;
use crate::shapes::Usage;
use crate::{drills, names, records};
use driver::{DriverError, Failover, ReplicaCopy, Replicas, Replication, Volumes};
use model::{FailoverOutcome, ReplicatedVolume, Side, Volume, VolumeId};
use std::time::Duration;

#[driver::async_trait]
impl Replication for RbdDriver {
    async fn replicate(&self, volumes: &[ReplicatedVolume]) -> Result<Replicas, DriverError> {
        let serving = self.sides.serving();
        let (Some((name, _)), Some(clusters)) =
            (self.sides.first_target(), &self.sides.in_the_background)
        else {
            return Ok(Replicas::default());
        };
        if !serving.active.is_primary() {
            return Ok(Replicas::default());
        }
        records::require_epoch(&clusters.primary, self.backend, serving.epoch).await?;
        let replicating = Replicating {
            known: &self.replicas,
            backend: self.backend,
            epoch: serving.epoch,
            from: &clusters.primary,
            to: &clusters.target,
            interval: Duration::from_secs(self.config.rbd.mirror_interval_seconds),
        };
        let each = replicating.look(volumes).await;
        Ok(Replicas { target: Some(name.to_owned()), each })
    }

    async fn failover(&self, failover: &Failover<'_>) -> Result<FailoverOutcome, DriverError> {
        let (from, to) = (self.sides.of(failover.from)?, self.sides.of(failover.target)?);
        self.require_mirrored_between(failover.from, failover.target)?;
        let storage_id = storage_id(&to).await?;
        let sides = Sides { backend: self.backend, from: &from, to: &to };
        sides.fail_over(failover, storage_id).await
    }

    async fn failover_completed(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        self.start(active, epoch).await
    }

    /// An image that has been promoted is like any other.
    async fn promoted(&self, _volumes: &[Volume]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn copy_replica(
        &self,
        target: &str,
        volume: &ReplicatedVolume,
    ) -> Result<Option<ReplicaCopy>, DriverError> {
        let to = self.sides.of(&Side::Target(target.to_owned()))?;
        let Some(copying) = drills::copy(&self.sides.primary, &to, volume.id).await? else {
            return Ok(None);
        };
        let monitors = Monitors::of(&to).await?;
        let secret = self.secret_uuid_of(&Side::Target(target.to_owned()));
        let cluster_name = &self.config.rbd.rbd_cluster_name;
        let image = names::drill(volume.id);
        let connection = connection_info(&to, volume.id, &image, &monitors, secret, cluster_name);
        Ok(Some(ReplicaCopy { connection, copying }))
    }

    /// Clients open images by themselves.
    async fn restore_copies(&self, _: &str, _: &[VolumeId]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn remove_copies(&self, target: &str, volumes: &[VolumeId]) -> Result<(), DriverError> {
        // by now, the name may be that of another cluster
        for (side, cluster) in self.sides.all() {
            if side.target() == Some(target) {
                for id in volumes {
                    drills::remove(cluster, *id).await?;
                }
            } else if cluster.answers().await {
                for id in volumes {
                    if drills::is_there(cluster, *id).await {
                        drills::remove(cluster, *id).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn storage_id(&self, side: &Side) -> Result<Option<String>, DriverError> {
        storage_id(&*self.sides.of(side)?).await.map(Some)
    }
}

/// The identifier of a pool: the cluster's, and the pool's number there.
async fn storage_id(cluster: &Cluster) -> Result<String, DriverError> {
    let (fsid, usage) =
        tokio::try_join!(cluster.ceph(&["fsid"]), cluster.ceph_prints::<Usage>(&["df"]))?;
    let of_pool = usage.pools.iter().find(|pool| pool.name == cluster.pool);
    let pool = of_pool.ok_or_else(|| {
        DriverError::failed(format!("the cluster does not show the pool {}", cluster.pool))
    })?;
    Ok(format!("{}/{}", fsid.trim(), pool.id))
}

impl RbdDriver {
    /// Images are mirrored between the primary and the first target alone.
    fn require_mirrored_between(&self, from: &Side, target: &Side) -> Result<(), DriverError> {
        let first = self.sides.first_target().map(|(name, _)| name);
        let is_mirrored = |side: &Side| side.is_primary() || side.target() == first;
        if is_mirrored(from) && is_mirrored(target) {
            return Ok(());
        }
        Err(DriverError::failed(format!("nothing is mirrored between {from} and {target}")))
    }
}
