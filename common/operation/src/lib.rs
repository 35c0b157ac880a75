//! The list of everything that changes state.
//!
//! Adding a line here makes the compiler ask for the operation's definition
//! (`operation/<stem>.rs`), its execution and its admission expectation.

pub mod change;
pub mod contract;

use contract::{Columns, Contract, Definition, Role, Touch, WantedPlace};
use model::Caller;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! operations {
    ($( $stem:ident: $arguments:ident, )+) => {
        $( pub mod $stem; pub use $stem::$arguments; )+

        /// An operation with its arguments; also its form on the bus and in the operation log.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "arguments", rename_all = "snake_case")]
        pub enum Operation {
            $( #[doc = concat!("See [`", stringify!($stem), "`].")] $arguments($arguments), )+
        }

        /// An operation without its arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum OperationKind {
            $( #[doc = concat!("See [`", stringify!($stem), "`].")] $arguments, )+
        }

        impl OperationKind {
            /// Every operation, in the order of the list.
            pub const ALL: &'static [Self] = &[ $( Self::$arguments, )+ ];

            /// The stem: the name of the operation in files, logs and the operation log.
            #[must_use]
            pub const fn stem(self) -> &'static str {
                match self { $( Self::$arguments => stringify!($stem), )+ }
            }

            /// Everything that is fixed about the operation.
            #[must_use]
            pub const fn contract(self) -> &'static Contract {
                match self { $( Self::$arguments => &<$arguments as Definition>::CONTRACT, )+ }
            }
        }

        impl Operation {
            /// Which operation it is.
            #[must_use]
            pub const fn kind(&self) -> OperationKind {
                match self { $( Self::$arguments(_) => OperationKind::$arguments, )+ }
            }

            /// The id of the resource that it is about.
            #[must_use]
            pub fn subject(&self) -> Uuid {
                match self { $( Self::$arguments(arguments) => arguments.subject(), )+ }
            }

            /// The other resources that the contract speaks of, by the parts that they play.
            #[must_use]
            pub fn others(&self) -> Vec<(Role, Uuid)> {
                match self { $( Self::$arguments(arguments) => arguments.others(), )+ }
            }

            /// Resources that must stay as they are while the operation is under way.
            #[must_use]
            pub fn uses(&self) -> Vec<Uuid> {
                match self { $( Self::$arguments(arguments) => arguments.uses(), )+ }
            }

            /// The resource on which no other such operation may be under way at the same time.
            #[must_use]
            pub fn alone_on(&self) -> Option<Uuid> {
                match self { $( Self::$arguments(arguments) => arguments.alone_on(), )+ }
            }

            /// Columns of a resource written together with the admission.
            #[must_use]
            pub fn columns_on_admission(&self, role: Role, caller: &Caller) -> Columns {
                match self { $( Self::$arguments(arguments) => arguments.columns_on_admission(role, caller), )+ }
            }

            /// The row that is made of the subject where there is none yet.
            #[must_use]
            pub fn base(&self) -> Option<Columns> {
                match self { $( Self::$arguments(arguments) => arguments.base(), )+ }
            }

            /// Columns of a resource written when it is done.
            #[must_use]
            pub fn columns_when_done(&self, role: Role) -> Columns {
                match self { $( Self::$arguments(arguments) => arguments.columns_when_done(role), )+ }
            }

            /// Columns of a resource written when it has failed.
            #[must_use]
            pub fn columns_when_failed(&self, role: Role) -> Columns {
                match self { $( Self::$arguments(arguments) => arguments.columns_when_failed(role), )+ }
            }

            /// Whether whatever was admitted for the backend before must not happen any more.
            #[must_use]
            pub fn begins_epoch(&self) -> bool {
                match self { $( Self::$arguments(arguments) => arguments.begins_epoch(), )+ }
            }

            /// Whether the backend's replication begins anew from where it serves now.
            #[must_use]
            pub fn restarts_replication(&self) -> bool {
                match self { $( Self::$arguments(arguments) => arguments.restarts_replication(), )+ }
            }

            /// What the place must be like, for an operation that puts a volume on a backend.
            #[must_use]
            pub fn wanted_place(&self) -> Option<WantedPlace> {
                match self { $( Self::$arguments(arguments) => arguments.wanted_place(), )+ }
            }
        }

        $(
            impl From<$arguments> for Operation {
                fn from(arguments: $arguments) -> Self {
                    Self::$arguments(arguments)
                }
            }
        )+
    };
}

operations! {
    create_volume: CreateVolume,
    delete_volume: DeleteVolume,
    force_delete_volume: ForceDeleteVolume,
    extend_volume: ExtendVolume,
    update_volume: UpdateVolume,
    revert_volume: RevertVolume,
    retype_volume: RetypeVolume,
    migrate_volume: MigrateVolume,
    reset_volume_status: ResetVolumeStatus,
    set_volume_readonly: SetVolumeReadonly,
    set_volume_bootable: SetVolumeBootable,
    update_image_metadata: UpdateImageMetadata,
    manage_volume: ManageVolume,
    unmanage_volume: UnmanageVolume,
    manage_snapshot: ManageSnapshot,
    unmanage_snapshot: UnmanageSnapshot,
    create_snapshot: CreateSnapshot,
    delete_snapshot: DeleteSnapshot,
    force_delete_snapshot: ForceDeleteSnapshot,
    update_snapshot: UpdateSnapshot,
    reset_snapshot_status: ResetSnapshotStatus,
    create_attachment: CreateAttachment,
    update_attachment: UpdateAttachment,
    complete_attachment: CompleteAttachment,
    release_attachment: ReleaseAttachment,
    delete_attachment: DeleteAttachment,
    reserve_volume: ReserveVolume,
    initialize_connection: InitializeConnection,
    attach_volume: AttachVolume,
    begin_detaching: BeginDetaching,
    roll_detaching: RollDetaching,
    terminate_connection: TerminateConnection,
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
    failover_backend: FailoverBackend,
    promote_backend: PromoteBackend,
    enable_replication: EnableReplication,
}

impl Operation {
    /// Everything that is fixed about the operation.
    #[must_use]
    pub const fn contract(&self) -> &'static Contract {
        self.kind().contract()
    }

    /// Every resource that the operation touches, the subject first: its part, its id and what happens
    /// to it.
    #[must_use]
    pub fn touches(&self) -> Vec<(Role, Uuid, &'static Touch)> {
        let contract = self.contract();
        let mut touches = vec![(Role::Subject, self.subject(), &contract.subject)];
        for (role, id) in self.others() {
            let described = contract.others.iter().find(|(described, _)| *described == role);
            touches.extend(described.map(|(_, touch)| (role, id, touch)));
        }
        touches
    }
}

impl std::fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.stem())
    }
}
