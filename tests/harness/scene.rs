//! For every operation: what must be there before it, and how a client asks for it.

use crate::{Answered, Client};
use operation::OperationKind;
use serde_json::{Value, json};

/// What an operation is asked for.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// A volume of 1 GiB.
    pub volume: String,
    /// Its snapshot, for operations that need one.
    pub snapshot: String,
    /// An attachment of it, for operations that need one.
    pub attachment: String,
    /// A private volume type that no volume is of, for operations on types.
    pub volume_type: String,
    /// A backend that does not hold the volume, for operations that take it there.
    pub elsewhere: String,
    /// What is on a backend without being a volume or snapshot: its host and its name there.
    pub stored: (String, String),
    /// A quality of service that no volume type has, for operations on them.
    pub qos_specs: String,
    /// A message about an operation that failed.
    pub message: String,
}

/// What a server's host says of itself.
#[must_use]
pub fn connector(host: &str) -> Value {
    json!({ "host": host, "ip": "127.0.0.1", "initiator": format!("iqn.2026-01.test:{host}") })
}

impl Scene {
    /// Prepares what the operation needs, on backends that take everything.
    ///
    /// # Errors
    /// When that is not to be had.
    pub async fn prepare(client: &Client, kind: OperationKind) -> anyhow::Result<Self> {
        let volume = client.create_volume(json!({ "size": 1 })).await?;
        client.wait_for_status(&volume, "available").await?;
        let mut scene = Self { volume, ..Self::default() };
        match kind {
            OperationKind::CreateVolume
            | OperationKind::DeleteVolume
            | OperationKind::ForceDeleteVolume
            | OperationKind::ExtendVolume
            | OperationKind::UpdateVolume
            | OperationKind::ResetVolumeStatus
            | OperationKind::SetVolumeReadonly
            | OperationKind::SetVolumeBootable
            | OperationKind::UpdateImageMetadata
            | OperationKind::CreateSnapshot
            | OperationKind::CreateAttachment
            | OperationKind::SetDefaultType
            | OperationKind::CreateQosSpecs
            | OperationKind::UpdateQuota
            | OperationKind::ResetQuota
            | OperationKind::UpdateQuotaClass
            | OperationKind::EnableBackend
            | OperationKind::DisableBackend
            | OperationKind::FreezeBackend
            | OperationKind::ThawBackend
            | OperationKind::FailoverBackend
            | OperationKind::PromoteBackend
            | OperationKind::EnableReplication => {}
            OperationKind::ReserveVolume | OperationKind::UnmanageVolume => {}
            OperationKind::ManageVolume => {
                let other = client.available_volume(1).await?;
                scene.stored = (client.host_of(&other).await?, format!("volume-{other}"));
                client.act(&other, "os-unmanage", json!(null)).await?.expect_status(202)?;
                client.wait_for_status(&other, "deleted").await?;
            }
            OperationKind::ManageSnapshot => {
                let other = client.create_snapshot(&scene.volume).await?;
                scene.stored = (client.host_of(&scene.volume).await?, format!("snapshot-{other}"));
                let path = format!("/snapshots/{other}");
                let unmanage = json!({ "os-unmanage": null });
                client.post(&format!("{path}/action"), unmanage).await?.expect_status(202)?;
                client.wait_until(&path, "snapshot", "deleted").await?;
            }
            OperationKind::InitializeConnection | OperationKind::AttachVolume => {
                client.act(&scene.volume, "os-reserve", json!(null)).await?.expect_status(202)?;
            }
            OperationKind::BeginDetaching
            | OperationKind::RollDetaching
            | OperationKind::TerminateConnection => {
                client.attach_through_actions(&scene.volume, "server-1").await?;
                if kind == OperationKind::RollDetaching {
                    let started = client.act(&scene.volume, "os-begin_detaching", json!(null));
                    started.await?.expect_status(202)?;
                }
            }
            OperationKind::RevertVolume
            | OperationKind::DeleteSnapshot
            | OperationKind::ForceDeleteSnapshot
            | OperationKind::UpdateSnapshot
            | OperationKind::UnmanageSnapshot
            | OperationKind::ResetSnapshotStatus => {
                scene.snapshot = client.create_snapshot(&scene.volume).await?;
            }
            OperationKind::RetypeVolume => {
                scene.volume_type = client.create_volume_type(kind.stem(), json!({})).await?;
            }
            OperationKind::MigrateVolume => {
                scene.elsewhere = client.other_host(&scene.volume).await?;
            }
            OperationKind::CreateVolumeType
            | OperationKind::UpdateVolumeType
            | OperationKind::DeleteVolumeType
            | OperationKind::UpdateExtraSpecs
            | OperationKind::UpdateTypeEncryption
            | OperationKind::UpdateTypeAccess => {
                let private = json!({ "os-volume-type-access:is_public": false });
                scene.volume_type = client.create_volume_type(kind.stem(), private).await?;
            }
            OperationKind::UpdateQosSpecs | OperationKind::DeleteQosSpecs => {
                scene.qos_specs = client.create_qos_specs(kind.stem()).await?;
            }
            OperationKind::AssociateQosSpecs | OperationKind::DisassociateQosSpecs => {
                scene.qos_specs = client.create_qos_specs(kind.stem()).await?;
                scene.volume_type = client.create_volume_type(kind.stem(), json!({})).await?;
                if kind == OperationKind::DisassociateQosSpecs {
                    let (qos, named) = (&scene.qos_specs, &scene.volume_type);
                    let path = format!("/qos-specs/{qos}/associate?vol_type_id={named}");
                    client.get(&path).await?.expect_status(202)?;
                }
            }
            OperationKind::DeleteMessage => scene.message = client.message_of_a_failure().await?,
            OperationKind::UpdateAttachment
            | OperationKind::CompleteAttachment
            | OperationKind::ReleaseAttachment => {
                scene.attachment = client.reserve(&scene.volume, None).await?;
            }
            OperationKind::DeleteAttachment => {
                scene.attachment = client.reserve(&scene.volume, None).await?;
                client.connect(&scene.attachment, "server-1").await?.expect_status(200)?;
            }
        }
        Ok(scene)
    }

    /// Asks for the operation; `host` is the backend's.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(
        &self,
        client: &Client,
        kind: OperationKind,
        host: &str,
    ) -> anyhow::Result<Answered> {
        let Self {
            volume,
            snapshot,
            attachment,
            volume_type,
            elsewhere,
            stored,
            qos_specs,
            message,
        } = self;
        let (volume_path, snapshot_path) =
            (format!("/volumes/{volume}"), format!("/snapshots/{snapshot}"));
        let type_path = format!("/types/{volume_type}");
        let attachment_path = format!("/attachments/{attachment}");
        match kind {
            OperationKind::CreateVolume => {
                client.post("/volumes", json!({ "volume": { "size": 1 } })).await
            }
            OperationKind::DeleteVolume => client.delete(&volume_path).await,
            OperationKind::ForceDeleteVolume => {
                client.act(volume, "os-force_delete", json!(null)).await
            }
            OperationKind::ExtendVolume => {
                client.act(volume, "os-extend", json!({ "new_size": 2 })).await
            }
            OperationKind::UpdateVolume => {
                client.put(&volume_path, json!({ "volume": { "name": "n" } })).await
            }
            OperationKind::ResetVolumeStatus => {
                client.act(volume, "os-reset_status", json!({ "status": "error" })).await
            }
            OperationKind::SetVolumeReadonly => {
                client.act(volume, "os-update_readonly_flag", json!({ "readonly": true })).await
            }
            OperationKind::SetVolumeBootable => {
                client.act(volume, "os-set_bootable", json!({ "bootable": true })).await
            }
            OperationKind::UpdateImageMetadata => {
                let metadata = json!({ "metadata": { "os": "linux" } });
                client.act(volume, "os-set_image_metadata", metadata).await
            }
            OperationKind::ResetSnapshotStatus => {
                let body = json!({ "os-reset_status": { "status": "error" } });
                client.post(&format!("{snapshot_path}/action"), body).await
            }
            OperationKind::RevertVolume => {
                client.act(volume, "revert", json!({ "snapshot_id": snapshot })).await
            }
            OperationKind::RetypeVolume => {
                client.act(volume, "os-retype", json!({ "new_type": volume_type })).await
            }
            OperationKind::MigrateVolume => {
                client.act(volume, "os-migrate_volume", json!({ "host": elsewhere })).await
            }
            OperationKind::CreateSnapshot => {
                client.post("/snapshots", json!({ "snapshot": { "volume_id": volume } })).await
            }
            OperationKind::DeleteSnapshot => client.delete(&snapshot_path).await,
            OperationKind::ForceDeleteSnapshot => {
                client
                    .post(&format!("{snapshot_path}/action"), json!({ "os-force_delete": null }))
                    .await
            }
            OperationKind::UpdateSnapshot => {
                client.put(&snapshot_path, json!({ "snapshot": { "name": "n" } })).await
            }
            OperationKind::ManageVolume => {
                let (host, name) = stored;
                let volume = json!({ "host": host, "ref": { "source-name": name } });
                client.post("/manageable_volumes", json!({ "volume": volume })).await
            }
            OperationKind::UnmanageVolume => client.act(volume, "os-unmanage", json!(null)).await,
            OperationKind::ManageSnapshot => {
                let reference = json!({ "source-name": stored.1 });
                let snapshot = json!({ "volume_id": volume, "ref": reference });
                client.post("/manageable_snapshots", json!({ "snapshot": snapshot })).await
            }
            OperationKind::UnmanageSnapshot => {
                client
                    .post(&format!("{snapshot_path}/action"), json!({ "os-unmanage": null }))
                    .await
            }
            OperationKind::ReserveVolume => client.act(volume, "os-reserve", json!(null)).await,
            OperationKind::InitializeConnection => {
                let connector = json!({ "connector": connector("server-1") });
                client.act(volume, "os-initialize_connection", connector).await
            }
            OperationKind::AttachVolume => {
                let arguments = json!({ "host_name": "server-1", "mountpoint": "/dev/vdb" });
                client.act(volume, "os-attach", arguments).await
            }
            OperationKind::BeginDetaching => {
                client.act(volume, "os-begin_detaching", json!(null)).await
            }
            OperationKind::RollDetaching => {
                client.act(volume, "os-roll_detaching", json!(null)).await
            }
            OperationKind::TerminateConnection => {
                let connector = json!({ "connector": connector("server-1") });
                client.act(volume, "os-terminate_connection", connector).await
            }
            OperationKind::CreateAttachment => {
                client
                    .post("/attachments", json!({ "attachment": { "volume_uuid": volume } }))
                    .await
            }
            OperationKind::UpdateAttachment => client.connect(attachment, "server-1").await,
            OperationKind::CompleteAttachment => {
                client
                    .post(&format!("{attachment_path}/action"), json!({ "os-complete": {} }))
                    .await
            }
            OperationKind::ReleaseAttachment | OperationKind::DeleteAttachment => {
                client.delete(&attachment_path).await
            }
            OperationKind::CreateVolumeType => {
                client.post("/types", json!({ "volume_type": { "name": "new" } })).await
            }
            OperationKind::UpdateVolumeType => {
                client.put(&type_path, json!({ "volume_type": { "name": "renamed" } })).await
            }
            OperationKind::DeleteVolumeType => client.delete(&type_path).await,
            OperationKind::UpdateExtraSpecs => {
                let body = json!({ "extra_specs": { "k": "v" } });
                client.post(&format!("{type_path}/extra_specs"), body).await
            }
            OperationKind::UpdateTypeAccess => {
                let body = json!({ "addProjectAccess": { "project": "p" } });
                client.post(&format!("{type_path}/action"), body).await
            }
            OperationKind::UpdateTypeEncryption => {
                let body = json!({ "encryption": { "provider": "luks" } });
                client.post(&format!("{type_path}/encryption"), body).await
            }
            OperationKind::SetDefaultType => {
                let body = json!({ "default_type": { "volume_type": "__DEFAULT__" } });
                client.put("/default-types/somebody", body).await
            }
            OperationKind::CreateQosSpecs => {
                client.post("/qos-specs", json!({ "qos_specs": { "name": "new" } })).await
            }
            OperationKind::UpdateQosSpecs => {
                let body = json!({ "qos_specs": { "total_iops_sec": "1" } });
                client.put(&format!("/qos-specs/{qos_specs}"), body).await
            }
            OperationKind::DeleteQosSpecs => {
                client.delete(&format!("/qos-specs/{qos_specs}")).await
            }
            OperationKind::AssociateQosSpecs => {
                let path = format!("/qos-specs/{qos_specs}/associate?vol_type_id={volume_type}");
                client.get(&path).await
            }
            OperationKind::DisassociateQosSpecs => {
                let path = format!("/qos-specs/{qos_specs}/disassociate?vol_type_id={volume_type}");
                client.get(&path).await
            }
            OperationKind::UpdateQuota => {
                let body = json!({ "quota_set": { "volumes": 99 } });
                client.put("/os-quota-sets/somebody", body).await
            }
            OperationKind::ResetQuota => client.delete("/os-quota-sets/somebody").await,
            OperationKind::UpdateQuotaClass => {
                let body = json!({ "quota_class_set": { "snapshots": 99 } });
                client.put("/os-quota-class-sets/default", body).await
            }
            OperationKind::DeleteMessage => client.delete(&format!("/messages/{message}")).await,
            OperationKind::EnableBackend => client.operate("enable", host).await,
            OperationKind::DisableBackend => client.operate("disable", host).await,
            OperationKind::FreezeBackend => client.operate("freeze", host).await,
            OperationKind::ThawBackend => client.operate("thaw", host).await,
            OperationKind::FailoverBackend => client.operate("failover_host", host).await,
            OperationKind::PromoteBackend => client.operate("reset_active_backend", host).await,
            OperationKind::EnableReplication => client.operate("replication_enable", host).await,
        }
    }
}
