//! `update_image_metadata`: change what is remembered of the image that a volume was made from.

use super::change::MetadataChange;
use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{Caller, VolumeId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `update_image_metadata`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateImageMetadata {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The change.
    pub image_metadata: MetadataChange,
}

impl Definition for UpdateImageMetadata {
    const CONTRACT: Contract = Contract {
        summary: "change what is remembered of the image that a volume was made from",
        class: Class::Record,
        subject: Touch {
            preconditions: &[Precondition::HasImageMetadataKey],
            ..Touch::keeping_status(Resource::Volume)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        self.image_metadata.column("image_metadata")
    }
}
