//! `update_extra_specs`: change what a kind of volume asks of a backend.

use super::change::MetadataChange;
use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::shared::TYPE_UNUSED;
use super::precondition::{Of, Precondition};
use model::{Caller, Error, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `update_extra_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateExtraSpecs {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// The change.
    pub extra_specs: MetadataChange,
}

const HAS_EXTRA_SPEC: Precondition = Precondition {
    name: "has_extra_spec",
    meaning: "the type has the extra spec that is to be removed",
    refusal: &Of::<UpdateExtraSpecs>(|update, row| {
        Error::not_found(format!(
            "Volume Type {} has no extra specs with key {}.",
            row.text("id"),
            json!(update.extra_specs.removed_key())
        ))
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change the extra specs of a volume type",
    class: Class::Record,
    subject: Touch {
        preconditions: &[HAS_EXTRA_SPEC, TYPE_UNUSED],
        ..Touch::keeping_status(Resource::VolumeType)
    },
    others: &[],
    written_on_admission: &["extra_specs"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateExtraSpecs {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        self.extra_specs.column("extra_specs")
    }
}
