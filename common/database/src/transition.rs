//! The only place where a status is decided: a contract and its operation become changes of rows.

use super::placement_change::PlacementChange;
use model::{Caller, Placement};
use operation::Operation;
use operation::contract::{
    Columns, Effect, Ending, QuotaRule, Role, Runs, StartsFrom, Status, Touch, WhileRunning,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A change of one row, as the SQL function `changed_columns` reads it.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    table: &'static str,
    id: Uuid,
    #[serde(flatten)]
    columns: Columns,
    /// The status goes to `previous_status`.
    remember_status: bool,
    /// The status comes from `previous_status`.
    restore_status: bool,
    /// The status follows from the volume's attachments.
    derive_status: bool,
}

/// The first change of a row by an operation, with what must be true of the row before: what the SQL function
/// `begin_on_row` reads.
#[derive(Debug, Serialize)]
pub(super) struct BeginStep {
    #[serde(flatten)]
    step: Step,
    is_new: bool,
    /// The project that must own the row; any, when it is `None`.
    project_scope: Option<String>,
    /// The statuses that are expected; any, when the key is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    statuses: Option<Vec<&'static str>>,
    /// The names of the preconditions.
    preconditions: Vec<&'static str>,
    /// The row that is made where there is none yet; where the key is absent, there must be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Map<String, Value>>,
    quota: Vec<LimitedRule>,
    /// The columns that the row will have, for what they take from the quota.
    when_done: Map<String, Value>,
}

/// A rule of the quota with the limit that holds where none was set.
#[derive(Debug, Serialize)]
struct LimitedRule {
    #[serde(flatten)]
    rule: QuotaRule,
    default_limit: i64,
}

/// A row, by its table and id.
#[derive(Debug, Serialize)]
pub(super) struct RowAt {
    table: &'static str,
    id: Uuid,
}

/// A row beside the subject's, with the part that it plays.
#[derive(Debug, Serialize)]
pub(super) struct OtherAt {
    role: Role,
    #[serde(flatten)]
    row: RowAt,
}

/// The changes of rows that go with the admission, the subject's first.
pub(super) fn on_admission(
    operation: &Operation,
    caller: &Caller,
    place: &PlacementChange<'_>,
    default_limit: &dyn Fn(&str) -> i64,
) -> Vec<BeginStep> {
    let touches = operation.touches().into_iter();
    touches
        .map(|(role, id, touch)| BeginStep {
            step: begin(operation, (role, id, touch), caller, place),
            is_new: touch.starts_from == StartsFrom::New,
            project_scope: caller.project_scope().map(str::to_owned),
            statuses: statuses(touch.starts_from),
            preconditions: preconditions(role, touch, place),
            base: base(operation, role),
            quota: limited(touch.quota, default_limit),
            when_done: operation.definition().columns_when_done(role).set,
        })
        .collect()
}

/// The change of a row by the admission; for an operation that ends with it, also the change by its end.
fn begin(
    operation: &Operation,
    (role, id, touch): (Role, Uuid, &Touch),
    caller: &Caller,
    place: &PlacementChange<'_>,
) -> Step {
    let mut columns = operation.definition().columns_on_admission(role, caller);
    if let (Role::Subject, PlacementChange::New(placement)) = (role, place) {
        columns.add(placed(placement));
    }
    let mut remember_status = false;
    if let WhileRunning::Becomes(status) = touch.while_running {
        set_status(&mut columns, status);
        remember_status = touch.starts_from != StartsFrom::New;
    }
    let step = match operation.kind().runs() {
        Runs::InAdmission => end(id, touch, touch.when_done, columns),
        Runs::OnBackend(_) => change(id, touch, columns),
    };
    let derive_status = step.derive_status || touch.while_running == WhileRunning::ByAttachments;
    Step { remember_status, derive_status, ..step }
}

fn statuses(starts_from: StartsFrom) -> Option<Vec<&'static str>> {
    match starts_from {
        StartsFrom::New | StartsFrom::Anything => None,
        StartsFrom::Statuses(statuses) => {
            Some(statuses.iter().map(|status| status.as_str()).collect())
        }
    }
}

/// What must be true of the row, by name.
fn preconditions(role: Role, touch: &Touch, place: &PlacementChange<'_>) -> Vec<&'static str> {
    let of_migration = match (role, place) {
        (Role::Subject, PlacementChange::Migrates { .. }) => Effect::Migrates.preconditions(),
        (
            Role::Subject,
            PlacementChange::Unchanged | PlacementChange::New(_) | PlacementChange::StaysOn(_),
        )
        | (Role::Volume | Role::Snapshot | Role::VolumeType, _) => &[],
    };
    touch.preconditions.iter().chain(of_migration).map(|precondition| precondition.name).collect()
}

fn base(operation: &Operation, role: Role) -> Option<Map<String, Value>> {
    match role {
        Role::Subject => operation.definition().base().map(|base| base.set),
        Role::Volume | Role::Snapshot | Role::VolumeType => None,
    }
}

fn placed(placement: &Placement) -> Columns {
    Columns::set(json!(placement))
}

/// The change of the subject's row that goes with its arrival at another backend.
pub(super) fn on_arrival(operation: &Operation, placement: &Placement) -> Step {
    change(operation.definition().subject(), &operation.contract().subject, placed(placement))
}

/// The changes of rows that go with the end of the operation, the subject's first. `model_update` are columns
/// of the subject that the driver filled in.
pub(super) fn on_finish(
    operation: &Operation,
    succeeded: bool,
    model_update: &Columns,
) -> Vec<Step> {
    let definition = operation.definition();
    let end = |(role, id, touch): (Role, Uuid, &Touch)| {
        let mut columns =
            if role == Role::Subject { model_update.clone() } else { Columns::none() };
        columns.add(if succeeded {
            definition.columns_when_done(role)
        } else {
            definition.columns_when_failed(role)
        });
        let ending = if succeeded { touch.when_done } else { touch.when_failed };
        end(id, touch, ending, columns)
    };
    operation.touches().into_iter().map(end).collect()
}

fn end(id: Uuid, touch: &Touch, ending: Ending, mut columns: Columns) -> Step {
    match ending {
        Ending::Becomes(status) => set_status(&mut columns, status),
        Ending::Removed(status) => {
            if let Some(status) = status {
                set_status(&mut columns, status);
            }
            // PostgreSQL reads the word as the time of the transaction
            columns.set.insert("deleted_at".to_owned(), json!("now"));
        }
        // the columns carry it
        Ending::AsAsked => {}
        Ending::PreviousStatus | Ending::ByAttachments | Ending::Unchanged => {}
    }
    Step {
        restore_status: ending == Ending::PreviousStatus,
        derive_status: ending == Ending::ByAttachments,
        ..change(id, touch, columns)
    }
}

/// A change of columns that leaves the status to them.
fn change(id: Uuid, touch: &Touch, columns: Columns) -> Step {
    Step {
        table: touch.resource.table(),
        id,
        columns,
        remember_status: false,
        restore_status: false,
        derive_status: false,
    }
}

/// The row by which the operation's backend is found: its subject's, or, where that is new, the row of
/// what it belongs to.
pub(super) fn located_by(operation: &Operation) -> Option<RowAt> {
    let touches = operation.touches();
    let existing = touches.iter().find(|(_, _, touch)| touch.starts_from != StartsFrom::New);
    let (_, id, touch) = existing.or(touches.first())?;
    Some(RowAt { table: touch.resource.table(), id: *id })
}

/// The resources beside the subject, for the worker that executes the operation.
pub(super) fn others(operation: &Operation) -> Vec<OtherAt> {
    operation
        .touches()
        .into_iter()
        .filter(|(role, _, _)| *role != Role::Subject)
        .map(|(role, id, touch)| {
            let row = RowAt { table: touch.resource.table(), id };
            OtherAt { role, row }
        })
        .collect()
}

/// Whether the quota that was reserved is taken for good. What an operation has made counts as long as its
/// row is there, though it be in error; what it only changed counts when the change succeeded.
pub(super) fn takes_quota(operation: &Operation, succeeded: bool) -> bool {
    let subject = operation.contract().subject;
    let stays = match subject.when_failed {
        Ending::Removed(_) => false,
        Ending::Becomes(_)
        | Ending::PreviousStatus
        | Ending::ByAttachments
        | Ending::AsAsked
        | Ending::Unchanged => subject.starts_from == StartsFrom::New,
    };
    succeeded || stays
}

/// The rules, each with the limit that holds where none was set.
fn limited(rules: &[QuotaRule], default_limit: &dyn Fn(&str) -> i64) -> Vec<LimitedRule> {
    let with_limit = |rule: &QuotaRule| LimitedRule {
        rule: *rule,
        default_limit: default_limit(rule.resource()),
    };
    rules.iter().map(with_limit).collect()
}

fn set_status(columns: &mut Columns, status: Status) {
    columns.set.insert("status".to_owned(), json!(status.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::VolumeId;
    use operation::{ExtendVolume, ResetQuota};

    fn started(operation: impl Into<Operation>) -> Value {
        let caller =
            Caller { user_id: "u".to_owned(), project_id: "p".to_owned(), roles: Vec::new() };
        json!(on_admission(&operation.into(), &caller, &PlacementChange::Unchanged, &|_| 7))
    }

    #[test]
    fn the_first_change_of_a_row_has_the_form_that_the_database_reads() {
        let volume_id = VolumeId(Uuid::nil());
        let extend = ExtendVolume { volume_id, new_size_gb: 2, while_attached: false };
        let expected = json!([{
            "table": "volumes",
            "id": volume_id,
            "set": { "status": "extending" },
            "remember_status": true,
            "restore_status": false,
            "derive_status": false,
            "is_new": false,
            "project_scope": "p",
            "statuses": ["available", "in-use"],
            "preconditions": ["size_increases", "online_extend_supported"],
            "quota": [
                {
                    "rule": "each", "resource": "per_volume_gigabytes", "column": "size_gb",
                    "default_limit": 7,
                },
                {
                    "rule": "growth", "resource": "gigabytes", "column": "size_gb",
                    "default_limit": 7,
                },
            ],
            "when_done": { "size_gb": 2 },
        }]);
        assert_eq!(started(extend), expected);
    }

    #[test]
    fn a_key_is_absent_where_its_presence_means_something() {
        let reset = started(ResetQuota { project: "p".to_owned() });
        let keys = reset[0]
            .as_object()
            .map(|step| ["statuses", "base", "merge", "remove"].map(|key| step.contains_key(key)));
        assert_eq!(keys, Some([false, true, false, false]));
    }
}
