//! What holds of every contract, and of the texts of refusals.

use super::*;
use model::{ErrorKind, SnapshotId, VolumeId};
use serde_json::json;
use std::any::TypeId;
use std::collections::BTreeMap;

macro_rules! define_arguments {
    ($($section:ident { $($stem:ident: $arguments:ident,)+ })+) => {
        const fn arguments(kind: OperationKind) -> TypeId {
            match kind { $($( OperationKind::$arguments => TypeId::of::<$arguments>(), )+)+ }
        }
    };
}
list!(define_arguments);

#[test]
fn a_refusal_that_reads_arguments_belongs_to_their_operation() {
    for kind in OperationKind::ALL {
        for precondition in kind.contract().preconditions() {
            let read = precondition.refusal.arguments();
            let own = read.is_none_or(|read| read == arguments(*kind));
            assert!(own, "{kind}: {precondition:?}");
        }
    }
}

#[test]
fn a_name_stands_for_one_condition() {
    let mut meanings = BTreeMap::new();
    for kind in OperationKind::ALL {
        for precondition in kind.contract().preconditions() {
            let meaning = meanings.entry(precondition.name).or_insert(precondition.meaning);
            assert_eq!(*meaning, precondition.meaning, "{kind}: {precondition:?}");
        }
    }
    assert_eq!(meanings.len(), preconditions().len());
}

#[test]
fn operations_and_their_arguments_keep_their_form_on_the_bus() {
    let volume_id = VolumeId(Uuid::nil());
    let operation = Operation::from(SetVolumeBootable { volume_id, bootable: true });
    let form = json!({
        "kind": "set_volume_bootable",
        "arguments": { "volume_id": volume_id, "bootable": true },
    });
    assert_eq!(json!(operation), form);
    assert_eq!(serde_json::from_value::<Operation>(form).unwrap(), operation);
}

#[test]
fn a_refusal_of_one_operation_speaks_of_its_arguments() {
    let extend = |while_attached: bool| {
        let volume_id = VolumeId(Uuid::nil());
        Operation::from(ExtendVolume { volume_id, new_size_gb: 2, while_attached })
    };
    let row = json!({ "size_gb": 3, "status": "in-use" });
    let told = |while_attached: bool, name: &str| {
        let error = extend(while_attached).refusal(name, Resource::Volume, &row);
        (error.kind(), error.message().to_owned())
    };
    assert_eq!(
        told(false, "size_increases"),
        (
            ErrorKind::BadRequest,
            "Invalid input received: New size for extend must be greater than current size. \
             (current: 3, extended: 2)."
                .to_owned()
        )
    );
    assert_eq!(
        told(false, "online_extend_supported").1,
        "Invalid volume: Volume status must be available to extend, but current status is: in-use. \
         Ask for microversion 3.42 to extend an attached volume."
    );
    assert_eq!(
        told(true, "online_extend_supported").1,
        "Invalid volume: Volume is attached, and its backend cannot extend an attached volume."
    );
    assert_eq!(told(true, "is_frozen").0, ErrorKind::Internal);
}

#[test]
fn a_refusal_of_several_operations_speaks_of_the_resource() {
    let delete = Operation::from(DeleteSnapshot { snapshot_id: SnapshotId(Uuid::nil()) });
    let error = delete.refusal("not_used_by_operation", Resource::Snapshot, &json!({}));
    assert_eq!(error.message(), "Invalid snapshot: Snapshot is being copied from.");
}
