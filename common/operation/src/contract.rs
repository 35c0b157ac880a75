//! The terms in which every operation is defined.
//!
//! A [`Contract`] states what an operation *is*: where it may start, what it shows while it runs and
//! how it ends. It is data: the gate, the database, the worker, the generated documentation and the
//! tests all read the same one, and none of them knows a single operation by name.

use super::placement::PlacementRequest;
use super::precondition::{Precondition, shared::TO_MIGRATE};
use model::{AttachmentStatus, Caller, SnapshotStatus, VolumeStatus, text_enum};
use serde::Serialize;
use serde_json::{Map, Value};
use std::any::Any;
use uuid::Uuid;

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

text_enum! {
    /// The kinds of resources; the text form appears in error messages.
    pub enum Resource {
        /// A volume.
        Volume = "volume",
        /// A snapshot.
        Snapshot = "snapshot",
        /// An attachment.
        Attachment = "attachment",
        /// A volume type.
        VolumeType = "volume_type",
        /// A quality of service.
        QosSpecs = "qos_specs",
        /// A message to a user.
        Message = "message",
        /// What operators decided about a project.
        Project = "project",
        /// A set of limits that projects share.
        QuotaClass = "quota_class",
        /// A backend.
        Backend = "backend",
    }
}

impl Resource {
    /// What people call it.
    #[must_use]
    pub fn noun(self) -> String {
        self.as_str().replace('_', " ")
    }

    /// The noun as a sentence begins with it.
    #[must_use]
    pub fn capital_noun(self) -> String {
        let mut noun = self.noun();
        noun[..1].make_ascii_uppercase();
        noun
    }

    /// What messages to users call it (`resource_type`). `None` when there are none: nobody but the
    /// caller waits for the end of an operation on it, and the caller gets an answer.
    #[must_use]
    pub const fn message_type(self) -> Option<&'static str> {
        match self {
            Self::Volume => Some("VOLUME"),
            Self::Snapshot => Some("VOLUME_SNAPSHOT"),
            Self::Attachment
            | Self::VolumeType
            | Self::QosSpecs
            | Self::Message
            | Self::Project
            | Self::QuotaClass
            | Self::Backend => None,
        }
    }

    /// The resource that a table holds.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|resource| resource.table() == table)
    }

    /// The table that holds it.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Volume => "volumes",
            Self::Snapshot => "snapshots",
            Self::Attachment => "attachments",
            Self::VolumeType => "volume_types",
            Self::QosSpecs => "qos_specs",
            Self::Message => "messages",
            Self::Project => "projects",
            Self::QuotaClass => "quota_classes",
            Self::Backend => "backends",
        }
    }

    /// The view that shows it in full.
    #[must_use]
    pub const fn view(self) -> &'static str {
        match self {
            Self::Volume => "volume_details",
            Self::Snapshot => "snapshot_details",
            Self::Attachment => "attachment_details",
            Self::VolumeType => "volume_types",
            Self::QosSpecs => "qos_specs",
            Self::Message => "message_details",
            Self::Project => "projects",
            Self::QuotaClass => "quota_classes",
            Self::Backend => "backend_details",
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
}

impl Status {
    /// The word that the database stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Volume(status) => status.as_str(),
            Self::Snapshot(status) => status.as_str(),
            Self::Attachment(status) => status.as_str(),
        }
    }

    /// Whether an operation must be in progress while a resource shows this status.
    #[must_use]
    pub const fn is_transitional(self) -> bool {
        match self {
            Self::Volume(status) => status.is_transitional(),
            Self::Snapshot(status) => status.is_transitional(),
            Self::Attachment(_) => false,
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
    /// The resource is gone, and no reader finds it any more; the row keeps this status, if it has one.
    Removed(Option<Status>),
    /// What the caller asks for, among the statuses that nothing needs to bring about.
    AsAsked,
    /// What it showed while the operation ran.
    Unchanged,
}

text_enum! {
    /// The role of a resource in an operation.
    pub enum Role {
        /// The operation is about it.
        Subject = "subject",
        /// The volume that the subject belongs to.
        Volume = "volume",
        /// A snapshot that belongs to the subject, or that the subject is made like again.
        Snapshot = "snapshot",
        /// The volume type that the subject gets.
        VolumeType = "volume_type",
    }
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
    /// What it takes from the quota: reserved with the admission, taken or returned with the end, so that
    /// usage is always what the rows come to.
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
    /// What it does beyond the resources that it names.
    pub effects: &'static [Effect],
}

impl Contract {
    /// What it does to the subject and to others, the subject first.
    pub fn touches(&self) -> impl Iterator<Item = &Touch> {
        std::iter::once(&self.subject).chain(self.others.iter().map(|(_, touch)| touch))
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
}

impl Effect {
    /// What must be true of the subject when it comes to that.
    #[must_use]
    pub const fn preconditions(self) -> &'static [Precondition] {
        match self {
            Self::BeginsEpoch | Self::RestartsReplication => &[],
            Self::Migrates => TO_MIGRATE,
        }
    }
}

/// Columns of the subject's row that an operation writes beside the status.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Columns {
    /// Columns that get a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// Maps into which these entries are merged.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub merge: Map<String, Value>,
    /// Maps from which these keys are removed.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub remove: Map<String, Value>,
}

impl Columns {
    /// No columns.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds other columns to these.
    pub fn add(&mut self, other: Self) {
        self.set.extend(other.set);
        self.merge.extend(other.merge);
        self.remove.extend(other.remove);
    }

    /// The entries of a JSON object, each a column that gets a value.
    #[must_use]
    pub fn set(values: Value) -> Self {
        match values {
            Value::Object(set) => Self { set, ..Self::default() },
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Self::default(),
        }
    }
}

/// An operation's arguments, and how they become columns. Implemented once per operation, in the
/// file that bears its name; pure.
pub trait Definition: Any {
    /// The id of the resource that it is about.
    fn subject(&self) -> Uuid;

    /// The other resources that the contract speaks of. Several may play the same part.
    fn others(&self) -> Vec<(Role, Uuid)> {
        Vec::new()
    }

    /// Resources that must stay as they are while the operation is in progress, though it does not
    /// change them: what it copies from.
    fn uses(&self) -> Vec<Uuid> {
        Vec::new()
    }

    /// The resource on which no other such operation may be in progress at the same time, although both
    /// may be about other resources: the data path of a volume is opened and closed by one at a time.
    fn exclusive_on(&self) -> Option<Uuid> {
        None
    }

    /// Columns written together with the admission. For a new resource: the whole row, less what
    /// placement decides.
    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::none()
    }

    /// The row that is made of the subject where there is none yet, for what exists by being spoken of.
    fn base(&self) -> Option<Columns> {
        None
    }

    /// Columns written when it is done.
    fn columns_when_done(&self, _role: Role) -> Columns {
        Columns::none()
    }

    /// Columns written when it has failed: what its admission wrote and must not stay.
    fn columns_when_failed(&self, _role: Role) -> Columns {
        Columns::none()
    }

    /// What the place must be like, for an operation that puts a volume on a backend.
    fn placement_request(&self) -> Option<PlacementRequest> {
        None
    }
}
