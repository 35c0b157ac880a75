//! The error text of a refusal: the condition or precondition, since when, and for admins the reason.

use super::request::Request;
use super::verdict::{Verdict, verdict};
use database::admission::Refusal;
use model::quota::{GIGABYTES, PER_VOLUME_GIGABYTES, VOLUMES};
use model::{Backend, Condition, Error, ErrorKind};
use operation::OperationKind;
use operation::precondition::Row;
use time::OffsetDateTime;
use time::macros::format_description;

/// The error for a refusal.
pub(super) fn explain(refusal: Refusal, request: &Request<'_>, strict: bool) -> Error {
    let subject = request.operation.contract().subject.resource;
    match refusal {
        Refusal::NotFound { resource, id } => {
            Error::not_found(format!("{} {id} could not be found.", resource.capital_noun()))
        }
        Refusal::WrongStatus { resource, row, expected } => {
            let row = Row::new(resource, &row);
            row.invalid(format!(
                "{} status must be {} to {}, but current status is: {}.",
                resource.capital_noun(),
                expected.join(" or "),
                request.operation.kind().spoken(),
                row.text("status")
            ))
        }
        Refusal::Precondition { precondition, resource, row } => {
            request.operation.refusal(&precondition, resource, &row)
        }
        Refusal::Condition { conditions, backend } => {
            blocked_by_condition(&conditions, &backend, request, strict)
        }
        Refusal::OverQuota { resource, requested, in_use, limit } => {
            Error::new(ErrorKind::OverLimit, over_quota(&resource, requested, in_use, limit))
        }
        Refusal::Busy { operation } => {
            let other = operation.map_or("another operation", OperationKind::stem);
            let (noun, capital) = (subject.noun(), subject.capital_noun());
            let id = request.operation.definition().subject();
            let message =
                format!("Invalid {noun}: {capital} {id} has an operation in progress ({other}).");
            Error::new(ErrorKind::Busy, message)
        }
        Refusal::NameTaken => {
            let message = format!("{} with this name already exists.", subject.capital_noun());
            Error::new(ErrorKind::Conflict, message)
        }
        Refusal::Moved => Error::unavailable("The resource is being moved."),
        Refusal::Locked => Error::unavailable("The resource is locked."),
    }
}

fn blocked_by_condition(
    conditions: &[Condition],
    backend: &Backend,
    request: &Request<'_>,
    strict: bool,
) -> Error {
    let class = request.operation.contract().class;
    let is_admin = request.context.caller.is_admin;
    let named =
        if is_admin { format!("Backend {}", backend.name) } else { "The backend".to_owned() };
    let facts: Vec<String> =
        conditions.iter().map(|condition| fact(*condition, backend, is_admin)).collect();
    let message = format!(
        "{named} is {}: cannot {}.",
        facts.join(" and "),
        request.operation.kind().spoken()
    );
    let only_waits =
        conditions.iter().all(|condition| verdict(class, *condition, strict) == Verdict::Wait);
    if only_waits { Error::unavailable(message) } else { Error::bad_request(message) }
}

fn fact(condition: Condition, backend: &Backend, is_admin: bool) -> String {
    match condition {
        Condition::Frozen => format!("frozen{}", since(backend.frozen_at)),
        Condition::Disabled => {
            let reason = backend.disabled_reason.as_deref().filter(|_| is_admin);
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("disabled{}{reason}", since(backend.disabled_at))
        }
        Condition::FailingOver => "failing over".to_owned(),
        Condition::Down => format!("down{}", since(backend.seen_at)),
    }
}

fn since(time: Option<OffsetDateTime>) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    time.and_then(|time| time.to_offset(time::UtcOffset::UTC).format(format).ok())
        .map(|time| format!(" since {time}"))
        .unwrap_or_default()
}

/// Cinder's texts; clients show them as they are.
fn over_quota(resource: &str, requested: i64, in_use: i64, limit: i64) -> String {
    match resource {
        VOLUMES => {
            format!(
                "VolumeLimitExceeded: Maximum number of volumes allowed ({limit}) exceeded for quota 'volumes'."
            )
        }
        PER_VOLUME_GIGABYTES => format!(
            "VolumeSizeExceedsLimit: Requested volume size {requested}G is larger than maximum allowed limit \
             {limit}G."
        ),
        GIGABYTES => format!(
            "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. \
             Requested {requested}G, quota is {limit}G and {in_use}G has been consumed."
        ),
        _ => format!("Quota exceeded for resources: ['{resource}']."),
    }
}
