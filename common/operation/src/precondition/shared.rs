//! Preconditions of several operations.

use super::{OfAny, Precondition, Row};
use model::{Error, ErrorKind};

pub(crate) const NOT_ATTACHED: Precondition = Precondition {
    name: "not_attached",
    meaning: "no server is attached to it, and none is expected",
    refusal: &OfAny(is_used),
};

/// The refusal of what needs a volume that no server uses.
pub(crate) fn is_used(row: &Row<'_>) -> Error {
    row.invalid("Volume is attached or reserved; detach or unreserve it first.")
}

pub(crate) const NO_SNAPSHOTS: Precondition = Precondition {
    name: "no_snapshots",
    meaning: "it has no snapshots but those that go with it",
    refusal: &OfAny(|row| {
        row.invalid(
            "Volume still has snapshots; delete them first, or delete the volume with cascade.",
        )
    }),
};

pub(crate) const NOT_USED_BY_OPERATION: Precondition = Precondition {
    name: "not_used_by_operation",
    meaning: "no live operation uses it, for instance copies from it",
    refusal: &OfAny(|row| {
        row.invalid(format!("{} is being copied from.", row.resource().capital_noun()))
    }),
};

pub(crate) const NOT_REPLICATED: Precondition = Precondition {
    name: "not_replicated",
    meaning: "its type does not ask for replication",
    refusal: &OfAny(|row| {
        row.invalid(
            "Volume is replicated; retype it to a type without replication before migrating it.",
        )
    }),
};

pub(crate) const NO_OPERATION_IN_PROGRESS: Precondition = Precondition {
    name: "no_operation_in_progress",
    meaning: "no live operation is about it or changes it",
    refusal: &OfAny(|row| {
        let (noun, capital) = (row.resource().noun(), row.resource().capital_noun());
        let status = row.text("status");
        Error::new(
            ErrorKind::Busy,
            format!("Invalid {noun}: {capital} is {status}; an operation is already in progress."),
        )
    }),
};

pub(crate) const RESERVABLE: Precondition = Precondition {
    name: "reservable",
    meaning: "it is available, or several servers may have it, or the same server has it",
    refusal: &OfAny(|row| {
        row.invalid(format!(
            "Volume {} status must be available to reserve, but the current status is {}.",
            row.text("id"),
            row.text("status")
        ))
    }),
};

pub(crate) const ATTACH_MODE_ALLOWED: Precondition = Precondition {
    name: "attach_mode_allowed",
    meaning: "it is not read-only, or the server only wants to read",
    refusal: &OfAny(|row| {
        row.invalid("Volume is read-only: it can only be attached with mode ro.")
    }),
};

pub(crate) const NO_OTHER_CONNECTION: Precondition = Precondition {
    name: "no_other_connection",
    meaning: "no other server is connected to it, unless several may be",
    refusal: &OfAny(|row| {
        let message = format!("Volume {} is connected to another server already.", row.text("id"));
        Error::new(ErrorKind::Conflict, message)
    }),
};

pub(crate) const NOT_IN_ERROR: Precondition = Precondition {
    name: "not_in_error",
    meaning: "its status is no error",
    refusal: &OfAny(|row| {
        Error::new(
            ErrorKind::Conflict,
            format!(
                "Volume {} is in an error state: its current status is {}.",
                row.text("id"),
                row.text("status")
            ),
        )
    }),
};

pub(crate) const TYPE_EXISTS: Precondition = Precondition {
    name: "type_exists",
    meaning: "its volume type exists",
    refusal: &OfAny(|row| {
        let volume_type = row.text("volume_type_id");
        Error::not_found(format!("Volume type {volume_type} could not be found."))
    }),
};

pub(crate) const BACKEND_REPLICATES: Precondition = Precondition {
    name: "backend_replicates",
    meaning: "the backend replicates it, if its type asks for that",
    refusal: &OfAny(|_| {
        Error::bad_request(
            "No valid backend was found: the matching backend has failed over and does not replicate.",
        )
    }),
};

pub(crate) const TYPE_UNUSED: Precondition = Precondition {
    name: "type_unused",
    meaning: "no volume is of this type, and none is about to be",
    refusal: &OfAny(|_| Error::bad_request("The volume type is in use by volumes.")),
};

pub(crate) const REPLICATES: Precondition = Precondition {
    name: "replicates",
    meaning: "the backend is replicated and serves from its primary",
    refusal: &OfAny(|row| {
        Error::bad_request(format!(
            "There are no replicas while the backend's replication status is {}.",
            row.text("replication_status")
        ))
    }),
};

pub(crate) const IS_FROZEN: Precondition = Precondition {
    name: "is_frozen",
    meaning: "the backend is frozen",
    refusal: &OfAny(|_| Error::bad_request("The backend is not frozen.")),
};

/// What must be true of a volume that goes to another backend, beside the operation's own preconditions.
pub(crate) const TO_MIGRATE: &[Precondition] =
    &[NOT_ATTACHED, NO_SNAPSHOTS, NOT_USED_BY_OPERATION, NOT_REPLICATED];

/// Each mode has a data path of its own: with the mode of an attachment the path would be forgotten that it keeps open.
pub(crate) const ATTACH_MODE_UNCHANGED: Precondition = Precondition {
    name: "attach_mode_unchanged",
    meaning: "the mode is the one that its data path was opened with, if it was",
    refusal: &OfAny(|row| {
        row.invalid(format!(
            "The attachment already has a connection with mode {}; terminate that connection first.",
            row.text("attach_mode")
        ))
    }),
};
