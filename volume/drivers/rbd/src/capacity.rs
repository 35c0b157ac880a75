//! How much room there is in the pool, and how large everything is that is there.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::shapes::{ImageInfo, PoolQuota, PoolStats, Usage};
use crate::{images, names};
use driver::DriverError;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many images, whose size is not known, are asked for it one by one; with more, all are listed.
const FEW: usize = 16;
/// How long the sizes of images are believed, which another worker may have grown.
const BELIEVED: Duration = Duration::from_secs(600);

/// The room of a pool, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub total: u64,
    pub free: u64,
}

/// How much room the pool has.
pub(crate) async fn room(cluster: &Cluster) -> Result<Room, DriverError> {
    let get_quota = ["osd", "pool", "get-quota", cluster.pool.as_str()];
    let (usage, quota) = tokio::join!(
        cluster.ceph_prints::<Usage>(&["df"]),
        cluster.ceph_prints::<PoolQuota>(&get_quota),
    );
    let (usage, quota) = match quota {
        // it says so of a pool that was made a moment ago
        Err(error) if error.is(errno::NOENT) => (usage?, PoolQuota { quota_max_bytes: 0 }),
        quota => (usage?, quota?),
    };
    let of_pool = usage.pools.iter().find(|pool| pool.name == cluster.pool);
    let stats = of_pool.map(|pool| pool.stats);
    let stats = stats.ok_or_else(|| {
        DriverError::failed(format!("the cluster does not show the pool {}", cluster.pool))
    })?;
    Ok(within(stats, quota))
}

fn within(stats: PoolStats, quota: PoolQuota) -> Room {
    let free = match quota.quota_max_bytes {
        0 => stats.max_avail,
        most => most.saturating_sub(stats.stored).min(stats.max_avail),
    };
    Room { total: free + stats.stored, free }
}

/// The sizes of images, as they were last seen: to ask for all of them takes the cluster some milliseconds for each.
#[derive(Default)]
pub(crate) struct KnownSizes {
    of_images: HashMap<String, u64>,
    listed: Option<Instant>,
}

/// The volumes of a pool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Provisioned {
    pub volumes: u64,
    pub bytes: u64,
}

impl KnownSizes {
    /// How many volumes the pool has, and how large they are together.
    pub async fn provisioned(&mut self, cluster: &Cluster) -> Result<Provisioned, CommandError> {
        let there: Vec<String> = cluster.rbd_prints(&["ls"]).await?;
        let unknown: Vec<_> =
            there.iter().filter(|name| !self.of_images.contains_key(*name)).collect();
        let are_old = self.listed.is_none_or(|listed| listed.elapsed() > BELIEVED);
        if are_old || unknown.len() > FEW {
            let listed = images::list(cluster).await?.into_iter();
            let alone = listed.filter(|one| one.snapshot.is_none());
            self.of_images = alone.map(|one| (one.image, one.size)).collect();
            self.listed = Some(Instant::now());
        } else {
            for name in unknown {
                if let Some(ImageInfo { size, .. }) = images::info(cluster, name).await? {
                    self.of_images.insert(name.clone(), size);
                }
            }
            self.of_images.retain(|name, _| there.contains(name));
        }
        let volumes = self.of_images.iter().filter(|(name, _)| names::volume_of(name).is_some());
        Ok(volumes.fold(Provisioned::default(), |sum, (_, size)| Provisioned {
            volumes: sum.volumes + 1,
            bytes: sum.bytes + size,
        }))
    }

    /// This worker has made an image so large.
    pub fn remember(&mut self, image: String, size: u64) {
        self.of_images.insert(image, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_no_more_room_than_its_quota_leaves() {
        let stats = PoolStats { stored: 30, max_avail: 100 };
        let room = |quota_max_bytes| within(stats, PoolQuota { quota_max_bytes });
        assert_eq!(room(0), Room { total: 130, free: 100 });
        assert_eq!(room(50), Room { total: 50, free: 20 });
        assert_eq!(room(1000), Room { total: 130, free: 100 });
        assert_eq!(room(20), Room { total: 30, free: 0 });
    }
}
