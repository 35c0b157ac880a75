//! Cinder's rules (release 29) that guard something that cinderblock has, with their defaults.

use std::fmt;
use std::str::FromStr;

/// Admins of the cloud.
const ADMIN: &str = "rule:admin_api";
/// Admins, and members of the project.
const MEMBER: &str = "rule:xena_system_admin_or_project_member";
/// Admins, and readers of the project.
const READER: &str = "rule:xena_system_admin_or_project_reader";

/// Rules that others name, with their defaults.
pub(crate) const NAMED: [(&str, &str); 6] = [
    (CONTEXT_IS_ADMIN, "role:admin"),
    ("admin_api", "is_admin:True or (role:admin and is_admin_project:True)"),
    (
        "admin_or_owner",
        "is_admin:True or (role:admin and is_admin_project:True) or project_id:%(project_id)s",
    ),
    (
        "system_or_domain_or_project_admin",
        "role:admin and (system_scope:all or domain_id:%(domain_id)s or project_id:%(project_id)s)",
    ),
    (
        "xena_system_admin_or_project_member",
        "role:admin or (role:member and project_id:%(project_id)s)",
    ),
    (
        "xena_system_admin_or_project_reader",
        "role:admin or (role:reader and project_id:%(project_id)s)",
    ),
];

/// The rule that says who is an admin of the cloud: who sees and changes what belongs to every project.
pub(crate) const CONTEXT_IS_ADMIN: &str = "context_is_admin";

/// What a rule is about: whose fields its check compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// No object: the caller's own user and project.
    Caller,
    /// The object in the path.
    Resource,
    /// The project in the path.
    Project,
}

macro_rules! rules {
    ($( $variant:ident = $name:literal $(or $old:literal)?: $default:ident, $subject:ident, $guards:literal; )+) => {
        /// A rule that guards a part of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $( #[doc = $guards] $variant, )+
        }

        impl Rule {
            /// All rules, by what they are about.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The name that policy files know it by.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// The name that it had in earlier releases; one name can have become several.
            #[must_use]
            pub const fn old_name(self) -> Option<&'static str> {
                match self { $( Self::$variant => rules!(@old $($old)?), )+ }
            }

            /// Its check, where no file says otherwise.
            #[must_use]
            pub const fn default_check(self) -> &'static str {
                match self { $( Self::$variant => $default, )+ }
            }

            /// What it is about.
            #[must_use]
            pub const fn subject(self) -> Subject {
                match self { $( Self::$variant => Subject::$subject, )+ }
            }

            /// What it guards: requests, actions, or fields of answers.
            #[must_use]
            pub const fn guards(self) -> &'static str {
                match self { $( Self::$variant => $guards, )+ }
            }
        }
    };
    (@old $old:literal) => { Some($old) };
    (@old) => { None };
}

rules! {
    // volumes
    VolumeCreate = "volume:create": MEMBER, Caller, "POST /volumes";
    VolumeCreateFromImage = "volume:create_from_image": MEMBER, Caller, "POST /volumes, with an image";
    VolumeMultiattach = "volume:multiattach": MEMBER, Caller, "POST /volumes, with a type that allows several servers; os-retype to one";
    VolumeGet = "volume:get": READER, Resource, "GET /volumes/{id}";
    VolumeGetAll = "volume:get_all": READER, Caller, "GET /volumes, /volumes/detail and /volumes/summary";
    VolumeUpdate = "volume:update": MEMBER, Resource, "PUT /volumes/{id}; os-set_bootable";
    VolumeDelete = "volume:delete": MEMBER, Resource, "DELETE /volumes/{id}";
    VolumeForceDelete = "volume:force_delete": ADMIN, Resource, "DELETE /volumes/{id}?force=true";
    VolumeHostAttribute = "volume_extension:volume_host_attribute": ADMIN, Caller, "os-vol-host-attr:host";
    VolumeTenantAttribute = "volume_extension:volume_tenant_attribute": READER, Caller, "os-vol-tenant-attr:tenant_id";
    VolumeMigrationAttribute = "volume_extension:volume_mig_status_attribute": ADMIN, Caller, "os-vol-mig-status-attr:migstat and :name_id";
    VolumeEncryptionMetadata = "volume_extension:volume_encryption_metadata": READER, Resource, "GET /volumes/{id}/encryption";
    VolumeGetMetadata = "volume:get_volume_metadata": READER, Resource, "GET /volumes/{id}/metadata; os-show_image_metadata";
    VolumeCreateMetadata = "volume:create_volume_metadata": MEMBER, Resource, "POST /volumes/{id}/metadata";
    VolumeUpdateMetadata = "volume:update_volume_metadata": MEMBER, Resource, "PUT /volumes/{id}/metadata";
    VolumeDeleteMetadata = "volume:delete_volume_metadata": MEMBER, Resource, "DELETE /volumes/{id}/metadata/{key}";
    VolumeImageMetadataShow = "volume_extension:volume_image_metadata:show" or "volume_extension:volume_image_metadata": READER, Caller, "volume_image_metadata";
    VolumeImageMetadataSet = "volume_extension:volume_image_metadata:set" or "volume_extension:volume_image_metadata": MEMBER, Resource, "os-set_image_metadata";
    VolumeImageMetadataRemove = "volume_extension:volume_image_metadata:remove" or "volume_extension:volume_image_metadata": MEMBER, Resource, "os-unset_image_metadata";
    // actions on volumes
    VolumeExtend = "volume:extend": MEMBER, Resource, "os-extend";
    VolumeExtendAttached = "volume:extend_attached_volume": MEMBER, Resource, "os-extend of a volume in use";
    VolumeRevert = "volume:revert_to_snapshot": MEMBER, Resource, "revert";
    VolumeRetype = "volume:retype": MEMBER, Resource, "os-retype";
    VolumeUpdateReadonly = "volume:update_readonly_flag": MEMBER, Resource, "os-update_readonly_flag";
    VolumeResetStatus = "volume_extension:volume_admin_actions:reset_status": ADMIN, Resource, "os-reset_status";
    VolumeActionForceDelete = "volume_extension:volume_admin_actions:force_delete": ADMIN, Resource, "os-force_delete";
    VolumeForceDetach = "volume_extension:volume_admin_actions:force_detach": ADMIN, Resource, "os-force_detach";
    VolumeMigrate = "volume_extension:volume_admin_actions:migrate_volume": ADMIN, Resource, "os-migrate_volume";
    VolumeMigrateCompletion = "volume_extension:volume_admin_actions:migrate_volume_completion": ADMIN, Resource, "os-migrate_volume_completion";
    VolumeExtendCompletion = "volume_extension:volume_admin_actions:extend_volume_completion": ADMIN, Resource, "os-extend_volume_completion";
    VolumeReimage = "volume:reimage": MEMBER, Resource, "os-reimage";
    VolumeReimageReserved = "volume:reimage_reserved": MEMBER, Resource, "os-reimage of a volume that is reserved";
    VolumeUploadPublic = "volume_extension:volume_actions:upload_public": ADMIN, Caller, "os-volume_upload_image: visibility public";
    VolumeUploadImage = "volume_extension:volume_actions:upload_image": MEMBER, Caller, "os-volume_upload_image";
    VolumeInitializeConnection = "volume_extension:volume_actions:initialize_connection": MEMBER, Resource, "os-initialize_connection";
    VolumeTerminateConnection = "volume_extension:volume_actions:terminate_connection": MEMBER, Resource, "os-terminate_connection";
    VolumeReserve = "volume_extension:volume_actions:reserve": MEMBER, Resource, "os-reserve";
    VolumeUnreserve = "volume_extension:volume_actions:unreserve": MEMBER, Resource, "os-unreserve";
    VolumeBeginDetaching = "volume_extension:volume_actions:begin_detaching": MEMBER, Resource, "os-begin_detaching";
    VolumeRollDetaching = "volume_extension:volume_actions:roll_detaching": MEMBER, Resource, "os-roll_detaching";
    VolumeAttach = "volume_extension:volume_actions:attach": MEMBER, Resource, "os-attach";
    VolumeDetach = "volume_extension:volume_actions:detach": MEMBER, Resource, "os-detach";
    VolumeUnmanage = "volume_extension:volume_unmanage": ADMIN, Resource, "os-unmanage";
    VolumeManage = "volume_extension:volume_manage": ADMIN, Caller, "POST /manageable_volumes";
    VolumeListManageable = "volume_extension:list_manageable": ADMIN, Caller, "GET /manageable_volumes";
    // attachments
    AttachmentCreate = "volume:attachment_create": MEMBER, Resource, "POST /attachments";
    AttachmentUpdate = "volume:attachment_update": MEMBER, Resource, "PUT /attachments/{id}";
    AttachmentDelete = "volume:attachment_delete": MEMBER, Resource, "DELETE /attachments/{id}";
    AttachmentComplete = "volume:attachment_complete": MEMBER, Resource, "os-complete";
    AttachmentMultiattachBootable = "volume:multiattach_bootable_volume": MEMBER, Resource, "POST /attachments, of a bootable volume in use";
    // snapshots
    SnapshotGetAll = "volume:get_all_snapshots": READER, Caller, "GET /snapshots";
    SnapshotCreate = "volume:create_snapshot": MEMBER, Resource, "POST /snapshots";
    SnapshotGet = "volume:get_snapshot": READER, Resource, "GET /snapshots/{id}";
    SnapshotUpdate = "volume:update_snapshot": MEMBER, Resource, "PUT /snapshots/{id}";
    SnapshotDelete = "volume:delete_snapshot": MEMBER, Resource, "DELETE /snapshots/{id}";
    SnapshotGetMetadata = "volume:get_snapshot_metadata": READER, Resource, "GET /snapshots/{id}/metadata";
    SnapshotUpdateMetadata = "volume:update_snapshot_metadata": MEMBER, Resource, "POST and PUT /snapshots/{id}/metadata";
    SnapshotDeleteMetadata = "volume:delete_snapshot_metadata": MEMBER, Resource, "DELETE /snapshots/{id}/metadata/{key}";
    SnapshotExtendedAttributes = "volume_extension:extended_snapshot_attributes": READER, Caller, "os-extended-snapshot-attributes:progress and :project_id";
    SnapshotResetStatus = "volume_extension:snapshot_admin_actions:reset_status": ADMIN, Resource, "os-reset_status of a snapshot";
    SnapshotForceDelete = "volume_extension:snapshot_admin_actions:force_delete": ADMIN, Resource, "os-force_delete of a snapshot";
    SnapshotUpdateStatus = "snapshot_extension:snapshot_actions:update_snapshot_status": MEMBER, Resource, "os-update_snapshot_status";
    SnapshotListManageable = "snapshot_extension:list_manageable": ADMIN, Caller, "GET /manageable_snapshots";
    SnapshotManage = "snapshot_extension:snapshot_manage": ADMIN, Resource, "POST /manageable_snapshots";
    SnapshotUnmanage = "snapshot_extension:snapshot_unmanage": ADMIN, Resource, "os-unmanage of a snapshot";
    // volume types
    TypeCreate = "volume_extension:type_create" or "volume_extension:types_manage": ADMIN, Caller, "POST /types";
    TypeUpdate = "volume_extension:type_update" or "volume_extension:types_manage": ADMIN, Caller, "PUT /types/{id}";
    TypeDelete = "volume_extension:type_delete" or "volume_extension:types_manage": ADMIN, Caller, "DELETE /types/{id}";
    TypeGet = "volume_extension:type_get": READER, Caller, "GET /types/{id}";
    TypeGetAll = "volume_extension:type_get_all": READER, Caller, "GET /types";
    TypeExtraSpecsAttribute = "volume_extension:access_types_extra_specs": READER, Caller, "extra_specs";
    TypeQosSpecsAttribute = "volume_extension:access_types_qos_specs_id": ADMIN, Caller, "qos_specs_id";
    TypeAccessAttribute = "volume_extension:volume_type_access": MEMBER, Caller, "os-volume-type-access:is_public";
    TypeAddProjectAccess = "volume_extension:volume_type_access:addProjectAccess": ADMIN, Caller, "addProjectAccess";
    TypeRemoveProjectAccess = "volume_extension:volume_type_access:removeProjectAccess": ADMIN, Caller, "removeProjectAccess";
    TypeGetAccess = "volume_extension:volume_type_access:get_all_for_type": ADMIN, Caller, "GET /types/{id}/os-volume-type-access";
    ExtraSpecsIndex = "volume_extension:types_extra_specs:index": READER, Caller, "GET /types/{id}/extra_specs";
    ExtraSpecsShow = "volume_extension:types_extra_specs:show": READER, Caller, "GET /types/{id}/extra_specs/{key}";
    ExtraSpecsCreate = "volume_extension:types_extra_specs:create": ADMIN, Caller, "POST /types/{id}/extra_specs";
    ExtraSpecsUpdate = "volume_extension:types_extra_specs:update": ADMIN, Caller, "PUT /types/{id}/extra_specs/{key}";
    ExtraSpecsDelete = "volume_extension:types_extra_specs:delete": ADMIN, Caller, "DELETE /types/{id}/extra_specs/{key}";
    ExtraSpecsReadSensitive = "volume_extension:types_extra_specs:read_sensitive": ADMIN, Caller, "extra specs that say how a backend works";
    EncryptionCreate = "volume_extension:volume_type_encryption:create" or "volume_extension:volume_type_encryption": ADMIN, Caller, "POST /types/{id}/encryption";
    EncryptionGet = "volume_extension:volume_type_encryption:get" or "volume_extension:volume_type_encryption": ADMIN, Caller, "GET /types/{id}/encryption";
    EncryptionUpdate = "volume_extension:volume_type_encryption:update" or "volume_extension:volume_type_encryption": ADMIN, Caller, "PUT /types/{id}/encryption/{id}";
    EncryptionDelete = "volume_extension:volume_type_encryption:delete" or "volume_extension:volume_type_encryption": ADMIN, Caller, "DELETE /types/{id}/encryption/{id}";
    DefaultTypeSet = "volume_extension:default_set_or_update": ADMIN, Project, "PUT /default-types/{project}";
    DefaultTypeGet = "volume_extension:default_get": ADMIN, Project, "GET /default-types/{project}";
    DefaultTypeGetAll = "volume_extension:default_get_all": ADMIN, Caller, "GET /default-types";
    DefaultTypeUnset = "volume_extension:default_unset": ADMIN, Project, "DELETE /default-types/{project}";
    QosSpecsGetAll = "volume_extension:qos_specs_manage:get_all": ADMIN, Caller, "GET /qos-specs and /qos-specs/{id}/associations";
    QosSpecsGet = "volume_extension:qos_specs_manage:get": ADMIN, Caller, "GET /qos-specs/{id}";
    QosSpecsCreate = "volume_extension:qos_specs_manage:create": ADMIN, Caller, "POST /qos-specs";
    QosSpecsUpdate = "volume_extension:qos_specs_manage:update": ADMIN, Caller, "PUT /qos-specs/{id}; associate, disassociate, disassociate_all";
    QosSpecsDelete = "volume_extension:qos_specs_manage:delete": ADMIN, Caller, "DELETE /qos-specs/{id}; delete_keys";
    // transfers
    TransferGetAll = "volume:get_all_transfers": READER, Caller, "GET /volume-transfers";
    TransferCreate = "volume:create_transfer": MEMBER, Resource, "POST /volume-transfers";
    TransferGet = "volume:get_transfer": READER, Caller, "GET /volume-transfers/{id}";
    TransferAccept = "volume:accept_transfer": MEMBER, Caller, "POST /volume-transfers/{id}/accept";
    TransferDelete = "volume:delete_transfer": MEMBER, Resource, "DELETE /volume-transfers/{id}";
    // quotas, limits and messages
    QuotaShow = "volume_extension:quotas:show": READER, Project, "GET /os-quota-sets/{project}";
    QuotaUpdate = "volume_extension:quotas:update": ADMIN, Project, "PUT /os-quota-sets/{project}";
    QuotaDelete = "volume_extension:quotas:delete": ADMIN, Project, "DELETE /os-quota-sets/{project}";
    QuotaClassGet = "volume_extension:quota_classes:get" or "volume_extension:quota_classes": ADMIN, Caller, "GET /os-quota-class-sets/{name}";
    QuotaClassUpdate = "volume_extension:quota_classes:update" or "volume_extension:quota_classes": ADMIN, Caller, "PUT /os-quota-class-sets/{name}";
    LimitsUsed = "limits_extension:used_limits": READER, Caller, "what of the limits is used";
    MessageGetAll = "message:get_all": READER, Caller, "GET /messages";
    MessageGet = "message:get": READER, Caller, "GET /messages/{id}";
    MessageDelete = "message:delete": MEMBER, Caller, "DELETE /messages/{id}";
    // backups
    BackupGetAll = "backup:get_all": READER, Caller, "GET /backups and /backups/detail";
    BackupCreate = "backup:create": MEMBER, Caller, "POST /backups";
    BackupGet = "backup:get": READER, Resource, "GET /backups/{id}";
    BackupUpdate = "backup:update": MEMBER, Resource, "PUT /backups/{id}";
    BackupDelete = "backup:delete": MEMBER, Resource, "DELETE /backups/{id}";
    BackupRestore = "backup:restore": MEMBER, Resource, "POST /backups/{id}/restore";
    BackupImport = "backup:backup-import": ADMIN, Caller, "POST /backups/import_record";
    BackupExport = "backup:export-import": ADMIN, Resource, "GET /backups/{id}/export_record";
    BackupProjectAttribute = "backup:backup_project_attribute": ADMIN, Caller, "os-backup-project-attr:project_id and user_id";
    BackupResetStatus = "volume_extension:backup_admin_actions:reset_status": ADMIN, Resource, "os-reset_status of a backup";
    BackupForceDelete = "volume_extension:backup_admin_actions:force_delete": ADMIN, Resource, "os-force_delete of a backup";
    // operators
    Capabilities = "volume_extension:capabilities": ADMIN, Caller, "GET /capabilities/{host}";
    ServicesIndex = "volume_extension:services:index": ADMIN, Caller, "GET /os-services and /os-services/protection";
    ServicesUpdate = "volume_extension:services:update": ADMIN, Caller, "PUT /os-services/{action}, all of them";
    FreezeHost = "volume:freeze_host": ADMIN, Caller, "PUT /os-services/freeze";
    ThawHost = "volume:thaw_host": ADMIN, Caller, "PUT /os-services/thaw";
    FailoverHost = "volume:failover_host": ADMIN, Caller, "PUT /os-services/failover_host, failover, reset_active_backend, replication_enable, verify_replicas, begin_drill and end_drill; GET /os-services/protection";
    Pools = "scheduler_extension:scheduler_stats:get_pools": ADMIN, Caller, "GET /scheduler-stats/get_pools";
    Hosts = "volume_extension:hosts": ADMIN, Caller, "GET and PUT /os-hosts";
    ClustersGetAll = "clusters:get_all": ADMIN, Caller, "GET /clusters";
    ClustersGet = "clusters:get": ADMIN, Caller, "GET /clusters/{name}";
    ClustersUpdate = "clusters:update": ADMIN, Caller, "PUT /clusters/enable and disable";
    WorkersCleanup = "workers:cleanup": ADMIN, Caller, "POST /workers/cleanup";
}

/// Beginnings of the names of Cinder's rules that guard what cinderblock does not have. A file may have them.
const WITHOUT_EFFECT: [&str; 2] = ["group:", "consistencygroup:"];

/// The same for whole names.
const NAMES_WITHOUT_EFFECT: [&str; 1] = ["volume:update_volume_admin_metadata"];

/// Whether Cinder has a rule of this name that guards nothing here.
pub(crate) fn is_without_effect(name: &str) -> bool {
    NAMES_WITHOUT_EFFECT.contains(&name)
        || WITHOUT_EFFECT.iter().any(|beginning| name.starts_with(beginning))
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A name that no rule has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule {0}")]
pub struct UnknownRule(String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let rule = Self::ALL.iter().find(|rule| rule.name() == name);
        rule.copied().ok_or_else(|| UnknownRule(name.to_owned()))
    }
}
