//! Volumes.

use super::timestamp;
use crate::links::ItemLinks;
use crate::policy::Rule;
use crate::request::RequestContext;
use model::{
    AttachedServer, AttachmentId, Metadata, MigrationStatus, ReplicationStatus, Volume, VolumeId,
    VolumeStatus, VolumeTypeId,
};
use serde::Serialize;
use std::borrow::Cow;
use uuid::Uuid;

/// What the short list shows.
#[derive(Serialize)]
pub(crate) struct Summary<'a> {
    id: VolumeId,
    name: Option<&'a str>,
    links: ItemLinks,
}

/// What the short list shows.
pub(crate) fn summary<'a>(volume: &'a Volume, context: &RequestContext) -> Summary<'a> {
    let links = context.links.of_item("volumes", volume.id);
    Summary { id: volume.id, name: volume.name.as_deref(), links }
}

/// What the answers to create and update show. A field that is `None` in the outer option is not shown: the version is too
/// old for it, or it is for admins.
#[derive(Serialize)]
pub(crate) struct Created<'a> {
    id: VolumeId,
    status: VolumeStatus,
    size: i32,
    availability_zone: &'a str,
    created_at: Option<String>,
    updated_at: Option<String>,
    name: Option<&'a str>,
    description: Option<&'a str>,
    volume_type: &'a str,
    snapshot_id: Option<Uuid>,
    source_volid: Option<Uuid>,
    metadata: Cow<'a, Metadata>,
    links: ItemLinks,
    user_id: &'a str,
    /// A text, unlike every other boolean.
    bootable: &'static str,
    encrypted: bool,
    replication_status: ReplicationStatus,
    consistencygroup_id: Option<Uuid>,
    multiattach: bool,
    attachments: Vec<Attached<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    migration_status: Option<Option<MigrationStatus>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<Option<Uuid>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_targets: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_uuid: Option<Option<Uuid>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_name: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_type_id: Option<VolumeTypeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumes_quota: Option<bool>,
}

/// What show and the detailed list show.
#[derive(Serialize)]
pub(crate) struct Detail<'a> {
    #[serde(flatten)]
    common: Created<'a>,
    #[serde(rename = "os-vol-tenant-attr:tenant_id", skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    #[serde(rename = "os-vol-host-attr:host", skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(rename = "os-vol-mig-status-attr:migstat", skip_serializing_if = "Option::is_none")]
    migration_status: Option<Option<MigrationStatus>>,
    #[serde(rename = "os-vol-mig-status-attr:name_id", skip_serializing_if = "Option::is_none")]
    name_id: Option<Option<Uuid>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_image_metadata: Option<&'a Metadata>,
}

/// An attached server; `id` is the volume's, as ever.
#[derive(Serialize)]
struct Attached<'a> {
    id: VolumeId,
    attachment_id: AttachmentId,
    volume_id: VolumeId,
    server_id: Option<Uuid>,
    host_name: Option<&'a str>,
    device: Option<&'a str>,
    attached_at: Option<String>,
}

/// What show and the detailed list show: more than [`created`].
pub(crate) fn detail<'a>(volume: &'a Volume, context: &RequestContext) -> Detail<'a> {
    let image_metadata = Some(&volume.image_metadata).filter(|metadata| !metadata.is_empty());
    let shows_migration = context.allows(Rule::VolumeMigrationAttribute);
    Detail {
        common: created(volume, context),
        project_id: context
            .allows(Rule::VolumeTenantAttribute)
            .then_some(volume.project_id.as_str()),
        host: context.allows(Rule::VolumeHostAttribute).then(|| volume.host()),
        migration_status: shows_migration.then_some(volume.migration_status),
        name_id: shows_migration.then_some(None),
        volume_image_metadata: image_metadata
            .filter(|_| context.allows(Rule::VolumeImageMetadataShow)),
    }
}

/// What the answers to create and update show.
pub(crate) fn created<'a>(volume: &'a Volume, context: &RequestContext) -> Created<'a> {
    let (version, is_admin) = (context.version.0, context.caller.is_admin);
    // Glance, which may store images in volumes, tells attachments apart by their hosts, and asks as a service
    let sees_hosts = is_admin || context.caller.roles.iter().any(|role| role == "service");
    Created {
        id: volume.id,
        status: shown(volume.status),
        size: volume.size_gb,
        availability_zone: &volume.availability_zone,
        created_at: timestamp(Some(volume.created_at)),
        updated_at: timestamp(volume.updated_at),
        name: volume.name.as_deref(),
        description: volume.description.as_deref(),
        volume_type: &volume.volume_type_name,
        snapshot_id: volume.snapshot_id,
        source_volid: volume.source_volume_id,
        metadata: metadata(volume),
        links: context.links.of_item("volumes", volume.id),
        user_id: &volume.user_id,
        bootable: if volume.bootable { "true" } else { "false" },
        encrypted: false,
        replication_status: volume.replication_status,
        consistencygroup_id: None,
        multiattach: volume.multiattach,
        attachments: volume
            .attachments
            .iter()
            .map(|server| attached(volume, server, sees_hosts))
            .collect(),
        migration_status: is_admin.then_some(volume.migration_status),
        group_id: (version >= 13).then_some(None),
        provider_id: (version >= 21 && is_admin).then_some(None),
        shared_targets: (version >= 48).then_some(false),
        service_uuid: (version >= 48).then_some(volume.service_id),
        cluster_name: (version >= 61 && is_admin).then_some(volume.cluster_name.as_deref()),
        volume_type_id: (version >= 63).then_some(volume.volume_type_id),
        consumes_quota: (version >= 65).then_some(volume.consumes_quota),
    }
}

/// Clients know fewer statuses than there are.
const fn shown(status: VolumeStatus) -> VolumeStatus {
    match status {
        VolumeStatus::Managing => VolumeStatus::Creating,
        VolumeStatus::ErrorManaging => VolumeStatus::Error,
        VolumeStatus::Creating
        | VolumeStatus::Available
        | VolumeStatus::Reserved
        | VolumeStatus::Attaching
        | VolumeStatus::InUse
        | VolumeStatus::Detaching
        | VolumeStatus::AwaitingTransfer
        | VolumeStatus::Extending
        | VolumeStatus::Reverting
        | VolumeStatus::Downloading
        | VolumeStatus::Uploading
        | VolumeStatus::BackingUp
        | VolumeStatus::RestoringBackup
        | VolumeStatus::Retyping
        | VolumeStatus::Maintenance
        | VolumeStatus::Unmanaging
        | VolumeStatus::Deleting
        | VolumeStatus::Deleted
        | VolumeStatus::Error
        | VolumeStatus::ErrorExtending
        | VolumeStatus::ErrorRestoring
        | VolumeStatus::ErrorUnmanaging
        | VolumeStatus::ErrorDeleting => status,
    }
}

/// The user's metadata, and what Cinder shows among it of how the volume is attached.
fn metadata(volume: &Volume) -> Cow<'_, Metadata> {
    let mut metadata = Cow::Borrowed(&volume.metadata);
    if let Some(readonly) = volume.readonly {
        let text = if readonly { "True" } else { "False" };
        metadata.to_mut().insert("readonly".to_owned(), text.to_owned());
    }
    if let Some(server) = volume.attachments.first() {
        metadata.to_mut().insert("attached_mode".to_owned(), server.attach_mode.to_string());
    }
    metadata
}

fn attached<'a>(volume: &Volume, server: &'a AttachedServer, sees_hosts: bool) -> Attached<'a> {
    Attached {
        id: volume.id,
        attachment_id: server.id,
        volume_id: volume.id,
        server_id: server.instance_id,
        host_name: server.host_name.as_deref().filter(|_| sees_hosts),
        device: server.mountpoint.as_deref(),
        attached_at: timestamp(server.attached_at),
    }
}
