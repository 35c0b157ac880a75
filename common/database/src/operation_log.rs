//! The operation log: claim, renew, finish, and operations that were not dispatched.
use super::transition::{self, Step};
use super::{Database, DbError};
use model::migration::Stage;
use model::{BackendId, FailoverOutcome, Migration, OperationId, OperationState, RequestId};
use operation::Operation;
use operation::contract::{Columns, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use tokio_postgres::types::Json;
use uuid::Uuid;

/// An operation that this process owns until the lease runs out.
#[derive(Clone, Debug, Deserialize)]
pub struct ClaimedOperation {
    /// Its id.
    pub id: OperationId,
    /// What is to be done.
    #[serde(flatten)]
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

/// Claims an admitted operation of the backend. `None` if another worker holds the lease, it has ended, or the
/// backend has failed over since it was admitted, or since `known_epoch`.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(
    database: &Database,
    operation: OperationId,
    backend: BackendId,
    known_epoch: i64,
    owner: &str,
    lease: Duration,
) -> Result<Option<ClaimedOperation>, DbError> {
    database
        .row(
            "select claim($1, $2, $3, $4, make_interval(secs => $5))",
            &[&operation.0, &backend.0, &known_epoch, &owner, &lease.as_secs_f64()],
        )
        .await
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

/// What the SQL function `finish` reads.
#[derive(Debug, Serialize)]
struct FinishArguments<'a> {
    operation_id: OperationId,
    fence: i64,
    succeeded: bool,
    takes_quota: bool,
    result: Option<&'a Value>,
    error: Option<&'a str>,
    steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failover: Option<&'a FailoverOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

/// A message to the user about an operation that was answered before it failed. The operator finds the
/// cause in the log, by the request's id.
#[derive(Debug, Serialize)]
struct Message {
    resource_type: &'static str,
    action: String,
    detail: &'static str,
}

impl Message {
    fn of_failure(operation: &Operation) -> Option<Self> {
        Some(Self {
            resource_type: operation.contract().subject.resource.message_type()?,
            action: operation.kind().spoken(),
            detail: "The storage backend could not do it.",
        })
    }
}

/// Ends a claimed operation: its record, the resources that it touches and its quota change together.
/// `false` when the operation was lost to another owner: then nothing changed.
///
/// # Errors
/// When the database does not answer: then whether it ended is unknown, and asking again is safe.
pub async fn finish(
    database: &Database,
    claimed: &ClaimedOperation,
    outcome: &OperationOutcome,
) -> Result<bool, DbError> {
    let (operation, succeeded) = (&claimed.operation, outcome.error.is_none());
    let request = FinishArguments {
        operation_id: claimed.id,
        fence: claimed.fence,
        succeeded,
        takes_quota: transition::takes_quota(operation, succeeded),
        result: outcome.result.as_ref(),
        error: outcome.error.as_deref(),
        steps: transition::on_finish(operation, succeeded, &outcome.model_update),
        failover: outcome.failover.as_ref(),
        message: if succeeded { None } else { Message::of_failure(operation) },
    };
    let sql = "select to_jsonb(finish($1::jsonb))";
    let finished: Option<bool> = if request.failover.is_some() {
        database.row_without_time_limit(sql, &[&Json(request)]).await?
    } else {
        database.row(sql, &[&Json(request)]).await?
    };
    Ok(finished.unwrap_or(false))
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
    let arrival = match next.stage {
        Stage::Remove => Some(transition::on_arrival(&claimed.operation, &next.to)),
        Stage::Open | Stage::Copy { .. } | Stage::Close { .. } => None,
    };
    database
        .row(
            "select to_jsonb(hand_over($1, $2, $3, $4, $5))",
            &[&claimed.id.0, &claimed.fence, &Json(next), &next.backend_id().0, &arrival.map(Json)],
        )
        .await
}

/// Operations of the backend that were admitted at least `unclaimed_for` ago and not claimed, or whose
/// owner's lease has run out.
///
/// # Errors
/// When the database does not answer.
pub async fn due(
    database: &Database,
    backend: BackendId,
    unclaimed_for: Duration,
) -> Result<Vec<OperationId>, DbError> {
    database
        .rows(
            "select to_jsonb(o) from due_operations($1, make_interval(secs => $2), 200) o",
            &[&backend.0, &unclaimed_for.as_secs_f64()],
        )
        .await
}

/// Ends the leases of owners whose name starts with `owner_prefix`; only for a process that knows that
/// they are dead. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn expire_leases(
    database: &Database,
    backend: BackendId,
    owner_prefix: &str,
) -> Result<u64, DbError> {
    let expired: Option<u64> = database
        .row("select to_jsonb(expire_leases($1, $2))", &[&backend.0, &owner_prefix])
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
