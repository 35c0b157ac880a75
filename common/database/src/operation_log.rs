//! The operation log: claim, renew, finish, and operations that were not dispatched.

use super::admission_request::{ColumnValues, related, written_at_end};
use super::columns::column;
use super::group_commit::{Batch, GroupCommit};
use super::{Database, DbError};
use model::migration::Stage;
use model::{BackendId, FailoverOutcome, Migration, OperationId, OperationState, RequestId, Side};
use operation::contract::{Columns, Role};
use operation::{Operation, OperationKind};
use postgres_types::{Json, ToSql};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio_postgres::Row;
use uuid::Uuid;

/// An operation that this process owns until the lease runs out.
#[derive(Clone, Debug)]
pub struct ClaimedOperation {
    /// Its id.
    pub id: OperationId,
    /// What is to be done.
    pub operation: Operation,
    /// The request that asked for it.
    pub request_id: RequestId,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// The number of the claim; a larger one elsewhere means that this one has lost the operation.
    pub fence: i64,
    /// How many times it was claimed, this one included.
    pub attempts: i32,
    /// The subject's row.
    pub subject: Value,
    /// The rows of the other resources that it changes.
    pub others: Vec<RelatedRow>,
    /// Where its subject goes, and how far it has come, if it changes its backend.
    pub migration: Option<Migration>,
}

/// A resource beside the subject.
#[derive(Clone, Debug, Deserialize)]
pub struct RelatedRow {
    /// The part that it plays.
    pub role: Role,
    /// Its row.
    pub row: Value,
}

/// How an operation ended.
#[derive(Clone, Debug, Default)]
pub struct OperationOutcome {
    /// The model update: columns of the subject that the driver returned.
    pub model_update: Columns,
    /// The result, for a caller that waits for the operation.
    pub result: Option<Value>,
    /// The outcome of a failover.
    pub failover: Option<FailoverOutcome>,
    /// Why it failed, for the operation's record; `None` when it succeeded.
    pub error: Option<String>,
}

/// The claims of a worker. Cheap to clone.
#[derive(Clone)]
pub struct Claims(GroupCommit<ClaimStatement>);

/// The statement that claims operations of one backend.
struct ClaimStatement {
    database: Database,
    backend: BackendId,
    owner: String,
    lease: Duration,
}

impl Claims {
    /// The claims of the worker `owner` of a backend, each exclusive for a `lease`.
    #[must_use]
    pub fn new(database: Database, backend: BackendId, owner: String, lease: Duration) -> Self {
        Self(GroupCommit::new(ClaimStatement { database, backend, owner, lease }))
    }

    /// Claims an admitted operation of the backend. `None` if another worker holds the lease, it has ended, or the
    /// backend has failed over since it was admitted, or since `known_epoch`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim(
        &self,
        operation: OperationId,
        known_epoch: i64,
    ) -> Result<Option<ClaimedOperation>, DbError> {
        self.0.call(known_epoch, operation).await?.transpose()
    }
}

impl Batch for ClaimStatement {
    /// The epoch that the worker knows.
    type Key = i64;
    type Call = OperationId;
    /// One that cannot be read concerns no other.
    type Answer = Option<Result<ClaimedOperation, DbError>>;

    async fn answer(
        &self,
        known_epoch: i64,
        calls: Vec<OperationId>,
    ) -> Result<Vec<Self::Answer>, DbError> {
        let ids: Vec<_> = calls.iter().map(|operation| operation.0).collect();
        let rows = self
            .database
            .typed_rows(
                "select * from claim($1, $2, $3, $4, make_interval(secs => $5))",
                &[&ids, &self.backend.0, &known_epoch, &self.owner, &self.lease.as_secs_f64()],
            )
            .await?;
        let mut claimed = HashMap::new();
        for row in &rows {
            claimed.insert(OperationId(column(row, "id")?), ClaimedOperation::read(row));
        }
        Ok(calls.iter().map(|operation| claimed.remove(operation)).collect())
    }
}

impl ClaimedOperation {
    fn read(row: &Row) -> Result<Self, DbError> {
        let mut operation = json!({ "kind": column::<&str>(row, "kind")? });
        operation["arguments"] = column(row, "arguments")?;
        let migration: Option<Json<Migration>> = column(row, "migration")?;
        let others: Json<Vec<RelatedRow>> = column(row, "others")?;
        Ok(Self {
            id: OperationId(column(row, "id")?),
            operation: serde_json::from_value(operation)?,
            request_id: RequestId(column(row, "request_id")?),
            traceparent: column(row, "traceparent")?,
            fence: column(row, "fence")?,
            attempts: column(row, "attempts")?,
            subject: column(row, "subject")?,
            others: others.0,
            migration: migration.map(|migration| migration.0),
        })
    }
}

/// The side on which a backend serves.
#[derive(Clone, Debug, Deserialize)]
pub struct ServingBackend {
    /// Which backend.
    pub backend_id: BackendId,
    /// The side.
    pub active: Side,
    /// The epoch in which it does.
    pub epoch: i64,
}

/// An operation that a backup service owns until the lease runs out.
#[derive(Clone, Debug)]
pub struct ClaimedForBackup {
    /// The operation.
    pub claimed: ClaimedOperation,
    /// Where the backend of its volume serves, if it is about a volume.
    pub serving: Option<ServingBackend>,
}

/// Claims an operation for a backup service of a zone that has access to the volumes of these backends. `None` if another one has it, it has ended, its
/// backend is failing over or has failed over since it was admitted, or is none of these.
///
/// # Errors
/// When the database does not answer.
pub async fn claim_for_backup(
    database: &Database,
    operation: OperationId,
    reached: &[BackendId],
    zone: &str,
    owner: &str,
    lease: Duration,
) -> Result<Option<ClaimedForBackup>, DbError> {
    let reached: Vec<_> = reached.iter().map(|backend| backend.0).collect();
    let sql = "select * from claim_for_backup($1, $2, $3, $4, make_interval(secs => $5))";
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&vec![operation.0], &reached, &zone, &owner, &lease.as_secs_f64()];
    let rows = database.typed_rows(sql, &parameters).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let serving: Option<Json<ServingBackend>> = column(row, "serving")?;
    let claimed = ClaimedOperation::read(row)?;
    Ok(Some(ClaimedForBackup { claimed, serving: serving.map(|serving| serving.0) }))
}

/// Operations for such a backup service that were admitted at least `unclaimed_for` ago and not claimed, or whose owner's lease has run
/// out: a part of them.
///
/// # Errors
/// When the database does not answer.
pub async fn due_for_backup(
    database: &Database,
    reached: &[BackendId],
    zone: &str,
    unclaimed_for: Duration,
) -> Result<Vec<OperationId>, DbError> {
    let reached: Vec<_> = reached.iter().map(|backend| backend.0).collect();
    let sql = format!(
        "select due_for_backup($1, $2, make_interval(secs => $3), {})",
        super::backend_looks::MOST_DUE
    );
    let rows = database.typed_rows(&sql, &[&reached, &zone, &unclaimed_for.as_secs_f64()]).await?;
    rows.iter().map(|row| Ok(OperationId(column(row, 0)?))).collect()
}

/// Keeps a claimed operation for another `lease`. `false` when it was lost.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(
    database: &Database,
    operation: OperationId,
    fence: i64,
    lease: Duration,
) -> Result<bool, DbError> {
    let renewed: Option<bool> = database
        .row(
            "select to_jsonb(renew_lease($1, $2, make_interval(secs => $3)))",
            &[&operation.0, &fence, &lease.as_secs_f64()],
        )
        .await?;
    Ok(renewed.unwrap_or(false))
}

/// The composite type `operation_end`.
#[derive(Clone, Debug, ToSql)]
#[postgres(name = "operation_end")]
struct OperationEnd {
    id: Uuid,
    fence: i64,
    subject: Uuid,
    volume: Option<Uuid>,
    snapshots: Vec<Uuid>,
    backup: Option<Uuid>,
    succeeded: bool,
    columns: ColumnValues,
    result: Option<Value>,
    error: Option<String>,
    failover: Option<Json<FailoverOutcome>>,
    tells_user: bool,
}

impl OperationEnd {
    fn new(claimed: &ClaimedOperation, outcome: &OperationOutcome) -> Result<Self, DbError> {
        let operation = &claimed.operation;
        let definition = operation.definition();
        let succeeded = outcome.error.is_none();
        let mut columns = outcome.model_update.clone();
        columns.add(if succeeded {
            definition.columns_when_done()
        } else {
            definition.columns_when_failed()
        });
        Ok(Self {
            id: claimed.id.0,
            fence: claimed.fence,
            subject: definition.subject(),
            volume: related(operation, Role::Volume).pop(),
            snapshots: related(operation, Role::Snapshot),
            backup: related(operation, Role::Backup).pop(),
            succeeded,
            columns: Json(written_at_end(operation, columns)?),
            result: outcome.result.clone(),
            error: outcome.error.clone(),
            failover: outcome.failover.clone().map(Json),
            tells_user: true,
        })
    }
}

/// The ends of the operations that a worker has claimed. Cheap to clone.
#[derive(Clone)]
pub struct Ends {
    database: Database,
    together: GroupCommit<EndStatement>,
}

/// The statement that ends operations of one kind.
struct EndStatement(Database);

impl Ends {
    /// The ends of the operations of one worker.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { together: GroupCommit::new(EndStatement(database.clone())), database }
    }

    /// Ends a claimed operation: its record, the resources that it touches and its quota change together.
    /// `false` when the operation was lost to another owner: then nothing changed.
    ///
    /// # Errors
    /// When the database does not answer: then whether it ended is unknown, and asking again is safe.
    pub async fn finish(
        &self,
        claimed: &ClaimedOperation,
        outcome: &OperationOutcome,
    ) -> Result<bool, DbError> {
        let (kind, end) = (claimed.operation.kind(), OperationEnd::new(claimed, outcome)?);
        if outcome.failover.is_none() {
            return self.together.call(kind, end).await;
        }
        let sql = format!("select * from finish_{kind}($1)");
        let ended = self.database.typed_rows_without_time_limit(&sql, &[&vec![end]]).await?;
        Ok(!ended.is_empty())
    }
}

impl Batch for EndStatement {
    type Key = OperationKind;
    type Call = OperationEnd;
    type Answer = bool;

    async fn answer(
        &self,
        kind: OperationKind,
        calls: Vec<OperationEnd>,
    ) -> Result<Vec<bool>, DbError> {
        let sql = format!("select * from finish_{kind}($1)");
        let rows = self.0.typed_rows(&sql, &[&calls]).await?;
        let ended: HashSet<Uuid> =
            rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
        Ok(calls.iter().map(|call| ended.contains(&call.id)).collect())
    }
}

/// Gives a claimed operation to the backend that does what is next of its migration. Returns that
/// backend's name; `None` when the operation was lost to another owner: then nothing changed.
///
/// # Errors
/// When the database does not answer: then whether it was given is unknown, and asking again is safe.
pub async fn hand_over(
    database: &Database,
    claimed: &ClaimedOperation,
    next: &Migration,
) -> Result<Option<String>, DbError> {
    let arrives = match next.stage {
        Stage::Remove => true,
        Stage::Open | Stage::Copy { .. } | Stage::Close { .. } => false,
    };
    database
        .row(
            "select to_jsonb(hand_over($1, $2, $3, $4, $5))",
            &[&claimed.id.0, &claimed.fence, &Json(next), &next.backend_id().0, &arrives],
        )
        .await
}

/// Ends the leases of owners whose name starts with `owner_prefix`, of one backend's operations or of those of backup services; only for a process that knows that
/// they are dead. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn expire_leases(
    database: &Database,
    backend: Option<BackendId>,
    owner_prefix: &str,
) -> Result<u64, DbError> {
    let expired: Option<u64> = database
        .row("select to_jsonb(expire_leases($1, $2))", &[&backend.map(|id| id.0), &owner_prefix])
        .await?;
    Ok(expired.unwrap_or(0))
}

/// The result of an ended operation.
#[derive(Clone, Debug, Deserialize)]
pub struct OperationResult {
    /// Why it failed; `None` when it succeeded.
    pub error: Option<String>,
    /// What it resulted in.
    pub result: Option<Value>,
}

/// How an operation has ended; `None` while it has not.
///
/// # Errors
/// When the database does not answer.
pub async fn ended(
    database: &Database,
    operation: OperationId,
) -> Result<Option<OperationResult>, DbError> {
    database
        .row(
            "select jsonb_build_object('result', result, 'error', \
                 case state when 'done' then null else coalesce(error, state) end) \
             from operations where id = $1 and state not in ('admitted', 'running')",
            &[&operation.0],
        )
        .await
}

/// How many admitted operations of the backend have not ended.
///
/// # Errors
/// When the database does not answer.
pub async fn in_flight(database: &Database, backend: BackendId) -> Result<u64, DbError> {
    let count: Option<u64> =
        database.row("select to_jsonb(operations_in_flight($1))", &[&backend.0]).await?;
    Ok(count.unwrap_or(0))
}

/// An operation, for operators.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OperationRecord {
    /// Its id.
    pub id: OperationId,
    /// What it is.
    pub kind: String,
    /// Its state.
    pub state: OperationState,
    /// The backend that has to do it.
    pub backend: Option<String>,
    /// What it is about.
    pub subject_id: Uuid,
    /// The worker that has it.
    pub owner: Option<String>,
    /// How often it was claimed.
    pub attempts: i32,
    /// The request that asked for it.
    pub request_id: String,
    /// When it was admitted.
    pub created_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it resulted in.
    pub result: Option<Value>,
}

/// Operations, the newest first: this one, or those that have not ended, or the last so many.
///
/// # Errors
/// When the database does not answer.
pub async fn logged(
    database: &Database,
    id: Option<OperationId>,
    live_only: bool,
    most: i64,
) -> Result<Vec<OperationRecord>, DbError> {
    const FROM: &str = "select to_jsonb(o) || jsonb_build_object('backend', b.name) \
                        from operations o left join backends b on b.id = o.backend_id";
    if let Some(id) = id {
        return database.rows(&format!("{FROM} where o.id = $1"), &[&id.0]).await;
    }
    // the conditions are written as the indexes have them
    let live = if live_only { "where o.state in ('admitted', 'running')" } else { "" };
    let sql = format!("{FROM} {live} order by o.created_at desc limit $1");
    database.rows(&sql, &[&most]).await
}

/// Expires the lease of a running operation: the next worker can claim it, with as many attempts as
/// a new one. `false` when nobody works on it.
///
/// # Errors
/// When the database does not answer.
pub async fn retry(database: &Database, id: OperationId) -> Result<bool, DbError> {
    let taken: Option<bool> = database.row("select to_jsonb(retry($1))", &[&id.0]).await?;
    Ok(taken.unwrap_or(false))
}

/// Aborts an operation, even while a worker executes it. `false` if it has already ended.
///
/// # Errors
/// When the database does not answer.
pub async fn abort(database: &Database, id: OperationId, reason: &str) -> Result<bool, DbError> {
    let ended: Option<i64> = database
        .row("select to_jsonb(end_operations(array[$1::uuid], $2))", &[&id.0, &reason])
        .await?;
    Ok(ended.unwrap_or(0) > 0)
}
