//! `update_image_metadata`: change what is remembered of the image that a volume was made from.

use super::change::MetadataChange;
use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, OfAny, Precondition};
use super::update_volume::too_many_items;
use model::{Caller, Error, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `update_image_metadata`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateImageMetadata {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The change.
    pub image_metadata: MetadataChange,
}

const HAS_IMAGE_METADATA_KEY: Precondition = Precondition {
    name: "has_image_metadata_key",
    meaning: "the image metadata has the key that is to be removed",
    refusal: &Of::<UpdateImageMetadata>(|update, _| {
        Error::not_found(format!(
            "Metadata item {} was not found on the volume's image metadata.",
            json!(update.image_metadata.removed_key())
        ))
    }),
};

const IMAGE_METADATA_FITS: Precondition = Precondition {
    name: "image_metadata_fits",
    meaning: "the image metadata has no more items than it may when the new ones are in it",
    refusal: &OfAny(too_many_items),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change the image metadata of a volume",
    class: Class::Record,
    subject: Touch {
        preconditions: &[HAS_IMAGE_METADATA_KEY, IMAGE_METADATA_FITS],
        ..Touch::keeping_status(Resource::Volume)
    },
    others: &[],
    written_on_admission: &["image_metadata"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateImageMetadata {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        self.image_metadata.column("image_metadata")
    }
}
