//! How far the newest verification of a backend's replicas is.

use super::{Database, DbError};
use model::{BackendId, VolumeId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How far the newest verification of a backend's replicas is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerificationProgress {
    /// Which one it is; `None` when there was none.
    pub id: Option<Uuid>,
    /// Whether it makes equal what differs.
    pub repairs: bool,
    /// How many replicas it is of: those of volumes that were there when it was asked for, and have data.
    pub replicated: usize,
    /// How many of their replicas are verified.
    pub verified: usize,
    /// How many are not, because they are not in sync.
    pub waiting: usize,
    /// How many differed from their volumes.
    pub different: usize,
    /// Those that differed most; at most [`Self::MOST_NAMED`].
    pub most_different: Vec<Different>,
}

/// A replica that differed from its volume.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Different {
    /// The volume.
    pub id: VolumeId,
    /// What its user calls it.
    pub name: Option<String>,
    /// How much differed, in bytes.
    pub differing_bytes: u64,
}

impl VerificationProgress {
    /// How many are named that differed.
    pub const MOST_NAMED: usize = 20;
}

impl Database {
    /// How far the newest verification of a backend's replicas is. Reads all of its volumes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn verification(&self, backend: BackendId) -> Result<VerificationProgress, DbError> {
        let sql = format!(
            "with each as materialized ( \
                 select v.id, v.name, v.replication_extended_status is not distinct from 'in-sync' as is_in_sync, \
                        coalesce(v.replica_verification_id = b.verification_id, false) as is_verified, \
                        case when v.replica_verification_id = b.verification_id then v.replica_differing_bytes else 0 end \
                            as differing_bytes \
                 from volumes v join backends b on b.id = v.backend_id \
                 where v.backend_id = $1 and v.deleted_at is null and v.replicated and v.replication_status = 'enabled' \
                   and v.replication_extended_status is not null and v.created_at <= b.verification_asked_at), \
             named as ( \
                 select id, name, differing_bytes from each where differing_bytes > 0 \
                 order by differing_bytes desc, id limit {}) \
             select jsonb_build_object( \
                 'id', (select verification_id from backends where id = $1), \
                 'repairs', (select verification_repairs from backends where id = $1), \
                 'replicated', count(*), \
                 'verified', count(*) filter (where is_verified), \
                 'waiting', count(*) filter (where not is_verified and not is_in_sync), \
                 'different', count(*) filter (where differing_bytes > 0), \
                 'most_different', (select coalesce(jsonb_agg(to_jsonb(n) order by differing_bytes desc, id), '[]') from named n)) \
             from each",
            VerificationProgress::MOST_NAMED
        );
        let progress = self.row(&sql, &[&backend.0]).await?;
        progress.ok_or_else(|| DbError::Defect("a count has no row".into()))
    }
}
