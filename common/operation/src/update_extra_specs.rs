//! `update_extra_specs`: change what a kind of volume asks of a backend.

use super::change::MetadataChange;
use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{Caller, VolumeTypeId};
use serde::{Deserialize, Serialize};

use uuid::Uuid;

/// The arguments of `update_extra_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateExtraSpecs {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// The change.
    pub extra_specs: MetadataChange,
}

impl Definition for UpdateExtraSpecs {
    const CONTRACT: Contract = Contract {
        summary: "change what a kind of volume asks of a backend",
        class: Class::Record,
        subject: Touch {
            preconditions: &[Precondition::HasExtraSpec, Precondition::TypeUnused],
            ..Touch::keeping_status(Resource::VolumeType)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        self.extra_specs.column("extra_specs")
    }
}
