//! What every worker looks at again and again: where its backend serves from, and what is due on it. The looks of one process that
//! come at the same moment share a statement: what it costs to have many backends does not grow with them.

use super::backends::ActiveSide;
use super::columns::column;
use super::group_commit::{Batch, GroupCommit};
use super::{Database, DbError};
use model::{BackendId, OperationId};
use postgres_types::Json;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// The looks of a process at its backends. Cheap to clone.
#[derive(Clone)]
pub struct BackendLooks {
    serving: GroupCommit<ServingStatement>,
    due: GroupCommit<DueStatement>,
}

/// The most operations of a backend that [`BackendLooks::due`] returns.
pub const MOST_DUE: usize = 200;

impl BackendLooks {
    /// Looks into a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            serving: GroupCommit::new(ServingStatement(database.clone())),
            due: GroupCommit::new(DueStatement(database)),
        }
    }

    /// The current active side of a backend.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn serving(&self, backend: BackendId) -> Result<ActiveSide, DbError> {
        let serving = self.serving.call((), backend).await?;
        serving.ok_or_else(|| DbError::Defect("the backend is gone".into()))
    }

    /// Operations of the backend that were admitted at least `unclaimed_for` ago and not claimed, or whose
    /// owner's lease has run out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due(
        &self,
        backend: BackendId,
        unclaimed_for: Duration,
    ) -> Result<Vec<OperationId>, DbError> {
        self.due.call(unclaimed_for, backend).await
    }
}

fn ids(backends: &[BackendId]) -> Vec<Uuid> {
    backends.iter().map(|backend| backend.0).collect()
}

struct ServingStatement(Database);

impl Batch for ServingStatement {
    type Key = ();
    type Call = BackendId;
    type Answer = Option<ActiveSide>;

    async fn answer(&self, (): (), calls: Vec<BackendId>) -> Result<Vec<Self::Answer>, DbError> {
        let sql = "select id, jsonb_build_object('active_backend_id', active_backend_id, 'epoch', epoch, \
                       'replication_status', replication_status, 'promoted', promoted, 'storage_id', storage_id) \
                   from backends where id = any ($1)";
        let mut by_id = HashMap::new();
        for row in &self.0.typed_rows(sql, &[&ids(&calls)]).await? {
            let Json(side) = column::<Json<ActiveSide>>(row, 1)?;
            by_id.insert(BackendId(column(row, 0)?), side);
        }
        Ok(calls.iter().map(|backend| by_id.get(backend).cloned()).collect())
    }
}

struct DueStatement(Database);

impl Batch for DueStatement {
    /// For how long nobody has claimed the operation.
    type Key = Duration;
    type Call = BackendId;
    type Answer = Vec<OperationId>;

    async fn answer(
        &self,
        unclaimed_for: Duration,
        calls: Vec<BackendId>,
    ) -> Result<Vec<Self::Answer>, DbError> {
        let sql = format!(
            "select b.id, array(select due_operations(b.id, make_interval(secs => $2), {MOST_DUE})) \
             from unnest($1::uuid[]) b (id)"
        );
        let rows = self.0.typed_rows(&sql, &[&ids(&calls), &unclaimed_for.as_secs_f64()]).await?;
        let mut by_id = HashMap::new();
        for row in &rows {
            let due: Vec<Uuid> = column(row, 1)?;
            let due: Vec<_> = due.into_iter().map(OperationId).collect();
            by_id.insert(BackendId(column(row, 0)?), due);
        }
        Ok(calls.iter().map(|backend| by_id.get(backend).cloned().unwrap_or_default()).collect())
    }
}
