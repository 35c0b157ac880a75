//! The only place where a status is decided: a contract and its operation become changes of rows.

use super::admission::Place;
use model::{Caller, Placement};
use operation::Operation;
use operation::contract::{
    Class, Columns, Ending, QuotaRule, Role, Runs, StartsFrom, Status, TO_MIGRATE, Touch,
    WhileRunning,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The changes of rows that go with the admission, the subject's first.
pub(super) fn on_admission(
    operation: &Operation,
    caller: &Caller,
    place: &Place<'_>,
    default_limit: &dyn Fn(&str) -> i64,
) -> Vec<Value> {
    let begin = |(role, id, touch): (Role, Uuid, &Touch)| {
        let mut columns = operation.columns_on_admission(role, caller);
        let mut preconditions = touch.preconditions.to_vec();
        if role == Role::Subject {
            match place {
                Place::Unchanged | Place::StaysOn(_) => {}
                Place::New(placement) => columns.add(placed(placement)),
                Place::Migrates { .. } => preconditions.extend(TO_MIGRATE),
            }
        }
        let mut step = begin_step(operation, id, touch, columns, caller);
        step["preconditions"] = json!(preconditions);
        if let Some(base) = operation.base().filter(|_| role == Role::Subject) {
            step["base"] = json!(base.set);
        }
        step["quota"] = quota(touch.quota, default_limit);
        step["when_done"] = json!(operation.columns_when_done(role).set);
        step
    };
    operation.touches().into_iter().map(begin).collect()
}

fn placed(placement: &Placement) -> Columns {
    Columns::set(json!(placement))
}

/// The change of the subject's row that goes with its arrival at another backend.
pub(super) fn on_arrival(operation: &Operation, placement: &Placement) -> Value {
    step(operation.subject(), &operation.contract().subject, placed(placement))
}

fn begin_step(
    operation: &Operation,
    id: Uuid,
    touch: &Touch,
    mut columns: Columns,
    caller: &Caller,
) -> Value {
    let is_new = touch.starts_from == StartsFrom::New;
    let mut remembers = false;
    if let WhileRunning::Becomes(status) = touch.while_running {
        set_status(&mut columns, status);
        remembers = !is_new;
    }
    let mut step = if in_admission(operation) {
        end_step(id, touch, touch.when_done, columns)
    } else {
        step(id, touch, columns)
    };
    if touch.while_running == WhileRunning::ByAttachments {
        step["derive_status"] = json!(true);
    }
    step["is_new"] = json!(is_new);
    step["remember_status"] = json!(remembers);
    step["project_scope"] = json!(caller.project_scope());
    if let StartsFrom::Statuses(statuses) = touch.starts_from {
        step["statuses"] = statuses.iter().map(|status| Value::from(status.as_str())).collect();
    }
    step
}

/// The changes of rows that go with the end of the operation, the subject's first. `found` are columns
/// of the subject that the driver filled in.
pub(super) fn on_finish(operation: &Operation, succeeded: bool, found: &Columns) -> Vec<Value> {
    let end = |(role, id, touch): (Role, Uuid, &Touch)| {
        let mut columns = if role == Role::Subject { found.clone() } else { Columns::none() };
        columns.add(if succeeded {
            operation.columns_when_done(role)
        } else {
            operation.columns_when_failed(role)
        });
        let ending = if succeeded { touch.when_done } else { touch.when_failed };
        end_step(id, touch, ending, columns)
    };
    operation.touches().into_iter().map(end).collect()
}

fn end_step(id: Uuid, touch: &Touch, ending: Ending, mut columns: Columns) -> Value {
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
    let mut step = step(id, touch, columns);
    step["restore_status"] = json!(ending == Ending::PreviousStatus);
    step["derive_status"] = json!(ending == Ending::ByAttachments);
    step
}

fn step(id: Uuid, touch: &Touch, columns: Columns) -> Value {
    let mut step = json!(columns);
    step["table"] = json!(touch.resource.table());
    step["id"] = json!(id);
    step
}

/// The row by which the operation's backend is found: its subject's, or, where that is new, the row of
/// what it belongs to.
pub(super) fn located_by(operation: &Operation) -> Value {
    let touches = operation.touches();
    let existing = touches.iter().find(|(_, _, touch)| touch.starts_from != StartsFrom::New);
    existing
        .or(touches.first())
        .map_or(Value::Null, |(_, id, touch)| json!({ "table": touch.resource.table(), "id": id }))
}

/// The resources beside the subject, for whoever executes the operation.
pub(super) fn others(operation: &Operation) -> Value {
    operation
        .touches()
        .into_iter()
        .filter(|(role, _, _)| *role != Role::Subject)
        .map(|(role, id, touch)| json!({ "role": role, "table": touch.resource.table(), "id": id }))
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

/// The rules of a touch's quota, each with the limit that holds where none was set.
fn quota(rules: &[QuotaRule], default_limit: &dyn Fn(&str) -> i64) -> Value {
    let with_limit = |rule: &QuotaRule| {
        let (QuotaRule::Count { resource, .. }
        | QuotaRule::Column { resource, .. }
        | QuotaRule::Each { resource, .. }
        | QuotaRule::Retype { resource, .. }
        | QuotaRule::Growth { resource, .. }) = rule;
        let mut rule = json!(rule);
        rule["default_limit"] = json!(default_limit(resource));
        rule
    };
    rules.iter().map(with_limit).collect()
}

/// What notifications about the operation are called: those that operators and their monitoring wait for.
pub(super) fn event(operation: &Operation) -> Option<String> {
    match operation.contract().class {
        Class::Operate => {
            let stem = operation.kind().stem();
            Some(format!("service.{}", stem.trim_end_matches("_backend")))
        }
        Class::Place | Class::Modify | Class::Connect | Class::Record => None,
    }
}

/// Whether the admission itself carries the operation out.
pub(super) const fn in_admission(operation: &Operation) -> bool {
    match operation.contract().runs {
        Runs::InAdmission => true,
        Runs::OnBackend(_) => false,
    }
}

/// Whether the admission must be alone with the backend: it changes what others are judged by.
pub(super) const fn is_exclusive(operation: &Operation) -> bool {
    match operation.contract().class {
        Class::Operate => true,
        Class::Place | Class::Modify | Class::Connect | Class::Record => false,
    }
}

fn set_status(columns: &mut Columns, status: Status) {
    columns.set.insert("status".to_owned(), json!(status.as_str()));
}
