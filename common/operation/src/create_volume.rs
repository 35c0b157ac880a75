//! `create_volume`: a volume on the backend that placement chooses, empty, like something else, or filled from an image.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, QuotaRule, Resource, Role,
    StartsFrom,
    Status::{Snapshot, Volume},
    Touch, WhileRunning,
};
use super::placement::{Affinity, PlacementRequest};
use super::precondition::shared::{BACKEND_REPLICATES, TYPE_EXISTS};
use super::precondition::{OfAny, Precondition};
use model::volume_type::asks_for_replication;
use model::{
    BackendId, Caller, Metadata, ReplicationStatus, SnapshotId, SnapshotStatus, VolumeId,
    VolumeStatus, VolumeTypeId, quota,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVolume {
    /// The id that the API made up for it.
    pub volume_id: VolumeId,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// Size in GiB.
    pub size_gb: i32,
    /// The volume type.
    pub volume_type_id: VolumeTypeId,
    /// What the type asks of a backend.
    pub extra_specs: Metadata,
    /// Whether several servers may attach it at once.
    pub multiattach: bool,
    /// The zone in which it must be, if the user cares.
    pub availability_zone: Option<String>,
    /// The scheduler hints `same_host` and `different_host`.
    #[serde(default)]
    pub affinity: Affinity,
    /// The user's key-value pairs.
    pub metadata: Metadata,
    /// The snapshot or volume to clone; `None` for a volume that is no clone.
    pub source: Option<VolumeSource>,
    /// The image to fill it from; `None` for an empty volume, and for a clone.
    #[serde(default)]
    pub image: Option<VolumeImage>,
}

/// An image that a volume is filled from, with what the volume keeps of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeImage {
    /// Its id.
    pub image_id: Uuid,
    /// What is known of it.
    pub metadata: Metadata,
}

/// The source of a clone, with the properties that the volume inherits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeSource {
    /// What it is.
    pub content: Content,
    /// The backend that holds it, and will hold the volume.
    pub backend_id: BackendId,
    /// Whether a server may boot from it.
    pub bootable: bool,
    /// What is known of the image that it was made from.
    pub image_metadata: Metadata,
}

/// Where content is copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A snapshot.
    Snapshot(SnapshotId),
    /// Another volume, as it is when the copy begins.
    Volume(VolumeId),
}

/// The initial replication status of a volume: placement has chosen a backend that satisfies
/// the type asks.
pub(super) fn replication_status(extra_specs: &Metadata) -> ReplicationStatus {
    if asks_for_replication(extra_specs) {
        ReplicationStatus::Enabled
    } else {
        ReplicationStatus::Disabled
    }
}

/// What every new volume takes from the quota.
pub(super) const TAKEN_QUOTA: &[QuotaRule] = &[
    QuotaRule::Count { resource: quota::VOLUMES, sign: 1 },
    QuotaRule::Each { resource: quota::PER_VOLUME_GIGABYTES, column: "size_gb" },
    QuotaRule::Column { resource: quota::GIGABYTES, column: "size_gb", sign: 1 },
];

const ONLINE_COPY_SUPPORTED: Precondition = Precondition {
    name: "online_copy_supported",
    meaning: "it is not attached, or its backend can copy an attached volume",
    refusal: &OfAny(|row| {
        row.invalid("Volume is attached, and its backend cannot copy an attached volume.")
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "create a volume, empty or from a snapshot, another volume or an image",
    class: Class::Place,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::New,
        preconditions: &[TYPE_EXISTS, BACKEND_REPLICATES],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Creating)),
        when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
        when_failed: Ending::Becomes(Volume(VolumeStatus::Error)),
        quota: TAKEN_QUOTA,
    },
    others: &[
        (
            Role::Snapshot,
            Touch {
                starts_from: StartsFrom::Statuses(&[Snapshot(SnapshotStatus::Available)]),
                ..Touch::keeping_status(Resource::Snapshot)
            },
        ),
        (
            Role::Volume,
            Touch {
                starts_from: StartsFrom::Statuses(&[
                    Volume(VolumeStatus::Available),
                    Volume(VolumeStatus::InUse),
                ]),
                preconditions: &[ONLINE_COPY_SUPPORTED],
                ..Touch::keeping_status(Resource::Volume)
            },
        ),
    ],
    written_on_admission: &[
        "id",
        "project_id",
        "user_id",
        "name",
        "description",
        "size_gb",
        "volume_type_id",
        "multiattach",
        "metadata",
        "snapshot_id",
        "source_volume_id",
        "bootable",
        "image_metadata",
        "replicated",
        "replication_status",
    ],
    written_at_end: &[],
    effects: &[],
};

impl Definition for CreateVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        match self.source.as_ref().map(|source| source.content) {
            None => Vec::new(),
            Some(Content::Snapshot(id)) => vec![(Role::Snapshot, id.0)],
            Some(Content::Volume(id)) => vec![(Role::Volume, id.0)],
        }
    }

    fn uses(&self) -> Vec<Uuid> {
        self.others().into_iter().map(|(_, id)| id).collect()
    }

    fn columns_on_admission(&self, caller: &Caller) -> Columns {
        let source = self.source.as_ref();
        let (snapshot_id, source_volume_id) = match source.map(|source| source.content) {
            None => (None, None),
            Some(Content::Snapshot(id)) => (Some(id), None),
            Some(Content::Volume(id)) => (None, Some(id)),
        };
        let image = self.image.as_ref();
        let nothing = Metadata::new();
        let inherited = source.map(|source| &source.image_metadata);
        let image_metadata = image.map(|image| &image.metadata).or(inherited).unwrap_or(&nothing);
        Columns::set(json!({
            "id": self.volume_id,
            "project_id": caller.project_id,
            "user_id": caller.user_id,
            "name": self.name,
            "description": self.description,
            "size_gb": self.size_gb,
            "volume_type_id": self.volume_type_id,
            "multiattach": self.multiattach,
            "metadata": self.metadata,
            "snapshot_id": snapshot_id,
            "source_volume_id": source_volume_id,
            "bootable": image.is_some() || source.is_some_and(|source| source.bootable),
            "image_metadata": image_metadata,
            "replicated": asks_for_replication(&self.extra_specs),
            "replication_status": replication_status(&self.extra_specs),
        }))
    }

    fn placement_request(&self) -> Option<PlacementRequest> {
        Some(PlacementRequest {
            size_gb: self.size_gb,
            availability_zone: self.availability_zone.clone(),
            backend_id: self.source.as_ref().map(|source| source.backend_id),
            extra_specs: self.extra_specs.clone(),
            affinity: self.affinity.clone(),
            ..PlacementRequest::default()
        })
    }
}
