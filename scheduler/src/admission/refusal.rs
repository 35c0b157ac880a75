//! What a refused caller is told: what stands against it, since when, and for admins why.

use super::{Request, Verdict, verdict};
use database::admission::Refusal;
use model::{Backend, Condition, Error, ErrorKind};
use operation::contract::{Precondition, Resource};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

/// The error for a refusal.
pub(super) fn explain(refusal: Refusal, request: &Request<'_>, strict: bool) -> Error {
    match refusal {
        Refusal::NotFound { table, id } => {
            Error::not_found(format!("{} {id} could not be found.", capitalised(&noun(&table))))
        }
        Refusal::WrongStatus { table, row, expected } => {
            let resource = noun(&table);
            Error::bad_request(format!(
                "Invalid {resource}: {} status must be {} to {}, but current status is: {}.",
                capitalised(&resource),
                expected.join(" or "),
                spoken(request),
                word(&row, "status")
            ))
        }
        Refusal::Precondition { precondition, table, row } => {
            broken(precondition, &noun(&table), &row, &json!(request.operation)["arguments"])
        }
        Refusal::Condition { conditions, backend } => {
            kept_out(&conditions, &backend, request, strict)
        }
        Refusal::OverQuota { resource, requested, in_use, limit } => {
            Error::new(ErrorKind::OverLimit, over_quota(&resource, requested, in_use, limit))
        }
        Refusal::Busy { operation } => {
            let resource = request.operation.contract().subject.resource.as_str();
            let other = operation.map_or("another operation", |kind| kind.stem());
            Error::new(
                ErrorKind::Busy,
                format!(
                    "Invalid {resource}: {} {} is being worked on ({other}).",
                    capitalised(resource),
                    request.operation.subject()
                ),
            )
        }
        Refusal::NameTaken => {
            let resource = request.operation.contract().subject.resource.as_str().replace('_', " ");
            let message = format!("{} with this name already exists.", capitalised(&resource));
            Error::new(ErrorKind::Conflict, message)
        }
        Refusal::Moved => Error::unavailable("The resource is being moved."),
    }
}

/// What users call the rows of a table.
fn noun(table: &str) -> String {
    let resource = Resource::ALL.iter().find(|resource| resource.table() == table);
    resource.map_or("resource", |resource| resource.as_str()).replace('_', " ")
}

fn kept_out(
    conditions: &[Condition],
    backend: &Backend,
    request: &Request<'_>,
    strict: bool,
) -> Error {
    let class = request.operation.contract().class;
    let is_admin = request.context.caller.is_admin();
    let named =
        if is_admin { format!("Backend {}", backend.name) } else { "The backend".to_owned() };
    let facts: Vec<String> =
        conditions.iter().map(|condition| fact(*condition, backend, is_admin)).collect();
    let message = format!("{named} is {}: cannot {}.", facts.join(" and "), spoken(request));
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

fn broken(precondition: Precondition, resource: &str, row: &Value, arguments: &Value) -> Error {
    let invalid = |what: String| Error::bad_request(format!("Invalid {resource}: {what}"));
    match precondition {
        Precondition::NotAttached => {
            invalid("Volume is attached, or kept for a server; detach it first.".to_owned())
        }
        Precondition::NoSnapshots => invalid(
            "Volume still has snapshots; delete them first, or with it (cascade).".to_owned(),
        ),
        Precondition::Reservable => invalid(format!(
            "Volume {} status must be available to reserve, but the current status is {}.",
            word(row, "id"),
            word(row, "status")
        )),
        Precondition::TakesMode => {
            invalid("Volume is read-only: it can be attached with mode ro alone.".to_owned())
        }
        Precondition::OnlyConnection => Error::new(
            ErrorKind::Conflict,
            format!("Volume {} is connected to another server already.", word(row, "id")),
        ),
        Precondition::KeepsMode => invalid(format!(
            "It is being attached with mode {}; close its connection first.",
            word(row, "attach_mode")
        )),
        Precondition::KeepsHost => {
            invalid("Its data path is open for another host; close that first.".to_owned())
        }
        Precondition::NotInError => Error::new(
            ErrorKind::Conflict,
            format!(
                "Volume {} is in an error state: its current status is {}.",
                word(row, "id"),
                word(row, "status")
            ),
        ),
        Precondition::NotConnected => {
            invalid("A server has been told how to connect; close its connection.".to_owned())
        }
        Precondition::CopyableWhereItIs => invalid(
            "Volume is attached, and its backend cannot copy an attached volume.".to_owned(),
        ),
        Precondition::SnapshottableWhereItIs if arguments["while_attached"] == json!(false) => {
            invalid(format!(
                "Volume status must be available to create snapshot, but current status is: {}. Ask \
                 for it with force, or with microversion 3.66.",
                word(row, "status")
            ))
        }
        Precondition::SnapshottableWhereItIs => invalid(
            "Volume is attached, and its backend cannot take a snapshot of an attached volume."
                .to_owned(),
        ),
        Precondition::NewestOfItsSize => Error::bad_request(
            "Specified snapshot is not the latest one of the volume, or the volume was extended since.",
        ),
        Precondition::SizeIncreases => Error::bad_request(format!(
            "Invalid input received: New size for extend must be greater than current size. \
             (current: {}, extended: {}).",
            row["size_gb"], arguments["new_size_gb"]
        )),
        Precondition::ExtendableWhereItIs if arguments["while_attached"] == json!(false) => {
            invalid(
                "Volume status must be available to extend, but current status is: in-use. \
             Ask for microversion 3.42 to extend an attached volume."
                    .to_owned(),
            )
        }
        Precondition::ExtendableWhereItIs => invalid(
            "Volume is attached, and its backend cannot extend an attached volume.".to_owned(),
        ),
        Precondition::NotBeingWorkedOn => Error::new(
            ErrorKind::Busy,
            format!(
                "Invalid {resource}: {} is {}; what brings that about is under way.",
                capitalised(resource),
                word(row, "status")
            ),
        ),
        Precondition::FitsAttachments => invalid(format!(
            "Status {} does not fit the volume's attachments; change those.",
            arguments["status"]
        )),
        Precondition::IsServed => invalid(
            "The volume is not where its backend serves from. It is given back when the backend fails over to \
             where it is; or an operator fails over and accepts the loss."
                .to_owned(),
        ),
        Precondition::TypeChanges => invalid("It is of this type already.".to_owned()),
        Precondition::KeepsMultiattach => invalid(
            "Volume is attached: whether several servers may attach it cannot change.".to_owned(),
        ),
        Precondition::NotInUseElsewhere => {
            invalid(format!("{} is being copied from.", capitalised(resource)))
        }
        Precondition::HasMetadataKey => Error::not_found(format!(
            "Metadata item {} was not found on the {resource}.",
            arguments["metadata"]["remove_key"]
        )),
        Precondition::HasImageMetadataKey => Error::not_found(format!(
            "Metadata item {} was not found on the volume's image metadata.",
            arguments["image_metadata"]["remove_key"]
        )),
        Precondition::MetadataUnchanged => {
            Error::new(ErrorKind::PreconditionFailed, "The metadata has changed meanwhile.")
        }
        Precondition::TypeUnused => {
            Error::bad_request("The volume type is in use: there are volumes of it.")
        }
        Precondition::EncryptionChanges if arguments["is_there"] == json!(true) => {
            Error::not_found(format!("Volume type encryption for type {} does not exist.", word(row, "id")))
        }
        Precondition::EncryptionChanges => Error::bad_request(format!(
            "Volume type encryption for type {} already exists.",
            word(row, "id")
        )),
        Precondition::NoOtherQos if row["qos_specs_id"].is_null() => Error::not_found(format!(
            "No such QoS spec {}.",
            word(arguments, "qos_specs_id")
        )),
        Precondition::NoOtherQos => Error::bad_request(format!(
            "Invalid volume type: Type {} is already associated with another qos specs: {}",
            word(row, "id"),
            word(row, "qos_specs_id")
        )),
        Precondition::QosUnused => Error::bad_request("Qos specs still in use."),
        Precondition::HasSpecs => Error::not_found(format!(
            "QoS spec {} has not all of the keys {}.",
            word(row, "id"),
            arguments["remove_keys"]
        )),
        Precondition::KeepsFrontEndQos => invalid(
            "Volume is attached: what servers must keep to of its quality of service cannot change."
                .to_owned(),
        ),
        Precondition::TypeIsThere => {
            Error::not_found(format!("Volume type {} could not be found.", word(row, "volume_type_id")))
        }
        Precondition::NoProjectsDefault => Error::bad_request(
            "The volume type is the default of a project; give that another one first.",
        ),
        Precondition::NotTheOnlyType => {
            Error::bad_request("The last volume type cannot be deleted: a volume always has one.")
        }
        Precondition::HasExtraSpec => Error::not_found(format!(
            "Volume Type {} has no extra specs with key {}.",
            word(row, "id"),
            arguments["extra_specs"]["remove_key"]
        )),
        Precondition::IsPrivate => Error::bad_request(
            "Type access modification is not applicable to a public volume type.",
        ),
        Precondition::AccessChanges if arguments["allowed"] == json!(true) => Error::new(
            ErrorKind::Conflict,
            format!("Project {} already has access to the volume type.", arguments["project"]),
        ),
        Precondition::AccessChanges => Error::not_found(format!(
            "Project {} has no access to the volume type.",
            arguments["project"]
        )),
        Precondition::LimitsCoverUsage => Error::bad_request(format!(
            "Quota limits {} are less than what project {} uses already.",
            arguments["limits"], arguments["project"]
        )),
        Precondition::ReplicatesThere => Error::bad_request(
            "No valid backend was found: the one that fits has failed over, and replicates nothing now.",
        ),
        Precondition::NotReplicated => invalid(
            "Volume is replicated; give it a type without replication before it goes elsewhere.".to_owned(),
        ),
        Precondition::CanFailOver => Error::bad_request(format!(
            "The backend cannot fail over while its replication status is {}.",
            word(row, "replication_status")
        )),
        Precondition::TargetOffered if arguments["target"].is_null() => {
            Error::bad_request("The backend serves from its own side already.")
        }
        Precondition::TargetOffered if arguments["target"] == row["active_backend_id"] => {
            Error::bad_request(format!("The backend serves from {} already.", word(arguments, "target")))
        }
        Precondition::TargetOffered => Error::bad_request(format!(
            "The backend has no replication target {}; it has {}.",
            word(arguments, "target"),
            row["report"]["replication_targets"]
        )),
        Precondition::TargetIsUp => Error::bad_request(format!(
            "{} is down: the backend's worker cannot use it.",
            arguments["target"].as_str().unwrap_or("The backend's own side")
        )),
        Precondition::WorkerIsUp => {
            Error::bad_request("The backend's worker is down: nobody could fail it over.")
        }
        Precondition::IsFailedOver => Error::bad_request(format!(
            "The backend does not serve from a target: its replication status is {}.",
            word(row, "replication_status")
        )),
        Precondition::ReadyForPromotion => Error::bad_request(format!(
            "The worker still has {} as a target. Stop it, make the target its own side in the \
             configuration, and ask again.",
            word(row, "active_backend_id")
        )),
        Precondition::CanReplicate => Error::bad_request(format!(
            "The backend's replication status is {}, its targets are {}: there is nothing to enable.",
            word(row, "replication_status"),
            row["report"]["replication_targets"]
        )),
        Precondition::IsFrozen => Error::bad_request("The backend is not frozen."),
        Precondition::IsNotFrozen => Error::bad_request("The backend is already frozen."),
    }
}

/// Cinder's texts; clients show them as they are.
fn over_quota(resource: &str, requested: i64, in_use: i64, limit: i64) -> String {
    match resource {
        "volumes" => {
            format!(
                "VolumeLimitExceeded: Maximum number of volumes allowed ({limit}) exceeded for quota 'volumes'."
            )
        }
        "per_volume_gigabytes" => format!(
            "VolumeSizeExceedsLimit: Requested volume size {requested}G is larger than maximum allowed limit \
             {limit}G."
        ),
        "gigabytes" => format!(
            "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. \
             Requested {requested}G, quota is {limit}G and {in_use}G has been consumed."
        ),
        _ => format!("Quota exceeded for resources: ['{resource}']."),
    }
}

/// `extend_volume` as people say it.
fn spoken(request: &Request<'_>) -> String {
    request.operation.kind().stem().replace('_', " ")
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn word<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_default()
}
