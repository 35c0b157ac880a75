//! The list of everything that changes state.
//!
//! A line in the list makes the compiler ask for the operation's file (`<stem>.rs`: arguments, contract,
//! preconditions, how arguments become columns), for its test and for its scene; a line under `on_backend` or
//! `in_backup_service` also for its execution.

pub mod change;
pub mod columns;
pub mod contract;
pub mod definition;
pub mod placement;
pub mod precondition;
pub mod resource;

use contract::{Contract, Definition, Resource, Role, Runs, Touch};
use model::Error;
use precondition::{Precondition, Row};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Hands the list of operations to a macro: those that a backend's worker carries out after their admission, those that a backup
/// service does, and those that end within their admission. Each line is the stem and the type of the arguments.
#[macro_export]
macro_rules! list {
    ($macro:ident) => {
        $macro! {
            on_backend {
                create_volume: CreateVolume,
                delete_volume: DeleteVolume,
                force_delete_volume: ForceDeleteVolume,
                extend_volume: ExtendVolume,
                revert_volume: RevertVolume,
                retype_volume: RetypeVolume,
                upload_volume: UploadVolume,
                reimage_volume: ReimageVolume,
                migrate_volume: MigrateVolume,
                manage_volume: ManageVolume,
                unmanage_volume: UnmanageVolume,
                manage_snapshot: ManageSnapshot,
                unmanage_snapshot: UnmanageSnapshot,
                create_snapshot: CreateSnapshot,
                delete_snapshot: DeleteSnapshot,
                force_delete_snapshot: ForceDeleteSnapshot,
                update_attachment: UpdateAttachment,
                delete_attachment: DeleteAttachment,
                initialize_connection: InitializeConnection,
                terminate_connection: TerminateConnection,
                failover_backend: FailoverBackend,
            }
            in_backup_service {
                create_backup: CreateBackup,
                delete_backup: DeleteBackup,
                force_delete_backup: ForceDeleteBackup,
                import_backup: ImportBackup,
                restore_backup: RestoreBackup,
                create_volume_from_backup: CreateVolumeFromBackup,
            }
            in_admission {
                update_volume: UpdateVolume,
                reset_volume_status: ResetVolumeStatus,
                set_volume_readonly: SetVolumeReadonly,
                set_volume_bootable: SetVolumeBootable,
                update_image_metadata: UpdateImageMetadata,
                update_snapshot: UpdateSnapshot,
                reset_snapshot_status: ResetSnapshotStatus,
                create_attachment: CreateAttachment,
                complete_attachment: CompleteAttachment,
                release_attachment: ReleaseAttachment,
                reserve_volume: ReserveVolume,
                attach_volume: AttachVolume,
                begin_detaching: BeginDetaching,
                roll_detaching: RollDetaching,
                update_backup: UpdateBackup,
                reset_backup_status: ResetBackupStatus,
                create_transfer: CreateTransfer,
                accept_transfer: AcceptTransfer,
                delete_transfer: DeleteTransfer,
                create_volume_type: CreateVolumeType,
                update_volume_type: UpdateVolumeType,
                delete_volume_type: DeleteVolumeType,
                update_extra_specs: UpdateExtraSpecs,
                update_type_access: UpdateTypeAccess,
                update_type_encryption: UpdateTypeEncryption,
                set_default_type: SetDefaultType,
                create_qos_specs: CreateQosSpecs,
                update_qos_specs: UpdateQosSpecs,
                delete_qos_specs: DeleteQosSpecs,
                associate_qos_specs: AssociateQosSpecs,
                disassociate_qos_specs: DisassociateQosSpecs,
                update_quota: UpdateQuota,
                reset_quota: ResetQuota,
                update_quota_class: UpdateQuotaClass,
                delete_message: DeleteMessage,
                enable_backend: EnableBackend,
                disable_backend: DisableBackend,
                freeze_backend: FreezeBackend,
                thaw_backend: ThawBackend,
                promote_backend: PromoteBackend,
                enable_replication: EnableReplication,
                verify_replicas: VerifyReplicas,
                begin_drill: BeginDrill,
                end_drill: EndDrill,
            }
        }
    };
}

macro_rules! define_operations {
    ($($section:ident { $($stem:ident: $arguments:ident,)+ })+) => {
        $($( pub mod $stem; pub use $stem::$arguments; )+)+

        /// An operation with its arguments; also its form on the bus and in the operation log.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "arguments", rename_all = "snake_case")]
        pub enum Operation {
            $($( #[doc = concat!("See [`", stringify!($stem), "`].")] $arguments($arguments), )+)+
        }

        /// An operation without its arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum OperationKind {
            $($( #[doc = concat!("See [`", stringify!($stem), "`].")] $arguments, )+)+
        }

        impl OperationKind {
            /// Every operation, in the order of the list.
            pub const ALL: &'static [Self] = &[ $($( Self::$arguments, )+)+ ];

            /// The stem: the name of the operation in files, logs and the operation log.
            #[must_use]
            pub const fn stem(self) -> &'static str {
                match self { $($( Self::$arguments => stringify!($stem), )+)+ }
            }

            /// What is fixed about the operation, whatever its arguments.
            #[must_use]
            pub const fn contract(self) -> &'static Contract {
                match self { $($( Self::$arguments => &$stem::CONTRACT, )+)+ }
            }
        }

        impl Operation {
            /// Which operation it is.
            #[must_use]
            pub const fn kind(&self) -> OperationKind {
                match self { $($( Self::$arguments(_) => OperationKind::$arguments, )+)+ }
            }

            /// What its arguments decide.
            #[must_use]
            pub const fn definition(&self) -> &dyn Definition {
                match self { $($( Self::$arguments(arguments) => arguments, )+)+ }
            }
        }

        $($(
            impl From<$arguments> for Operation {
                fn from(arguments: $arguments) -> Self {
                    Self::$arguments(arguments)
                }
            }
        )+)+
    };
}

macro_rules! define_where_they_run {
    (
        on_backend { $($stem:ident: $arguments:ident,)+ }
        in_backup_service { $($backup_stem:ident: $backup_arguments:ident,)+ }
        in_admission { $($other_stem:ident: $other_arguments:ident,)+ }
    ) => {
        /// An operation that a backend's worker carries out.
        #[derive(Clone, Copy, Debug)]
        pub enum OnBackend<'a> {
            $( #[doc = concat!("See [`", stringify!($stem), "`].")] $arguments(&'a $arguments), )+
        }

        /// An operation that a backup service carries out.
        #[derive(Clone, Copy, Debug)]
        pub enum InBackupService<'a> {
            $( #[doc = concat!("See [`", stringify!($backup_stem), "`].")] $backup_arguments(&'a $backup_arguments), )+
        }

        impl Operation {
            /// The operation for a backend's worker; `None` when it is for nobody, or for somebody else.
            #[must_use]
            pub const fn on_backend(&self) -> Option<OnBackend<'_>> {
                match self {
                    $( Self::$arguments(arguments) => Some(OnBackend::$arguments(arguments)), )+
                    $( Self::$backup_arguments(_) => None, )+
                    $( Self::$other_arguments(_) => None, )+
                }
            }

            /// The operation for a backup service; `None` when it is for nobody, or for somebody else.
            #[must_use]
            pub const fn in_backup_service(&self) -> Option<InBackupService<'_>> {
                match self {
                    $( Self::$backup_arguments(arguments) => Some(InBackupService::$backup_arguments(arguments)), )+
                    $( Self::$arguments(_) => None, )+
                    $( Self::$other_arguments(_) => None, )+
                }
            }
        }

        impl OperationKind {
            /// Where its effect happens.
            #[must_use]
            pub const fn runs(self) -> Runs {
                match self {
                    $( Self::$arguments => Runs::OnBackend($stem::AFTER_CRASH), )+
                    $( Self::$backup_arguments => Runs::InBackupService($backup_stem::AFTER_CRASH), )+
                    $( Self::$other_arguments => Runs::InAdmission, )+
                }
            }
        }
    };
}

list!(define_operations);
list!(define_where_they_run);

impl OperationKind {
    /// The stem as people say it: `extend volume`.
    #[must_use]
    pub fn spoken(self) -> String {
        self.stem().replace('_', " ")
    }

    /// What notifications about it are called (`service.freeze`); `None` when there are none.
    #[must_use]
    pub fn event(self) -> Option<String> {
        let notifies = self.contract().class.notifies();
        notifies.then(|| format!("service.{}", self.stem().trim_end_matches("_backend")))
    }
}

impl Operation {
    /// What is fixed about the operation, whatever its arguments.
    #[must_use]
    pub const fn contract(&self) -> &'static Contract {
        self.kind().contract()
    }

    /// Every resource that the operation touches, the subject first: its part, its id and what happens
    /// to it.
    #[must_use]
    pub fn touches(&self) -> Vec<(Role, Uuid, &'static Touch)> {
        let (definition, contract) = (self.definition(), self.contract());
        let mut touches = vec![(Role::Subject, definition.subject(), &contract.subject)];
        for (role, id) in definition.others() {
            let described = contract.others.iter().find(|(described, _)| *described == role);
            touches.extend(described.map(|(_, touch)| (role, id, touch)));
        }
        touches
    }

    /// The error for a caller who is refused because a precondition, by its name, does not hold of a row of
    /// the resource. A name that is not in the contract is a defect.
    #[must_use]
    pub fn refusal(&self, precondition: &str, resource: Resource, row: &Value) -> Error {
        let named = self.contract().preconditions().find(|known| known.name == precondition);
        match named {
            Some(named) => named.refuse(self.definition(), &Row::new(resource, row)),
            None => Error::internal(format!("{} has no precondition {precondition}", self.kind())),
        }
    }
}

impl std::fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.stem())
    }
}

/// Every precondition of any operation, once, by name.
#[must_use]
pub fn preconditions() -> Vec<&'static Precondition> {
    let contracts = OperationKind::ALL.iter().map(|kind| kind.contract());
    let mut known: Vec<_> = contracts.flat_map(Contract::preconditions).collect();
    known.sort_by_key(|precondition| precondition.name);
    known.dedup_by_key(|precondition| precondition.name);
    known
}

#[cfg(test)]
mod tests;
