//! How well a backend's volumes are protected: what a failover would find.

use super::{Database, DbError};
use model::{BackendId, ReplicaState, VolumeId};
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// How well a backend's volumes are protected.
#[derive(Clone, Debug, Deserialize)]
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
    /// How many replicas had every acknowledged write at the last look.
    pub in_sync: usize,
    /// How many replicated volumes nothing keeps a replica of.
    pub unprotected: usize,
    /// The replicas that are not in sync, the oldest first; at most [`Self::MOST_NAMED`].
    pub not_in_sync: Vec<NotInSync>,
}

/// A replica that is not in sync.
#[derive(Clone, Debug, Deserialize)]
pub struct NotInSync {
    /// The volume.
    pub id: VolumeId,
    /// What its user calls it.
    pub name: Option<String>,
    /// Where the replica stands.
    pub state: ReplicaState,
    /// The last look at which it had every acknowledged write; `None` when there was none.
    #[serde(with = "rfc3339::option")]
    pub as_of: Option<OffsetDateTime>,
}

impl Protection {
    /// How many replicas are named that are not in sync.
    pub const MOST_NAMED: usize = 20;

    /// How many replicas are not in sync.
    #[must_use]
    pub const fn not_in_sync_count(&self) -> usize {
        self.replicated.saturating_sub(self.in_sync)
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
                        coalesce(v.replication_extended_status, 'unprotected') as state \
                 from volume_details v where v.backend_id = $1 and v.deleted_at is null), \
             named as ( \
                 select id, name, state, as_of from each where replicated and state <> 'in-sync' \
                 order by as_of nulls first, id limit {}) \
             select jsonb_build_object('asked_at', clock_timestamp(), \
                 'looked_at', (select replicas_looked_at from backends where id = $1), \
                 'replicated', count(*) filter (where replicated), \
                 'not_replicated', count(*) filter (where not replicated), \
                 'in_sync', count(*) filter (where replicated and state = 'in-sync'), \
                 'unprotected', count(*) filter (where replicated and state = 'unprotected'), \
                 'not_in_sync', (select coalesce(jsonb_agg(to_jsonb(n) order by as_of nulls first, id), '[]') from named n)) \
             from each",
            Protection::MOST_NAMED
        );
        let protection = self.row(&sql, &[&backend.0]).await?;
        protection.ok_or_else(|| DbError::Defect("a count has no row".into()))
    }
}
