//! What each operation may do while a condition holds. An operation without a line does not compile.

use model::Condition;
use operation::OperationKind;

/// What a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is accepted.
    Accepted,
    /// 400, and nothing changes.
    Refused,
    /// 503, and nothing changes.
    Unavailable,
}

/// The expectation for an operation on a backend in which only this condition holds.
pub fn expectation(kind: OperationKind, condition: Condition) -> Expected {
    use Condition::{Disabled, Down, FailingOver, Frozen};
    use Expected::{Accepted, Refused, Unavailable};
    match (kind, condition) {
        // there is one backend, and with it nothing to choose from
        (OperationKind::CreateVolume, Disabled | Frozen | FailingOver) => Refused,
        (OperationKind::CreateVolume, Down) => Unavailable,
        (
            OperationKind::DeleteVolume
            | OperationKind::ForceDeleteVolume
            | OperationKind::ExtendVolume
            | OperationKind::RevertVolume
            | OperationKind::RetypeVolume
            | OperationKind::MigrateVolume
            | OperationKind::UnmanageVolume
            | OperationKind::UnmanageSnapshot
            | OperationKind::ManageVolume
            | OperationKind::ManageSnapshot
            | OperationKind::CreateSnapshot
            | OperationKind::DeleteSnapshot
            | OperationKind::ForceDeleteSnapshot,
            Disabled | Frozen | FailingOver,
        ) => Refused,
        (
            OperationKind::DeleteVolume
            | OperationKind::ForceDeleteVolume
            | OperationKind::ExtendVolume
            | OperationKind::RevertVolume
            | OperationKind::RetypeVolume
            | OperationKind::MigrateVolume
            | OperationKind::UnmanageVolume
            | OperationKind::UnmanageSnapshot
            | OperationKind::ManageVolume
            | OperationKind::ManageSnapshot
            | OperationKind::CreateSnapshot
            | OperationKind::DeleteSnapshot
            | OperationKind::ForceDeleteSnapshot,
            Down,
        ) => Unavailable,
        // servers come and go while the control plane is frozen
        (
            OperationKind::CreateAttachment
            | OperationKind::UpdateAttachment
            | OperationKind::CompleteAttachment
            | OperationKind::ReleaseAttachment
            | OperationKind::DeleteAttachment
            | OperationKind::ReserveVolume
            | OperationKind::InitializeConnection
            | OperationKind::AttachVolume
            | OperationKind::BeginDetaching
            | OperationKind::RollDetaching
            | OperationKind::TerminateConnection,
            condition,
        ) => match condition {
            Disabled | Frozen => Accepted,
            FailingOver => Refused,
            Down => Unavailable,
        },
        (
            OperationKind::UpdateVolume
            | OperationKind::ResetVolumeStatus
            | OperationKind::SetVolumeReadonly
            | OperationKind::SetVolumeBootable
            | OperationKind::UpdateImageMetadata
            | OperationKind::UpdateSnapshot
            | OperationKind::ResetSnapshotStatus
            | OperationKind::CreateVolumeType
            | OperationKind::UpdateVolumeType
            | OperationKind::DeleteVolumeType
            | OperationKind::UpdateExtraSpecs
            | OperationKind::UpdateTypeAccess
            | OperationKind::UpdateTypeEncryption
            | OperationKind::SetDefaultType
            | OperationKind::CreateQosSpecs
            | OperationKind::UpdateQosSpecs
            | OperationKind::DeleteQosSpecs
            | OperationKind::AssociateQosSpecs
            | OperationKind::DisassociateQosSpecs
            | OperationKind::UpdateQuota
            | OperationKind::DeleteMessage
            | OperationKind::ResetQuota
            | OperationKind::UpdateQuotaClass,
            Disabled | Frozen | FailingOver | Down,
        ) => Accepted,
        (
            OperationKind::EnableBackend | OperationKind::DisableBackend,
            Disabled | Frozen | FailingOver | Down,
        ) => Accepted,
        // it has no targets; what holds where there are some is in tests/replication
        (
            OperationKind::FailoverBackend
            | OperationKind::PromoteBackend
            | OperationKind::EnableReplication,
            Disabled | Frozen | FailingOver | Down,
        ) => Refused,
        (OperationKind::FreezeBackend, Frozen) => Refused,
        (OperationKind::FreezeBackend, Disabled | FailingOver | Down) => Accepted,
        (OperationKind::ThawBackend, Frozen) => Accepted,
        (OperationKind::ThawBackend, Disabled | FailingOver | Down) => Refused,
    }
}
