//! Replicate: a backend's volumes are replicated as their types ask, as long as the primary is the active side.

use crate::identity::Identity;
use crate::position::FollowedEpoch;
use database::Database;
use database::volumes::{self, ReplicaLook};
use driver::{Driver, LatestProgress, Replicas};
use model::{ReplicationProgress, VolumeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use steps::step::StepError;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The least pause after a look, for each volume that was looked at: with very many, looks would take all of the time.
const PAUSE_PER_VOLUME: Duration = Duration::from_micros(150);

/// Keeps a backend's volumes replicated.
pub(crate) struct Replicate {
    pub database: Database,
    pub identity: Arc<Identity>,
    pub driver: Arc<dyn Driver>,
    pub position: Arc<FollowedEpoch>,
    pub progress: Arc<LatestProgress>,
    /// The pause between two looks, unless there are very many volumes.
    pub interval: Duration,
}

impl Replicate {
    /// Looks regularly until the process stops; returns at once for a backend without targets.
    pub async fn replicate_regularly(&self, stopping: &CancellationToken) {
        if !self.identity.has_targets {
            return;
        }
        let mut pause = self.interval;
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let looked = tokio::select! {
                () = stopping.cancelled() => return,
                looked = self.replicate() => looked,
            };
            pause = match looked {
                Ok(volumes) => self.interval.max(PAUSE_PER_VOLUME.saturating_mul(volumes)),
                Err(error) => {
                    let backend = &self.identity.backend_name;
                    tracing::warn!(backend.name = backend, %error, "replication failed");
                    self.interval
                }
            };
        }
    }

    /// Looks at all replicas once; returns of how many volumes.
    async fn replicate(&self) -> Result<u32, StepError> {
        let Some(replication) = self.driver.replication() else { return Ok(0) };
        if !self.position.may_serve().await? {
            return Ok(0);
        }
        let backend = self.identity.backend_id;
        let Some(asked) = volumes::to_replicate(&self.database, backend).await? else {
            return Ok(0);
        };
        let replicas = replication.replicate(&asked.volumes).await?;
        let (in_sync, out_of_sync) = (ids(&replicas, true), ids(&replicas, false));
        let looked_at = Some(asked.asked_at);
        let progress =
            ReplicationProgress { looked_at, ..progress(asked.volumes.len(), &replicas) };
        let look = ReplicaLook {
            began_at: asked.asked_at,
            target: replicas.target.as_deref(),
            in_sync: &in_sync,
            out_of_sync: &out_of_sync,
        };
        volumes::record_replicas(&self.database, backend, &look).await?;
        let ages = ages(&replicas, asked.asked_at);
        volumes::record_replica_ages(&self.database, backend, look.target, &ages).await?;
        self.record_verified(&replicas).await?;
        self.progress.set(progress);
        Ok(u32::try_from(asked.volumes.len()).unwrap_or(u32::MAX))
    }

    async fn record_verified(&self, replicas: &Replicas) -> Result<(), StepError> {
        let mut found: HashMap<Uuid, Vec<(VolumeId, u64)>> = HashMap::new();
        for replica in &replicas.each {
            if let Some(verified) = replica.verified {
                found.entry(verified.id).or_default().push((replica.id, verified.differing_bytes));
            }
        }
        for (verification, found) in found {
            let backend = self.identity.backend_id;
            volumes::record_verified(&self.database, backend, verification, &found).await?;
        }
        Ok(())
    }
}

/// The volumes whose replicas are in sync, or out of sync.
fn ids(replicas: &Replicas, in_sync: bool) -> Vec<VolumeId> {
    let those = replicas.each.iter().filter(|one| (one.out_of_sync_bytes == 0) == in_sync);
    those.map(|one| one.id).collect()
}

/// The moments as of which replicas have everything that are not in sync, where that is known. They are as long before the look as
/// the driver's clock says.
fn ages(replicas: &Replicas, looked_at: OffsetDateTime) -> Vec<(VolumeId, OffsetDateTime)> {
    let out_of_sync = replicas.each.iter().filter(|one| one.out_of_sync_bytes > 0);
    out_of_sync.filter_map(|one| Some((one.id, looked_at - one.age?))).collect()
}

/// How far the replicas are, for so many volumes that are to be replicated.
fn progress(total: usize, replicas: &Replicas) -> ReplicationProgress {
    let mut out_of_sync = ids(replicas, false);
    let out_of_sync_count = out_of_sync.len();
    out_of_sync.truncate(ReplicationProgress::MOST_NAMED);
    ReplicationProgress {
        total,
        in_sync: replicas.each.len() - out_of_sync_count,
        out_of_sync_bytes: replicas.each.iter().map(|one| one.out_of_sync_bytes).sum(),
        out_of_sync,
        out_of_sync_count,
        looked_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver::Replica;
    use uuid::Uuid;

    #[test]
    fn a_replica_that_was_not_looked_at_counts_in_the_total_alone() {
        let id = |number| VolumeId(Uuid::from_u128(number));
        let each = vec![
            Replica { id: id(1), out_of_sync_bytes: 0, age: None, verified: None },
            Replica { id: id(2), out_of_sync_bytes: 7, age: None, verified: None },
            Replica { id: id(3), out_of_sync_bytes: 5, age: None, verified: None },
        ];
        let progress = progress(4, &Replicas { target: None, each });
        let expected = ReplicationProgress {
            total: 4,
            in_sync: 1,
            out_of_sync_bytes: 12,
            out_of_sync: vec![id(2), id(3)],
            out_of_sync_count: 2,
            looked_at: None,
        };
        assert_eq!(progress, expected);
    }
}
