//! What a row demands of the quota, as SQL.

use model::quota::LIMITED_BY_TYPE;
use operation::contract::{QuotaRule, Resource, Touch};
use std::fmt::Write as _;

/// The lines with which an admission notes what a row demands: in all, and for the row's volume type. A type may be renamed:
/// its id counts.
pub(super) fn demands(touch: &Touch, row: &str, indent: &str) -> String {
    let project = format!("{row}.project_id");
    let demanded = touch.quota.iter().flat_map(|rule| demanded(*rule, row, &project));
    lines(demanded.collect(), &consumes_quota(touch, row), indent)
}

/// The same where the row comes to belong to the caller's project.
pub(super) fn demands_of_new_owner(touch: &Touch, row: &str, indent: &str) -> String {
    let owner = format!("{row}.project_id");
    let taken = touch.quota.iter().flat_map(|rule| demanded(*rule, row, "r.project_id"));
    let given_back = touch.quota.iter().filter_map(|rule| rule.given_back());
    let given_back = given_back.flat_map(|rule| demanded(rule, row, &owner));
    let condition = format!("{} and {owner} <> r.project_id", consumes_quota(touch, row));
    lines(taken.chain(given_back).collect(), &condition, indent)
}

/// The condition that the row counts.
fn consumes_quota(touch: &Touch, row: &str) -> String {
    match touch.resource {
        Resource::Volume | Resource::Snapshot => format!("coalesce({row}.consumes_quota, true)"),
        Resource::Attachment
        | Resource::Backup
        | Resource::Transfer
        | Resource::VolumeType
        | Resource::QosSpecs
        | Resource::Message
        | Resource::Project
        | Resource::QuotaClass
        | Resource::Backend => "true".to_owned(),
    }
}

fn lines(demanded: Vec<String>, condition: &str, indent: &str) -> String {
    if demanded.is_empty() {
        return String::new();
    }
    let mut sql = format!("{indent}if {condition} then\n");
    let _ = writeln!(sql, "{indent}    asked := asked || array[");
    let _ = writeln!(sql, "{indent}        {}", demanded.join(&format!(",\n{indent}        ")));
    let _ = writeln!(sql, "{indent}    ]::quota_demand[];");
    let _ = writeln!(sql, "{indent}end if;");
    sql
}

/// What a rule demands of a project's quota, in all and for the type.
fn demanded(rule: QuotaRule, row: &str, project: &str) -> Vec<String> {
    let resource = rule.resource();
    let in_all = |amount: &str| {
        format!(
            "(r.id, {project}, '{resource}', {amount}, (default_limits ->> '{resource}')::bigint, false)"
        )
    };
    let of_type = |of: &str, amount: &str| {
        format!("(r.id, {project}, '{resource}_' || {of}, {amount}, -1, false)")
    };
    let both = |amount: &str| {
        let mut both = vec![in_all(amount)];
        if LIMITED_BY_TYPE.contains(&resource) {
            both.push(of_type(&format!("{row}.volume_type_id"), amount));
        }
        both
    };
    match rule {
        QuotaRule::Count { sign, .. } => both(&sign.to_string()),
        QuotaRule::Column { column, sign, .. } => both(&format!("{sign} * {row}.{column}")),
        QuotaRule::Growth { column, .. } => {
            both(&format!("(r.when_done ->> '{column}')::bigint - {row}.{column}"))
        }
        QuotaRule::Each { column, .. } => vec![format!(
            "(r.id, {project}, '{resource}', coalesce((r.when_done ->> '{column}')::bigint, {row}.{column}), \
             (default_limits ->> '{resource}')::bigint, true)"
        )],
        QuotaRule::Retype { column, .. } => {
            let amount = column.map_or("1".to_owned(), |column| format!("{row}.{column}"));
            vec![
                of_type(&format!("{row}.volume_type_id"), &format!("-{amount}")),
                of_type("(r.when_done ->> 'volume_type_id')", &amount),
            ]
        }
    }
}
