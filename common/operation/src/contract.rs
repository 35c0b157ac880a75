//! The terms in which every operation is defined.
//!
//! A [`Contract`] states what an operation *is*: where it may start, what it shows while it runs and
//! how it ends. It is data: the gate, the database, the worker, the generated documentation and the
//! tests all read the same one, and none of them knows a single operation by name.

pub use super::columns::Columns;
pub use super::definition::Definition;
use super::precondition::{Precondition, shared::TO_MIGRATE};
pub use super::resource::{Resource, Role};
use model::{AttachmentStatus, BackupStatus, SnapshotStatus, VolumeStatus, text_enum};
use serde::Serialize;

text_enum! {
    /// The effect of an operation on a backend, which decides under which conditions it is admitted.
    pub enum Class {
        /// Puts something new on a backend.
        Place = "place",
        /// Changes or removes what is there.
        Modify = "modify",
        /// Opens or closes access to data.
        Connect = "connect",
        /// Changes only records in the database.
        Record = "record",
        /// An operator's decision about the backend itself.
        Operate = "operate",
    }
}

impl Class {
    /// Whether the admission must be alone with the backend: it changes what others are judged by.
    #[must_use]
    pub const fn is_exclusive(self) -> bool {
        match self {
            Self::Operate => true,
            Self::Place | Self::Modify | Self::Connect | Self::Record => false,
        }
    }

    /// Whether notifications are sent of it: of what operators and their monitoring wait for.
    #[must_use]
    pub const fn notifies(self) -> bool {
        match self {
            Self::Operate => true,
            Self::Place | Self::Modify | Self::Connect | Self::Record => false,
        }
    }
}

/// A status of one of the resources that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Of a volume.
    Volume(VolumeStatus),
    /// Of a snapshot.
    Snapshot(SnapshotStatus),
    /// Of an attachment.
    Attachment(AttachmentStatus),
    /// Of a backup.
    Backup(BackupStatus),
}

impl Status {
    /// The word that the database stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Volume(status) => status.as_str(),
            Self::Snapshot(status) => status.as_str(),
            Self::Attachment(status) => status.as_str(),
            Self::Backup(status) => status.as_str(),
        }
    }

    /// Whether an operation must be in progress while a resource shows this status.
    #[must_use]
    pub const fn is_transitional(self) -> bool {
        match self {
            Self::Volume(status) => status.is_transitional(),
            Self::Snapshot(status) => status.is_transitional(),
            Self::Attachment(_) => false,
            Self::Backup(status) => status.is_transitional(),
        }
    }
}

/// The statuses from which an operation may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartsFrom {
    /// The operation makes the resource.
    New,
    /// One of these.
    Statuses(&'static [Status]),
    /// Any, or the resource has none.
    Anything,
}

/// The status of the resource while the operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileRunning {
    /// This status.
    Becomes(Status),
    /// What a volume's attachments come to, this operation's included.
    ByAttachments,
    /// What it showed before.
    Unchanged,
}

/// The status of the resource after the operation has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// This status.
    Becomes(Status),
    /// The status from which the operation started.
    PreviousStatus,
    /// What a volume's remaining attachments come to: `in-use`, `available`, or on the way there.
    ByAttachments,
    /// The same, though the volume was in error before: it is whole again.
    WholeByAttachments,
    /// The resource is gone, and no reader finds it any more; the row keeps this status, if it has one.
    Removed(Option<Status>),
    /// What the caller asks for, among the statuses that nothing needs to bring about.
    AsAsked,
    /// `available` where it awaited a transfer; otherwise what it showed.
    AwaitsNoTransfer,
    /// What it showed while the operation ran.
    Unchanged,
}

/// The effect of an operation on one resource.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    /// Which kind of resource.
    pub resource: Resource,
    /// From where it may begin.
    pub starts_from: StartsFrom,
    /// What else must be true of the resource.
    pub preconditions: &'static [Precondition],
    /// What is shown meanwhile.
    pub while_running: WhileRunning,
    /// What is shown after success.
    pub when_done: Ending,
    /// What is shown after the driver failed. A *refused* operation leaves no trace at all.
    pub when_failed: Ending,
    /// What it takes from the quota: it counts as used from the admission on, and what was not made is given back with
    /// the end; so that usage is what the rows come to while nothing is in progress.
    pub quota: &'static [QuotaRule],
}

impl Touch {
    /// A row that may be in any status and keeps it, whatever else of it changes.
    #[must_use]
    pub const fn keeping_status(resource: Resource) -> Self {
        Self {
            resource,
            starts_from: StartsFrom::Anything,
            preconditions: &[],
            while_running: WhileRunning::Unchanged,
            when_done: Ending::Unchanged,
            when_failed: Ending::Unchanged,
            quota: &[],
        }
    }
}

/// Where the effect of an operation happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Within the admission itself, so that it cannot be interrupted.
    InAdmission,
    /// On the backend, by its worker, after the admission.
    OnBackend(AfterCrash),
    /// In a backup service, after the admission.
    InBackupService(AfterCrash),
}

text_enum! {
    /// How an operation is recovered whose worker died between claim and finish.
    pub enum AfterCrash {
        /// It is run again: every driver call converges on the same end, however often it is made.
        Rerun = "rerun",
        /// It ends as failed.
        Fail = "fail",
    }
}

/// What an operation takes from, or gives back to, its project's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum QuotaRule {
    /// One more, or one less, of a counted resource.
    Count {
        /// The quota's name.
        resource: &'static str,
        /// 1 or -1.
        sign: i8,
    },
    /// As much as a column of the resource says.
    Column {
        /// The quota's name.
        resource: &'static str,
        /// The column.
        column: &'static str,
        /// 1 or -1.
        sign: i8,
    },
    /// Nothing: what a column will be must not exceed the limit, whatever else there is.
    Each {
        /// The quota's name.
        resource: &'static str,
        /// The column.
        column: &'static str,
    },
    /// What counts for one volume type until the operation is done, and for another one then.
    Retype {
        /// The quota's name, less the type.
        resource: &'static str,
        /// The column that says how much; `None` for one.
        column: Option<&'static str>,
    },
    /// The difference between a column's value after and before the operation.
    Growth {
        /// The quota's name.
        resource: &'static str,
        /// The column.
        column: &'static str,
    },
}

impl QuotaRule {
    /// What is given back where this is taken; `None` when nothing is.
    #[must_use]
    pub const fn given_back(self) -> Option<Self> {
        match self {
            Self::Count { resource, sign } => Some(Self::Count { resource, sign: -sign }),
            Self::Column { resource, column, sign } => {
                Some(Self::Column { resource, column, sign: -sign })
            }
            Self::Each { .. } | Self::Retype { .. } | Self::Growth { .. } => None,
        }
    }

    /// The name of the quota that it takes from.
    #[must_use]
    pub const fn resource(&self) -> &'static str {
        match self {
            Self::Count { resource, .. }
            | Self::Column { resource, .. }
            | Self::Each { resource, .. }
            | Self::Retype { resource, .. }
            | Self::Growth { resource, .. } => resource,
        }
    }
}

/// Everything that is fixed about an operation.
#[derive(Clone, Copy, Debug)]
pub struct Contract {
    /// One sentence for the documentation.
    pub summary: &'static str,
    /// What it does to a backend.
    pub class: Class,
    /// What it does to the resource that it is about.
    pub subject: Touch,
    /// What it does to other resources, by the parts that they play.
    pub others: &'static [(Role, Touch)],
    /// The columns of the subject that it may write with its admission, beside the status.
    pub written_on_admission: &'static [&'static str],
    /// Those that it may write with its end.
    pub written_at_end: &'static [&'static str],
    /// What it does beyond the resources that it names.
    pub effects: &'static [Effect],
}

impl Contract {
    /// The parts that resources play, with what happens to them: the subject's first.
    pub fn parts(&self) -> impl Iterator<Item = (Role, &Touch)> {
        let others = self.others.iter().map(|(role, touch)| (*role, touch));
        std::iter::once((Role::Subject, &self.subject)).chain(others)
    }

    /// What it does to the subject and to others, the subject first.
    pub fn touches(&self) -> impl Iterator<Item = &Touch> {
        self.parts().map(|(_, touch)| touch)
    }

    /// Whether it has this effect.
    #[must_use]
    pub fn has(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }

    /// Every precondition, those of a migration included where there may be one.
    pub fn preconditions(&self) -> impl Iterator<Item = &Precondition> {
        let effects = self.effects.iter().flat_map(|effect| effect.preconditions());
        self.touches().flat_map(|touch| touch.preconditions).chain(effects)
    }
}

/// What an operation does beyond the resources that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What was admitted for the backend before, and has not ended, ends as failed.
    BeginsEpoch,
    /// The replication of the backend's volumes restarts from the side that it serves now.
    RestartsReplication,
    /// The subject may go to another backend.
    Migrates,
    /// The volume and the snapshots that it touches belong to the caller afterwards, in the quota too: what it takes from the quota of the
    /// caller, it gives back to the one whose they were. Whose the subject is does not matter.
    ChangesOwner,
}

impl Effect {
    /// What must be true of the subject when it comes to that.
    #[must_use]
    pub const fn preconditions(self) -> &'static [Precondition] {
        match self {
            Self::BeginsEpoch | Self::RestartsReplication | Self::ChangesOwner => &[],
            Self::Migrates => TO_MIGRATE,
        }
    }
}
