//! How well a backend's volumes are protected: what a failover would find.

use super::{Database, DbError};
use model::{BackendId, ReplicaState, VolumeId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

/// How well a backend's volumes are protected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Protection {
    /// When that was asked, by the database's clock.
    #[serde(with = "rfc3339")]
    pub asked_at: OffsetDateTime,
    /// The last look at the replicas; `None` before the first one.
    #[serde(with = "rfc3339::option")]
    pub looked_at: Option<OffsetDateTime>,
    /// How many volumes are replicated.
    pub replicated: usize,
    /// How many are not.
    pub not_replicated: usize,
    /// How many replicas were in sync at the last look, which was a short time ago.
    pub in_sync: usize,
    /// How many replicated volumes nothing keeps a replica of.
    pub unprotected: usize,
    /// How many replicated volumes have no data yet, or could not be made: there is nothing to lose.
    pub without_data: usize,
    /// The replicas that are not known to be in sync now, the oldest first; at most [`Self::MOST_NAMED`].
    pub not_in_sync: Vec<NotInSync>,
}

/// How long ago the last look may have been for what it has found to count: with very many volumes, one takes half of that.
const LOOK_RETENTION: &str = "1 minute";

/// A replica that is not known to be in sync now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotInSync {
    /// The volume.
    pub id: VolumeId,
    /// What its user calls it.
    pub name: Option<String>,
    /// Where the replica stood at the last look at it.
    pub state: ReplicaState,
    /// The last look at which it had every acknowledged write; `None` when there was none.
    #[serde(with = "rfc3339::option")]
    pub as_of: Option<OffsetDateTime>,
}

impl Protection {
    /// How many replicas are named that are not in sync.
    pub const MOST_NAMED: usize = 20;

    /// How many replicas are not known to be in sync now.
    #[must_use]
    pub const fn not_in_sync_count(&self) -> usize {
        self.replicated.saturating_sub(self.in_sync + self.without_data)
    }
}

impl Database {
    /// How well a backend's volumes are protected. Reads all of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn protection(&self, backend: BackendId) -> Result<Protection, DbError> {
        let sql = format!(
            "with each as materialized ( \
                 select v.id, v.name, v.replicated, v.replica_as_of as as_of, \
                        coalesce(v.replication_extended_status, 'unprotected') as state, \
                        v.replication_extended_status is not distinct from 'in-sync' and v.replica_in_sync_at is null \
                            and b.replicas_looked_at > clock_timestamp() - interval '{LOOK_RETENTION}' as is_in_sync, \
                        v.replication_extended_status is null and v.replica_as_of is null \
                            and v.replication_status <> 'failover-error' \
                            and v.status in ('creating', 'managing', 'deleting', 'error') as is_without_data \
                 from volume_details v join backends b on b.id = v.backend_id \
                 where v.backend_id = $1 and v.deleted_at is null), \
             named as ( \
                 select id, name, state, as_of from each where replicated and not is_in_sync and not is_without_data \
                 order by as_of nulls first, id limit {}) \
             select jsonb_build_object('asked_at', clock_timestamp(), \
                 'looked_at', (select replicas_looked_at from backends where id = $1), \
                 'replicated', count(*) filter (where replicated), \
                 'not_replicated', count(*) filter (where not replicated), \
                 'in_sync', count(*) filter (where replicated and is_in_sync), \
                 'without_data', count(*) filter (where replicated and is_without_data), \
                 'unprotected', count(*) filter (where replicated and state = 'unprotected' and not is_without_data), \
                 'not_in_sync', (select coalesce(jsonb_agg(to_jsonb(n) order by as_of nulls first, id), '[]') from named n)) \
             from each",
            Protection::MOST_NAMED
        );
        let protection = self.row(&sql, &[&backend.0]).await?;
        protection.ok_or_else(|| DbError::Defect("a count has no row".into()))
    }
}
