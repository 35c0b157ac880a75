//! How rows are locked and changed: lines of SQL for one resource.

use operation::contract::{Contract, Ending, Resource, Role, Runs, Status, Touch, WhileRunning};
use std::fmt::Write as _;

/// The name under which a function knows the row that plays a part.
pub(super) const fn variable(role: Role) -> &'static str {
    match role {
        Role::Subject => "subject",
        Role::Volume => "volume",
        Role::Snapshot => "snapshot",
        Role::Backup => "backup",
        Role::VolumeType => "volume_type",
    }
}

/// Columns that hold a map, into which entries are merged and from which keys are removed.
fn is_map(resource: Resource, column: &str) -> bool {
    match resource {
        Resource::Volume => matches!(column, "metadata" | "image_metadata"),
        Resource::Snapshot | Resource::Backup => column == "metadata",
        Resource::VolumeType => matches!(column, "extra_specs" | "access"),
        Resource::QosSpecs => column == "specs",
        Resource::Project | Resource::QuotaClass => column == "quota",
        Resource::Attachment | Resource::Transfer | Resource::Message | Resource::Backend => false,
    }
}

/// The columns that a new row is inserted with beside its status.
pub(super) fn inserted(contract: &Contract) -> Vec<&'static str> {
    let placed: &[_] = match contract.subject.resource {
        Resource::Volume => &["backend_id", "pool", "availability_zone"],
        Resource::Snapshot
        | Resource::Attachment
        | Resource::Backup
        | Resource::Transfer
        | Resource::VolumeType
        | Resource::QosSpecs
        | Resource::Message
        | Resource::Project
        | Resource::QuotaClass
        | Resource::Backend => &[],
    };
    contract.written_on_admission.iter().chain(placed).copied().collect()
}

/// The status that a new row is inserted with.
pub(super) fn first_status(touch: &Touch, runs: Runs) -> Option<Status> {
    match (runs, touch.while_running, touch.when_done) {
        (Runs::OnBackend(_) | Runs::InBackupService(_), WhileRunning::Becomes(status), _)
        | (Runs::InAdmission, _, Ending::Becomes(status)) => Some(status),
        _ => None,
    }
}

/// The assignments with which the admission changes a row that is there.
pub(super) fn on_admission(touch: &Touch, runs: Runs, columns: &[&str]) -> Vec<String> {
    let mut assigned = match (runs, touch.while_running) {
        (Runs::OnBackend(_) | Runs::InBackupService(_), WhileRunning::Becomes(status)) => {
            vec![becomes(status), "previous_status = t.status".to_owned()]
        }
        (_, WhileRunning::ByAttachments) => follow_attachments(),
        (Runs::InAdmission, _) => ending(touch.when_done),
        (Runs::OnBackend(_) | Runs::InBackupService(_), WhileRunning::Unchanged) => Vec::new(),
    };
    assigned.extend(written(touch.resource, columns, Changes::Asked));
    finished(assigned)
}

/// The assignments with which the end of the operation changes a row.
pub(super) fn at_end(touch: &Touch, succeeded: bool, columns: &[&str]) -> Vec<String> {
    let mut assigned = ending(if succeeded { touch.when_done } else { touch.when_failed });
    assigned.extend(written(touch.resource, columns, Changes::Values));
    finished(assigned)
}

fn finished(mut assigned: Vec<String>) -> Vec<String> {
    if !assigned.is_empty() {
        assigned.push("updated_at = clock_timestamp()".to_owned());
    }
    assigned
}

fn ending(ending: Ending) -> Vec<String> {
    match ending {
        Ending::Becomes(status) => vec![becomes(status)],
        Ending::PreviousStatus => {
            vec!["status = t.previous_status".to_owned(), "previous_status = null".to_owned()]
        }
        Ending::ByAttachments => follow_attachments(),
        Ending::WholeByAttachments => {
            vec!["status = status_by_attachments(t.id)".to_owned(), "previous_status = null".to_owned()]
        }
        Ending::Removed(status) => {
            let removed = "deleted_at = clock_timestamp()".to_owned();
            status.map(becomes).into_iter().chain([removed]).collect()
        }
        Ending::AwaitsNoTransfer => ["status", "previous_status"]
            .map(|column| {
                format!("{column} = case when t.{column} = 'awaiting-transfer' then 'available' else t.{column} end")
            })
            .to_vec(),
        // the columns carry it
        Ending::AsAsked => Vec::new(),
        Ending::Unchanged => Vec::new(),
    }
}

fn becomes(status: Status) -> String {
    format!("status = '{}'", status.as_str())
}

fn follow_attachments() -> Vec<String> {
    vec![
        "status = case when follows_attachments(t.status) then status_by_attachments(t.id) else t.status end"
            .to_owned(),
        "previous_status = case when not follows_attachments(t.status) and follows_attachments(t.previous_status) \
         then status_by_attachments(t.id) else t.previous_status end"
            .to_owned(),
    ]
}

/// What the columns of a row are given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Changes {
    /// Values, and changes of maps: `x` is an `admission_request`.
    Asked,
    /// Values alone: `x` is an `operation_end`.
    Values,
}

/// The assignment of columns that are there, from the request `x`.
fn written(resource: Resource, columns: &[&str], changes: Changes) -> Option<String> {
    if columns.is_empty() {
        return None;
    }
    let value = |column: &&str| match changes {
        Changes::Asked if is_map(resource, column) => format!(
            "(n.{column} || coalesce(x.merged -> '{column}', '{{}}')) \
             - array(select jsonb_array_elements_text(x.removed -> '{column}'))"
        ),
        Changes::Asked | Changes::Values => format!("n.{column}"),
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    Some(format!(
        "({}) = (select {} from jsonb_populate_record(t, x.columns) n)",
        columns.join(", "),
        values.join(", ")
    ))
}

/// An update of one table: `t` is its row, `x` the request or the end, as `from` says.
pub(super) fn update(resource: Resource, assigned: &[String], from: &str) -> String {
    if assigned.is_empty() {
        return String::new();
    }
    let mut sql = format!("    update {} t\n    set ", resource.table());
    let _ = writeln!(sql, "{}", assigned.join(",\n        "));
    let _ = writeln!(sql, "    {from};");
    sql
}

/// The condition that `t` is the row that plays a part in `x`.
pub(super) const fn is_the_row(role: Role) -> &'static str {
    match role {
        Role::Subject => "t.id = x.subject",
        Role::Volume => "t.id = x.volume",
        Role::Snapshot => "t.id = any (x.snapshots)",
        Role::Backup => "t.id = x.backup",
        Role::VolumeType => "t.id = x.volume_type",
    }
}
