//! The terms in which every operation is defined.
//!
//! A [`Contract`] states what an operation *is*: where it may start, what it shows while it runs and
//! how it ends. It is data: the gate, the database, the worker, the generated documentation and the
//! tests all read the same one, and none of them knows a single operation by name.
use model::{
    AttachmentStatus, BackendId, Caller, Metadata, SnapshotStatus, VolumeStatus, text_enum,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

text_enum! {
    /// What an operation does to a backend, which decides when the gate lets it pass.
    pub enum Class {
        /// Puts something new on a backend.
        Place = "place",
        /// Changes or removes what is there.
        Modify = "modify",
        /// Opens or closes access to data.
        Connect = "connect",
        /// Changes only what cinderblock remembers.
        Record = "record",
        /// An operator's decision about the backend itself.
        Operate = "operate",
    }
}

text_enum! {
    /// What an operation can be about; the word is what users read in error messages.
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

    /// Whether an operation must be under way while a resource shows this status.
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

/// What the resource shows while the operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileRunning {
    /// This status.
    Becomes(Status),
    /// What a volume's attachments come to, this operation's included.
    ByAttachments,
    /// What it showed before.
    Unchanged,
}

/// What the resource shows once the operation has ended.
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
    /// The part that a resource plays in an operation.
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

/// What an operation does to one resource.
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
    /// What becomes of an operation whose worker died between claim and finish.
    pub enum AfterCrash {
        /// It is run again: every driver call converges on the same end, however often it is made.
        Rerun = "rerun",
        /// It ends as failed.
        Fail = "fail",
    }
}

text_enum! {
    /// A named condition on the resource, beyond its status, under which an operation may begin.
    /// Each is checked by the SQL function `precondition_holds`, in the admission transaction.
    pub enum Precondition {
        /// No server is attached.
        NotAttached = "not_attached",
        /// It has no snapshots, but for those that go with it.
        NoSnapshots = "no_snapshots",
        /// The volume may be kept for this server: nobody has it, or several may, or the server has it.
        Reservable = "reservable",
        /// The volume is not read-only, or the server only wants to read.
        TakesMode = "takes_mode",
        /// No other server is connected to the volume, unless several may be.
        OnlyConnection = "only_connection",
        /// What the server may do is what its data path was opened for, if it was.
        KeepsMode = "keeps_mode",
        /// No data path is open for another host.
        KeepsHost = "keeps_host",
        /// Its status is no error.
        NotInError = "not_in_error",
        /// Nobody has been told yet how to connect.
        NotConnected = "not_connected",
        /// It can be copied as it is now: nobody writes, or the backend copes with that.
        CopyableWhereItIs = "copyable_where_it_is",
        /// A snapshot can be taken of it as it is now: nobody writes, or the caller accepts that
        /// somebody does, and the backend can.
        SnapshottableWhereItIs = "snapshottable_where_it_is",
        /// It is the newest snapshot of its volume, and of the volume's size.
        NewestOfItsSize = "newest_of_its_size",
        /// The new size exceeds the current one.
        SizeIncreases = "size_increases",
        /// The volume is not attached, or the caller asked for an online extend and the backend can.
        ExtendableWhereItIs = "extendable_where_it_is",
        /// No live operation is about it, or changes it on the way.
        NotBeingWorkedOn = "not_being_worked_on",
        /// It is where its backend serves from, or no status is asked for.
        IsServed = "is_served",
        /// The status that is asked for is one that its attachments allow.
        FitsAttachments = "fits_attachments",
        /// The new type is another one.
        TypeChanges = "type_changes",
        /// Whether several servers may attach it stays as it is, or nobody has it.
        KeepsMultiattach = "keeps_multiattach",
        /// No live operation uses it, for instance copies from it.
        NotInUseElsewhere = "not_in_use_elsewhere",
        /// The metadata still has the key that is to be removed.
        HasMetadataKey = "has_metadata_key",
        /// The image metadata still has the key that is to be removed.
        HasImageMetadataKey = "has_image_metadata_key",
        /// The metadata is still what the caller saw (`If-Match`).
        MetadataUnchanged = "metadata_unchanged",
        /// No volume is of this type.
        TypeUnused = "type_unused",
        /// The type has an encryption where it shall change or go, and none where it shall get one.
        EncryptionChanges = "encryption_changes",
        /// No quality of service but this one goes with the type.
        NoOtherQos = "no_other_qos",
        /// No volume type has this quality of service.
        QosUnused = "qos_unused",
        /// The quality of service has every key that is to be removed.
        HasSpecs = "has_specs",
        /// What servers must keep to of the quality of service stays as it is, or nobody has the volume.
        KeepsFrontEndQos = "keeps_front_end_qos",
        /// The volume's type is there.
        TypeIsThere = "type_is_there",
        /// No project gets the type when it asks for none.
        NoProjectsDefault = "no_projects_default",
        /// There is another type.
        NotTheOnlyType = "not_the_only_type",
        /// The type still has the extra spec that is to be removed.
        HasExtraSpec = "has_extra_spec",
        /// Not every project may use the type.
        IsPrivate = "is_private",
        /// The project does not have access where it shall get it, and has it where it shall lose it.
        AccessChanges = "access_changes",
        /// The limits allow what the project has already, where the caller wants to be sure.
        LimitsCoverUsage = "limits_cover_usage",
        /// The backend replicates it, if its type asks for that.
        ReplicatesThere = "replicates_there",
        /// Its type does not ask for replication.
        NotReplicated = "not_replicated",
        /// The backend is replicated, and no failover is under way.
        CanFailOver = "can_fail_over",
        /// The backend has the target, and does not serve from there already, or serves it once more with
        /// what may lack acknowledged writes.
        TargetOffered = "target_offered",
        /// The target can be served from, as far as the worker knows.
        TargetIsUp = "target_is_up",
        /// A worker of the backend is there.
        WorkerIsUp = "worker_is_up",
        /// The backend serves from a target.
        IsFailedOver = "is_failed_over",
        /// No worker of the backend is there, or it has the target for its own already.
        ReadyForPromotion = "ready_for_promotion",
        /// The backend has targets, serves from its own side and is not replicated.
        CanReplicate = "can_replicate",
        /// The backend is frozen.
        IsFrozen = "is_frozen",
        /// The backend is not frozen.
        IsNotFrozen = "is_not_frozen",
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
    /// Where its effect happens.
    pub runs: Runs,
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
pub trait Definition: Serialize + DeserializeOwned {
    /// Everything about it that does not depend on the arguments.
    const CONTRACT: Contract;

    /// The id of the resource that it is about.
    fn subject(&self) -> Uuid;

    /// The other resources that the contract speaks of. Several may play the same part.
    fn others(&self) -> Vec<(Role, Uuid)> {
        Vec::new()
    }

    /// Resources that must stay as they are while the operation is under way, though it does not
    /// change them: what it copies from.
    fn uses(&self) -> Vec<Uuid> {
        Vec::new()
    }

    /// The resource on which no other such operation may be under way at the same time, although both
    /// may be about other resources: the data path of a volume is opened and closed by one at a time.
    fn alone_on(&self) -> Option<Uuid> {
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

    /// Whether whatever was admitted for the backend before must not happen any more.
    fn begins_epoch(&self) -> bool {
        false
    }

    /// Whether the backend's replication begins anew from where it serves now.
    fn restarts_replication(&self) -> bool {
        false
    }

    /// What the place must be like, for an operation that puts a volume on a backend.
    fn wanted_place(&self) -> Option<WantedPlace> {
        None
    }
}

/// What must be true of a volume that goes to another backend, beside its operation's own preconditions.
pub const TO_MIGRATE: &[Precondition] = &[
    Precondition::NotAttached,
    Precondition::NoSnapshots,
    Precondition::NotInUseElsewhere,
    Precondition::NotReplicated,
];

/// What a place for a volume must be like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WantedPlace {
    /// The room that it needs, in GiB.
    pub size_gb: i32,
    /// The zone in which it must be, if that matters.
    pub availability_zone: Option<String>,
    /// The backend on which it must be: what it is made from is there, or the caller wants it there.
    pub backend_id: Option<BackendId>,
    /// The pool of it.
    pub pool: Option<String>,
    /// What the volume type asks of a backend.
    pub extra_specs: Metadata,
    /// Which other volumes must be there, or must not.
    pub affinity: Affinity,
    /// Where the volume is, if it is not new.
    pub origin: Option<Origin>,
}

/// Where a volume must be in view of others, from a user's scheduler hints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Affinity {
    /// On one of these (`same_host`).
    pub same: Option<Vec<BackendId>>,
    /// On none of these (`different_host`).
    pub different: Vec<BackendId>,
}

/// Where a volume is that may get another place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The backend.
    pub backend_id: BackendId,
    /// The pool.
    pub pool: String,
    /// Whether it may stay there.
    pub may_stay: bool,
    /// Whether it may leave.
    pub may_leave: bool,
}
