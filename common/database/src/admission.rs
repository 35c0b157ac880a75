//! The admission transaction: gate, operation row, status and quota in one call.
//!
//! Requests that wait at the same moment share one transaction, each with its own answer. What is done to the database is
//! generated from the operation's contract: see [`crate::statements`].

use super::admission_request::{self, AdmissionRequest};
pub use super::admission_request::{AdditionalBackend, Admit};
use super::columns::column;
use super::group_commit::{Batch, GroupCommit};
use super::{Database, DbError};
use model::{Backend, Caller, Condition, OperationId, RequestId};
use operation::contract::{Contract, Effect, Resource};
use operation::{Operation, OperationKind};
use postgres_types::Json;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use uuid::Uuid;

/// The pause before something that is locked is tried again: none at first, then it grows between these two.
const MIN_LOCK_PAUSE: Duration = Duration::from_millis(5);
const MAX_LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The outcome of a request for admission that was not refused.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Whether it was admitted now, was admitted earlier, or has been revoked.
    pub outcome: AdmissionOutcome,
    /// The operation's id.
    pub operation_id: OperationId,
    /// The backend that it runs on; `None` when it concerns none.
    pub backend_name: Option<String>,
    /// The subject's row after the admission, where the caller is to see it.
    pub subject: Option<Value>,
    /// How many admitted operations of the backend have not ended, for operations on backends.
    pub operations_in_flight: Option<u64>,
}

/// The outcome of a request for admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Something that it needs is locked at the moment.
    Locked,
    /// Another operation on the resource is in progress.
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

/// The admissions of a process. Cheap to clone.
#[derive(Clone)]
pub struct Admissions {
    database: Database,
    statement: Arc<Statement>,
    together: GroupCommit<Arc<Statement>>,
}

impl Admissions {
    /// `default_limits` are the limits, by what they limit, of projects for which none were set.
    #[must_use]
    pub fn new(database: Database, default_limits: BTreeMap<&'static str, i64>) -> Self {
        let statement = Arc::new(Statement {
            database: database.clone(),
            default_limits: Json(default_limits),
        });
        Self { database, together: GroupCommit::new(statement.clone()), statement }
    }

    /// Asks the database to admit an operation, and again as long as something that it needs is locked. Between two calls no
    /// connection and no lock is kept: neither other backends nor a change of this backend's condition wait for this request.
    ///
    /// # Errors
    /// When it is refused, or the database does not answer.
    pub async fn admit(&self, request: &Admit<'_>) -> Result<Admission, AdmitError> {
        let call = AdmissionRequest::new(request)?;
        let kind = request.operation.kind();
        let started = Instant::now();
        let mut pause = Duration::ZERO;
        loop {
            match self.ask(kind, call.clone()).await {
                Ok(Answer::Admission(admission)) => return Ok(admission),
                Ok(Answer::Refused(Refusal::Locked)) => {}
                Ok(Answer::Refused(refusal)) => return Err(refusal.into()),
                Err(DbError::Duplicate(constraint)) => return Err(clash(constraint)),
                Err(error) if error.is_about_locks() && !kind.contract().class.is_exclusive() => {}
                Err(error) => return Err(error.into()),
            }
            if started.elapsed() > self.database.lock_patience() {
                return Err(DbError::Unavailable("the lock is held for too long".into()).into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(MIN_LOCK_PAUSE, MAX_LOCK_PAUSE);
        }
    }

    async fn ask(&self, kind: OperationKind, call: AdmissionRequest) -> Result<Answer, DbError> {
        if shares_transactions(kind.contract()) {
            return self.together.call(kind, call).await;
        }
        let answers = self.statement.answer(kind, vec![call]).await?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| DbError::Defect("a request was not answered".into()))
    }
}

/// Whether requests for the operation are admitted together: many come at once, and none waits for a lock.
const fn shares_transactions(contract: &Contract) -> bool {
    match contract.subject.resource {
        Resource::Volume | Resource::Snapshot | Resource::Attachment | Resource::Backup => true,
        Resource::Transfer
        | Resource::VolumeType
        | Resource::QosSpecs
        | Resource::Message
        | Resource::Project
        | Resource::QuotaClass
        | Resource::Backend => false,
    }
}

/// What the database answers to a request.
#[derive(Clone)]
enum Answer {
    Admission(Admission),
    Refused(Refusal),
}

/// The statement that admits requests for operations of one kind.
struct Statement {
    database: Database,
    default_limits: Json<BTreeMap<&'static str, i64>>,
}

impl Batch for Arc<Statement> {
    type Key = OperationKind;
    type Call = AdmissionRequest;
    type Answer = Answer;

    async fn answer(
        &self,
        kind: OperationKind,
        mut calls: Vec<AdmissionRequest>,
    ) -> Result<Vec<Answer>, DbError> {
        let order: Vec<_> = calls.iter().map(|call| call.id).collect();
        // two deliveries of two requests must not wait for one another, and those of one are one call
        calls.sort_by_key(|call| call.id);
        calls.dedup_by_key(|call| call.id);
        let sql = format!("select * from admit_{kind}($1, $2)");
        let parameters: [&(dyn postgres_types::ToSql + Sync); 2] = [&calls, &self.default_limits];
        let contract = kind.contract();
        let rows = if contract.has(Effect::BeginsEpoch) {
            self.database.reserved().typed_rows_without_time_limit(&sql, &parameters).await?
        } else if contract.class.is_exclusive() {
            self.database.reserved().typed_rows(&sql, &parameters).await?
        } else {
            self.database.typed_rows(&sql, &parameters).await?
        };
        let mut answers = BTreeMap::new();
        for row in &rows {
            answers.insert(column::<Uuid>(row, "id")?, answer(row)?);
        }
        let missing = || DbError::Defect("a request was not answered".into());
        order.iter().map(|id| answers.get(id).cloned().ok_or_else(missing)).collect()
    }
}

fn answer(row: &Row) -> Result<Answer, DbError> {
    if column::<&str>(row, "outcome")? == "refused" {
        let refusal: Json<Refusal> = column(row, "refusal")?;
        return Ok(Answer::Refused(refusal.0));
    }
    admission(row).map(Answer::Admission)
}

fn admission(row: &Row) -> Result<Admission, DbError> {
    let outcome = match column(row, "outcome")? {
        "admitted" => AdmissionOutcome::Admitted,
        "repeated" => AdmissionOutcome::Repeated,
        "revoked" => AdmissionOutcome::Revoked,
        other => return Err(DbError::Defect(format!("{other} is no outcome").into())),
    };
    let in_flight: Option<i64> = column(row, "operations_in_flight")?;
    Ok(Admission {
        outcome,
        operation_id: OperationId(column(row, "id")?),
        backend_name: column(row, "backend_name")?,
        subject: column(row, "subject")?,
        operations_in_flight: in_flight.and_then(|count| u64::try_from(count).ok()),
    })
}

/// The outcome of an earlier delivery of a request; `None` when none was admitted or revoked.
///
/// # Errors
/// When the database does not answer.
pub async fn recorded(database: &Database, id: OperationId) -> Result<Option<Admission>, DbError> {
    let sql = "select r.* from recorded_outcome($1) r where r.id is not null";
    database.typed_rows(sql, &[&id.0]).await?.first().map(admission).transpose()
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
    let Caller { user_id, project_id, .. } = caller;
    let (kind, arguments) = (operation.kind().stem(), admission_request::arguments(operation));
    let table = operation.contract().subject.resource.table();
    let rows = database
        .typed_rows(
            "select * from revoke_request($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &id.0,
                &request_id.to_string(),
                user_id,
                project_id,
                &kind,
                &arguments,
                &table,
                &operation.definition().subject(),
            ],
        )
        .await?;
    rows.first().map(admission).transpose()
}

/// What a violated unique constraint means to the caller.
fn clash(constraint: String) -> AdmitError {
    match constraint.as_str() {
        "volume_types_name" | "qos_specs_name" | "backups_pkey" => Refusal::NameTaken.into(),
        _ => DbError::Duplicate(constraint).into(),
    }
}
