//! The only place where a status is decided: a contract and its operation become a change of a row.

use crate::model::{Caller, Placement};
use crate::operation::Operation;
use crate::operation::contract::{
    Class, Columns, Ending, QuotaRule, Runs, StartsFrom, Status, WhileRunning,
};
use serde_json::{Value, json};

/// The change of the subject's row that goes with the admission.
pub(super) fn on_admission(
    operation: &Operation,
    caller: &Caller,
    placement: Option<&Placement>,
) -> Value {
    let contract = operation.contract();
    let touch = contract.subject;
    let mut columns = operation.columns_on_admission(caller);
    if let Some(placement) = placement {
        columns.set.extend([
            ("backend_id".to_owned(), json!(placement.backend_id)),
            ("pool".to_owned(), json!(placement.pool)),
            ("availability_zone".to_owned(), json!(placement.availability_zone)),
        ]);
    }
    let remembers = match touch.while_running {
        WhileRunning::Becomes(status) => {
            set_status(&mut columns, status);
            touch.starts_from != StartsFrom::New
        }
        WhileRunning::Unchanged => false,
    };
    let mut step = json!(columns);
    step["table"] = json!(touch.resource.table());
    step["view"] = json!(touch.resource.view());
    step["id"] = json!(operation.subject());
    step["is_new"] = json!(touch.starts_from == StartsFrom::New);
    if let Some(statuses) = statuses(touch.starts_from) {
        step["statuses"] = statuses;
    }
    step["preconditions"] = json!(contract.preconditions);
    step["remember_status"] = json!(remembers);
    step["project_scope"] = json!(caller.project_scope());
    step
}

/// The change of the subject's row that goes with the end of the operation. `found` are columns that
/// the driver filled in.
pub(super) fn on_finish(operation: &Operation, succeeded: bool, found: Columns) -> Value {
    let touch = operation.contract().subject;
    let mut columns = found;
    if succeeded {
        columns.set.extend(operation.columns_when_done().set);
    }
    let ending = if succeeded { touch.when_done } else { touch.when_failed };
    let mut restores = false;
    match ending {
        Ending::Becomes(status) => set_status(&mut columns, status),
        Ending::Removed(status) => {
            set_status(&mut columns, status);
            // PostgreSQL reads the word as the time of the transaction
            columns.set.insert("deleted_at".to_owned(), json!("now"));
        }
        Ending::PreviousStatus => restores = true,
        Ending::Unchanged => {}
    }
    let mut step = json!(columns);
    step["table"] = json!(touch.resource.table());
    step["id"] = json!(operation.subject());
    step["restore_status"] = json!(restores);
    step
}

/// The rules of the operation's quota, each with the limit that holds where none was set.
pub(super) fn quota(operation: &Operation, default_limit: impl Fn(&str) -> i64) -> Value {
    operation
        .contract()
        .quota
        .iter()
        .map(|rule| {
            let (QuotaRule::Count { resource, .. }
            | QuotaRule::Column { resource, .. }
            | QuotaRule::Growth { resource, .. }) = rule;
            let mut rule = json!(rule);
            rule["default_limit"] = json!(default_limit(resource));
            rule
        })
        .collect()
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

fn statuses(starts_from: StartsFrom) -> Option<Value> {
    match starts_from {
        StartsFrom::Statuses(statuses) => {
            Some(statuses.iter().map(|status| Value::from(status.as_str())).collect())
        }
        StartsFrom::New | StartsFrom::Anything => None,
    }
}
