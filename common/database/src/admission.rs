//! The admission transaction: gate, operation row, status and quota in one call.

use super::placement_change::PlacementChange;
use super::transition::{self, BeginStep, OtherAt, RowAt, Step};
use super::{Database, DbError};
use model::{Backend, BackendId, Caller, Condition, Migration, OperationId, RequestId};
use operation::contract::{Columns, Effect, Resource, Runs};
use operation::{Operation, OperationKind};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio_postgres::types::Json;
use uuid::Uuid;

/// The pause before something that is locked is tried again; it grows between these two.
const MIN_LOCK_PAUSE: Duration = Duration::from_millis(5);
const MAX_LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A request for admission.
pub struct Admit<'a> {
    /// The operation's id; also the key by which a second delivery is recognised.
    pub id: OperationId,
    /// The request that asks.
    pub request_id: &'a RequestId,
    /// The W3C trace that it belongs to.
    pub traceparent: &'a str,
    /// Who asks.
    pub caller: &'a Caller,
    /// What is asked.
    pub operation: &'a Operation,
    /// Where its subject goes.
    pub place: PlacementChange<'a>,
    /// The conditions of the backend under which the gate lets it pass.
    pub allowed: &'a [Condition],
    /// Other backends that must let it pass too.
    pub additional_backends: &'a [AdditionalBackend],
}

/// A second backend whose conditions must allow the operation, beside the one that executes it.
#[derive(Clone, Debug, Serialize)]
pub struct AdditionalBackend {
    /// Which backend.
    pub backend_id: BackendId,
    /// The conditions of it under which the gate lets the operation pass.
    pub allowed_conditions: Vec<Condition>,
}

/// The outcome of a request for admission that was not refused.
#[derive(Clone, Debug, Deserialize)]
pub struct Admission {
    /// Whether it was admitted now, was admitted earlier, or has been revoked.
    pub outcome: AdmissionOutcome,
    /// The operation's id.
    pub operation_id: OperationId,
    /// The backend that it runs on; `None` when it concerns none.
    pub backend_name: Option<String>,
    /// The subject's row after the admission, where the caller is to see it.
    #[serde(default)]
    pub subject: Option<Value>,
    /// How many admitted operations of the backend have not ended, for operations on backends.
    #[serde(default)]
    pub operations_in_flight: Option<u64>,
}

/// The outcome of a request for admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdmissionOutcome {
    /// Admitted by this call.
    Admitted,
    /// Admitted by an earlier delivery of the same request.
    Repeated,
    /// The caller gave up before; it can never be admitted.
    Revoked,
}

/// Why an operation was not admitted; nothing changed.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// There is no such resource, or none that the caller may see.
    NotFound {
        /// What it would be.
        #[serde(rename = "table", deserialize_with = "resource_of_table")]
        resource: Resource,
        /// Its id.
        id: Uuid,
    },
    /// The resource's status does not allow it.
    WrongStatus {
        /// What it is.
        #[serde(rename = "table", deserialize_with = "resource_of_table")]
        resource: Resource,
        /// Its row.
        row: Value,
        /// The statuses that would allow it.
        expected: Vec<String>,
    },
    /// A precondition does not hold of the resource.
    Precondition {
        /// The precondition's name.
        precondition: String,
        /// What the resource is.
        #[serde(rename = "table", deserialize_with = "resource_of_table")]
        resource: Resource,
        /// Its row.
        row: Value,
    },
    /// The backend's conditions block the operation.
    Condition {
        /// Those conditions.
        conditions: Vec<Condition>,
        /// The backend.
        backend: Box<Backend>,
    },
    /// The project has no quota left.
    OverQuota {
        /// Of what.
        resource: String,
        /// How much more was asked.
        requested: i64,
        /// How much is in use, reservations included.
        in_use: i64,
        /// How much may be in use.
        limit: i64,
    },
    /// Another resource of the kind has the name.
    #[serde(skip)]
    NameTaken,
    /// The resource moved to another backend meanwhile.
    Moved,
    /// Another operation on the resource is in progress.
    #[serde(skip)]
    Busy {
        /// Which one, unless it ended meanwhile.
        operation: Option<OperationKind>,
    },
}

fn resource_of_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Resource, D::Error> {
    let table = String::deserialize(deserializer)?;
    let unknown = || serde::de::Error::custom(format!("{table} is the table of no resource"));
    Resource::of_table(&table).ok_or_else(unknown)
}

/// Why there is no [`Admission`].
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// Refused; nothing changed.
    #[error("refused")]
    Refused(Box<Refusal>),
    /// The database failed; whether it was admitted is unknown.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<Refusal> for AdmitError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// Asks the database to admit an operation. `default_limit` gives the quota where none was set.
///
/// # Errors
/// When it is refused, or the database does not answer.
pub async fn admit(
    database: &Database,
    request: &Admit<'_>,
    default_limit: impl Fn(&str) -> i64,
) -> Result<Admission, AdmitError> {
    let arguments = AdmitArguments::new(request, &default_limit);
    let mut answer = admit_past_locks(database, request, &arguments).await;
    if matches!(answer, Err(DbError::Duplicate(_))) {
        // perhaps another delivery of this very request was in the middle of it; then its outcome is
        // recorded by now
        answer = admit_past_locks(database, request, &arguments).await;
    }
    match answer {
        Ok(Some(admission)) => Ok(admission),
        Ok(None) => Err(DbError::Defect("admit answered nothing".into()).into()),
        Err(DbError::Refused(reason)) => {
            let refusal: Refusal = serde_json::from_value(reason).map_err(DbError::from)?;
            Err(refusal.into())
        }
        Err(DbError::Duplicate(constraint)) => {
            Err(clash(database, request.operation, &constraint).await?.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Calls the SQL function `admit`, and again as long as something that it needs is locked. Between two calls no connection
/// and no lock is kept: neither other backends nor a change of this backend's condition wait for this request.
async fn admit_past_locks(
    database: &Database,
    request: &Admit<'_>,
    arguments: &AdmitArguments<'_>,
) -> Result<Option<Admission>, DbError> {
    const SQL: &str = "select admit($1::jsonb)";
    let arguments = Json(arguments);
    let contract = request.operation.contract();
    if contract.has(Effect::BeginsEpoch) {
        return database.reserved().row_without_time_limit(SQL, &[&arguments]).await;
    }
    if contract.class.is_exclusive() {
        return database.reserved().row(SQL, &[&arguments]).await;
    }
    let started = Instant::now();
    let mut pause = MIN_LOCK_PAUSE;
    loop {
        let answer = database.row(SQL, &[&arguments]).await;
        let is_locked = match &answer {
            Err(DbError::Refused(reason)) => reason["reason"] == "locked",
            Err(error) => error.is_lock_timeout(),
            Ok(_) => false,
        };
        if !is_locked {
            return answer;
        }
        if started.elapsed() > database.lock_patience() {
            return Err(DbError::Unavailable("the lock is held for too long".into()));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_LOCK_PAUSE);
    }
}

/// The outcome of an earlier delivery of a request; `None` when none was admitted or revoked.
///
/// # Errors
/// When the database does not answer.
pub async fn recorded(database: &Database, id: OperationId) -> Result<Option<Admission>, DbError> {
    database.row("select recorded_outcome($1)", &[&id.to_string()]).await
}

/// Revokes a request, or returns its outcome if it was already admitted.
///
/// # Errors
/// When the database does not answer: then nothing is certain.
pub async fn revoke(
    database: &Database,
    id: OperationId,
    request_id: &RequestId,
    caller: &Caller,
    operation: &Operation,
) -> Result<Option<Admission>, DbError> {
    let subject = operation.contract().subject.resource.table();
    let recorded = Recorded::new(id, request_id, caller, operation);
    database
        .row(
            "select revoke_request($1::jsonb, $2, $3)",
            &[&Json(recorded), &subject, &operation.definition().subject()],
        )
        .await
}

/// An operation as its row in the operation log begins.
#[derive(Debug, Serialize)]
struct Recorded<'a> {
    id: OperationId,
    request_key: OperationId,
    request_id: &'a RequestId,
    user_id: &'a str,
    project_id: &'a str,
    #[serde(flatten)]
    operation: &'a Operation,
}

impl<'a> Recorded<'a> {
    fn new(
        id: OperationId,
        request_id: &'a RequestId,
        caller: &'a Caller,
        operation: &'a Operation,
    ) -> Self {
        let Caller { user_id, project_id, .. } = caller;
        Self { id, request_key: id, request_id, user_id, project_id, operation }
    }
}

/// The same, with what only an admitted operation has.
#[derive(Debug, Serialize)]
struct Admitted<'a> {
    #[serde(flatten)]
    recorded: Recorded<'a>,
    traceparent: &'a str,
    in_admission: bool,
}

/// What the SQL function `admit` reads.
#[derive(Debug, Serialize)]
struct AdmitArguments<'a> {
    operation: Admitted<'a>,
    steps: Vec<BeginStep>,
    located_by: Option<RowAt>,
    others: Vec<OtherAt>,
    uses: Vec<Uuid>,
    exclusive_on: Option<Uuid>,
    backend_id: Option<BackendId>,
    migration: Option<Migration>,
    event: Option<String>,
    begins_epoch: bool,
    restarts_replication: bool,
    /// The changes with which others end the operation as failed.
    when_failed: Vec<Step>,
    fails_with_quota: bool,
    exclusive: bool,
    allowed_conditions: &'a [Condition],
    additional_backends: &'a [AdditionalBackend],
    view: &'static str,
    count_in_flight: bool,
}

impl<'a> AdmitArguments<'a> {
    fn new(request: &Admit<'a>, default_limit: &dyn Fn(&str) -> i64) -> Self {
        let Admit { id, request_id, caller, operation, .. } = *request;
        let (contract, definition) = (operation.contract(), operation.definition());
        Self {
            operation: Admitted {
                recorded: Recorded::new(id, request_id, caller, operation),
                traceparent: request.traceparent,
                in_admission: operation.kind().runs() == Runs::InAdmission,
            },
            steps: transition::on_admission(operation, caller, &request.place, default_limit),
            located_by: transition::located_by(operation),
            others: transition::others(operation),
            uses: definition.uses(),
            exclusive_on: definition.exclusive_on(),
            backend_id: request.place.backend_id(),
            migration: request.place.migration(),
            event: operation.kind().event(),
            begins_epoch: contract.has(Effect::BeginsEpoch),
            restarts_replication: contract.has(Effect::RestartsReplication),
            when_failed: transition::on_finish(operation, false, &Columns::none()),
            fails_with_quota: transition::takes_quota(operation, false),
            exclusive: contract.class.is_exclusive(),
            allowed_conditions: request.allowed,
            additional_backends: request.additional_backends,
            view: contract.subject.resource.view(),
            count_in_flight: contract.class.is_exclusive(),
        }
    }
}

/// What a violated unique constraint means to the caller.
async fn clash(
    database: &Database,
    operation: &Operation,
    constraint: &str,
) -> Result<Refusal, DbError> {
    let (column, id) = match constraint {
        "one_live_operation" => ("subject_id", Some(operation.definition().subject())),
        "one_live_connection" => ("exclusive_on", operation.definition().exclusive_on()),
        "volume_types_name" | "qos_specs_name" => return Ok(Refusal::NameTaken),
        _ => return Err(DbError::Duplicate(constraint.to_owned())),
    };
    let sql = format!(
        "select to_jsonb(kind) from operations where {column} = $1 and state in ('admitted', 'running')"
    );
    Ok(Refusal::Busy { operation: database.row(&sql, &[&id]).await? })
}
