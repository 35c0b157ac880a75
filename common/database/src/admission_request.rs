//! A request for admission in the form that the database reads: a contract's arguments become columns.

use super::DbError;
use super::placement_change::PlacementChange;
use model::{BackendId, Caller, Condition, OperationId, RequestId};
use operation::Operation;
use operation::contract::{Columns, Role};
use postgres_types::{Json, ToSql};
use serde_json::{Map, Value, json};
use uuid::Uuid;

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
    /// Another backend that must let it pass too.
    pub destination: Option<AdditionalBackend>,
}

/// A second backend whose conditions must allow the operation, beside the one that executes it.
#[derive(Clone, Debug)]
pub struct AdditionalBackend {
    /// Which backend.
    pub backend_id: BackendId,
    /// The conditions of it under which the gate lets the operation pass.
    pub allowed_conditions: Vec<Condition>,
}

/// The columns of a row, or the entries of its maps, by column.
pub(super) type ColumnValues = Json<Map<String, Value>>;

/// The composite type `admission_request`.
#[derive(Clone, Debug, ToSql)]
#[postgres(name = "admission_request")]
pub(super) struct AdmissionRequest {
    pub id: Uuid,
    request_id: String,
    traceparent: String,
    user_id: String,
    project_id: String,
    project_scope: Option<String>,
    arguments: Json<Value>,
    subject: Uuid,
    volume: Option<Uuid>,
    snapshots: Vec<Uuid>,
    volume_type: Option<Uuid>,
    backup: Option<Uuid>,
    uses: Vec<Uuid>,
    exclusive_on: Option<Uuid>,
    backend_id: Option<Uuid>,
    allowed_conditions: Vec<&'static str>,
    destination_id: Option<Uuid>,
    destination_conditions: Vec<&'static str>,
    migration: Option<Json<Value>>,
    base: Option<ColumnValues>,
    columns: ColumnValues,
    merged: ColumnValues,
    removed: ColumnValues,
    when_done: ColumnValues,
    columns_when_failed: ColumnValues,
}

impl AdmissionRequest {
    /// # Errors
    /// When the operation writes a column that its contract does not name: it would be lost.
    pub fn new(request: &Admit<'_>) -> Result<Self, DbError> {
        let Admit { id, request_id, caller, operation, place, .. } = *request;
        let definition = operation.definition();
        let Columns { set, merge, remove } = written_on_admission(request)?;
        let destination = request.destination.as_ref();
        Ok(Self {
            id: id.0,
            request_id: request_id.to_string(),
            traceparent: request.traceparent.to_owned(),
            user_id: caller.user_id.clone(),
            project_id: caller.project_id.clone(),
            project_scope: caller.project_scope().map(str::to_owned),
            arguments: Json(arguments(operation)),
            subject: definition.subject(),
            volume: related(operation, Role::Volume).pop(),
            snapshots: related(operation, Role::Snapshot),
            volume_type: related(operation, Role::VolumeType).pop(),
            backup: related(operation, Role::Backup).pop(),
            uses: definition.uses(),
            exclusive_on: definition.exclusive_on(),
            backend_id: place.backend_id().map(|backend| backend.0),
            allowed_conditions: words(request.allowed),
            destination_id: destination.map(|destination| destination.backend_id.0),
            destination_conditions: destination
                .map_or_else(Vec::new, |destination| words(&destination.allowed_conditions)),
            migration: place.migration().map(|migration| Json(json!(migration))),
            base: definition.base().map(|base| Json(base.set)),
            columns: Json(set),
            merged: Json(merge),
            removed: Json(remove),
            when_done: Json(definition.columns_when_done().set),
            columns_when_failed: Json(written_when_failed(operation)?),
        })
    }
}

/// The arguments as the operation log keeps them.
pub(super) fn arguments(operation: &Operation) -> Value {
    json!(operation)["arguments"].take()
}

/// The resources that play a part.
pub(super) fn related(operation: &Operation, part: Role) -> Vec<Uuid> {
    let others = operation.definition().others().into_iter();
    others.filter(|(role, _)| *role == part).map(|(_, id)| id).collect()
}

fn words(conditions: &[Condition]) -> Vec<&'static str> {
    conditions.iter().map(|condition| condition.as_str()).collect()
}

fn written_on_admission(request: &Admit<'_>) -> Result<Columns, DbError> {
    let operation = request.operation;
    let mut columns = operation.definition().columns_on_admission(request.caller);
    let named = operation.contract().written_on_admission;
    for column in columns.set.keys().chain(columns.merge.keys()).chain(columns.remove.keys()) {
        is_named(operation, column, named)?;
    }
    if let PlacementChange::New(placement) = request.place {
        columns.add(Columns::set(json!(placement)));
    }
    Ok(columns)
}

fn written_when_failed(operation: &Operation) -> Result<Map<String, Value>, DbError> {
    written_at_end(operation, operation.definition().columns_when_failed())
}

/// The columns that the end of an operation writes.
///
/// # Errors
/// When the contract does not name one of them: it would be lost.
pub(super) fn written_at_end(
    operation: &Operation,
    columns: Columns,
) -> Result<Map<String, Value>, DbError> {
    let Columns { set, merge, remove } = columns;
    for column in set.keys() {
        is_named(operation, column, operation.contract().written_at_end)?;
    }
    if merge.is_empty() && remove.is_empty() {
        return Ok(set);
    }
    Err(DbError::Defect(format!("the end of {} changes maps", operation.kind()).into()))
}

fn is_named(operation: &Operation, column: &str, named: &[&str]) -> Result<(), DbError> {
    if named.contains(&column) {
        return Ok(());
    }
    let kind = operation.kind();
    Err(DbError::Defect(format!("the contract of {kind} does not name the column {column}").into()))
}
