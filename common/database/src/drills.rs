//! Drills: the copies of a backend's replicas that are wanted, and those that are there.

use super::columns::column;
use super::pool::Parameters;
use super::{Database, DbError};
use model::{BackendId, ConnectionInfo, ReplicatedVolume, VolumeId, text_enum};
use postgres_types::Json;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;
use time::serde::rfc3339;
use tokio_postgres::Row;
use uuid::Uuid;

/// How many replicas are looked for at once.
const MOST_DUE: i64 = 100;

/// The drill of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Which one it is.
    pub id: Uuid,
    /// The target on which its copies are.
    pub target: String,
    /// Whether they are to be removed.
    pub ends: bool,
}

/// How far a drill is. The times are of the database's clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrillReport {
    /// Which one it is; `None` when there is none.
    pub id: Option<Uuid>,
    /// The target on which its copies are.
    pub target: Option<String>,
    /// When it was asked for.
    #[serde(with = "rfc3339::option")]
    pub asked_at: Option<OffsetDateTime>,
    /// Whether its copies are being removed.
    pub ends: bool,
    /// How many replicas are not copied, nor left out, yet.
    pub due: usize,
    /// From the request until everything was copied or left out, as far as it is, in seconds.
    pub seconds: f64,
    /// How long of that was spent on copying, which a failover does not do.
    pub copying_seconds: f64,
    /// The replicas that were copied or left out, by the ids of their volumes.
    pub replicas: Vec<DrilledReplica>,
}

impl DrillReport {
    /// How many replicas ended so.
    #[must_use]
    pub fn count(&self, outcome: DrillResult) -> usize {
        self.replicas.iter().filter(|one| one.outcome == outcome).count()
    }
}

text_enum! {
    /// What came of a replica in a drill, in a word.
    pub enum DrillResult {
        /// There is a copy of it.
        Copied = "copied",
        /// It was not in sync: a failover would lose something of it, or not serve it.
        NotInSync = "not-in-sync",
        /// It was in sync, but no copy could be made.
        Failed = "failed",
    }
}

/// What came of a replica in a drill.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrilledReplica {
    /// The volume.
    pub id: VolumeId,
    /// What its user calls it.
    pub name: Option<String>,
    /// In GiB.
    pub size_gb: Option<i32>,
    /// The moment whose content the copy has, or else the last look at which the replica was in sync.
    #[serde(with = "rfc3339::option")]
    pub as_of: Option<OffsetDateTime>,
    /// How the copy is reached; `None` when there is none.
    pub connection_info: Option<ConnectionInfo>,
    /// What came of it.
    pub outcome: DrillResult,
    /// Why no copy could be made.
    pub reason: Option<String>,
}

/// What came of the copying of a replica.
#[derive(Clone, Debug)]
pub enum DrillOutcome {
    /// There is a copy.
    Copied {
        /// How it is reached.
        connection: ConnectionInfo,
        /// How long it was copied.
        copying: Duration,
    },
    /// There is none: the replica was not in sync.
    NotInSync,
    /// There is none, for this reason.
    Failed(String),
}

/// The replicas that a drill is of: those of volumes that were there when it was asked for, and have data.
const OF_DRILL: &str = "v.backend_id = $1 and v.deleted_at is null and v.replicated and v.created_at <= b.drill_asked_at \
     and not (v.replication_extended_status is null and v.status in ('creating', 'managing', 'deleting', 'error')) \
     and b.drill_id is not null and not b.drill_ends and b.active_backend_id is null \
     and not exists (select from drill_copies c \
                     where c.backend_id = $1 and c.volume_id = v.id and c.ended_at is not null)";

impl Database {
    /// The drill of a backend, for a worker; `None` when there is none, or another worker of the backend sees to it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn drill_for(
        &self,
        backend: BackendId,
        worker: &str,
    ) -> Result<Option<Drill>, DbError> {
        let sql = "select drill_id, drill_target, drill_ends from backends b where id = $1 and drill_id is not null \
                   and not exists (select from services s where s.backend_id = $1 and seen_recently(s.seen_at) and s.host < $2)";
        let rows = self.typed_rows(sql, &[&backend.0, &worker]).await?;
        rows.first().map(drill).transpose()
    }

    /// Some of the replicas that are to be copied for a backend's drill.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_drill_copies(
        &self,
        backend: BackendId,
    ) -> Result<Vec<ReplicatedVolume>, DbError> {
        let sql = format!(
            "select v.id, v.size_gb, v.metadata from volumes v join backends b on b.id = v.backend_id \
             where {OF_DRILL} order by v.id limit {MOST_DUE}"
        );
        self.typed_rows(&sql, &[&backend.0]).await?.iter().map(replicated).collect()
    }

    /// The volumes that a drill has copies of, or may have.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn drill_copies(&self, backend: BackendId) -> Result<Vec<VolumeId>, DbError> {
        let sql = "select volume_id from drill_copies where backend_id = $1 and (ended_at is null or connection_info is not null)";
        let rows = self.typed_rows(sql, &[&backend.0]).await?;
        rows.iter().map(|row| column(row, 0).map(VolumeId)).collect()
    }

    /// Records that the copy of a replica is begun, or, with an outcome, what came of it; `false` when it is not wanted any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record_drill_copy(
        &self,
        backend: BackendId,
        drill: Uuid,
        volume: VolumeId,
        outcome: Option<&DrillOutcome>,
    ) -> Result<bool, DbError> {
        let (word, copying, connection, reason) = match outcome {
            None => (None, None, None, None),
            Some(DrillOutcome::Copied { connection, copying }) => {
                (Some(DrillResult::Copied), Some(copying.as_millis()), Some(Json(connection)), None)
            }
            Some(DrillOutcome::NotInSync) => (Some(DrillResult::NotInSync), None, None, None),
            Some(DrillOutcome::Failed(reason)) => {
                (Some(DrillResult::Failed), None, None, Some(reason))
            }
        };
        let word = word.map(DrillResult::as_str);
        let copying = copying.map(|copying| i64::try_from(copying).unwrap_or(i64::MAX));
        let sql = "select record_drill_copy($1, $2, $3, $4, $5, $6, $7)";
        let parameters: Parameters =
            &[&backend.0, &drill, &volume.0, &word, &copying, &connection, &reason];
        let rows = self.typed_rows(sql, parameters).await?;
        rows.first().map_or(Ok(false), |row| column(row, 0))
    }

    /// Records that no copy of a drill that was to end is left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record_drill_end(&self, backend: BackendId, drill: Uuid) -> Result<(), DbError> {
        let sql = "select record_drill_end($1, $2)";
        self.typed_rows(sql, &[&backend.0, &drill]).await.map(drop)
    }

    /// How far a backend's drill is. Reads all of its volumes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn drill_report(&self, backend: BackendId) -> Result<DrillReport, DbError> {
        let sql = format!(
            "select jsonb_build_object( \
                 'id', b.drill_id, 'target', b.drill_target, 'asked_at', b.drill_asked_at, 'ends', b.drill_ends, \
                 'due', (select count(*) from volumes v where {OF_DRILL}), \
                 'seconds', coalesce(extract(epoch from max(c.ended_at) - b.drill_asked_at), 0), \
                 'copying_seconds', coalesce(sum(c.copying_ms), 0) / 1000.0, \
                 'replicas', coalesce( \
                     jsonb_agg(jsonb_build_object( \
                         'id', c.volume_id, 'name', v.name, 'size_gb', v.size_gb, \
                         'as_of', case when c.outcome = 'copied' then c.began_at else v.replica_as_of end, \
                         'connection_info', c.connection_info, 'outcome', c.outcome, 'reason', c.reason) order by c.volume_id) \
                         filter (where c.ended_at is not null), \
                     '[]')) \
             from backends b left join drill_copies c on c.backend_id = b.id left join volume_details v on v.id = c.volume_id \
             where b.id = $1 group by b.id"
        );
        let report = self.row(&sql, &[&backend.0]).await?;
        report.ok_or_else(|| DbError::Defect("the backend has no row".into()))
    }
}

fn drill(row: &Row) -> Result<Drill, DbError> {
    Ok(Drill { id: column(row, 0)?, target: column(row, 1)?, ends: column(row, 2)? })
}

fn replicated(row: &Row) -> Result<ReplicatedVolume, DbError> {
    let Json(metadata) = column(row, 2)?;
    Ok(ReplicatedVolume {
        id: VolumeId(column(row, 0)?),
        size_gb: column(row, 1)?,
        metadata,
        verification: None,
    })
}
