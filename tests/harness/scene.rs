//! For every operation: what must be there before it, and how a client asks for it.

use crate::image_service::IMAGE;
use crate::{Answered, Client};
use operation::OperationKind;
use reqwest::Method;
use serde_json::{Value, json};

/// An operation that can be asked for.
#[derive(Clone, Debug)]
pub struct Scene {
    /// A volume of 1 GiB, which the operation is about if it is about a volume.
    pub volume: String,
    request: Request,
}

/// A request to the API, by its path below the project's.
#[derive(Clone, Debug)]
struct Request {
    method: Method,
    path: String,
    body: Option<Value>,
}

fn get(path: String) -> Request {
    Request { method: Method::GET, path, body: None }
}

fn delete(path: String) -> Request {
    Request { method: Method::DELETE, path, body: None }
}

fn post(path: impl Into<String>, body: Value) -> Request {
    Request { method: Method::POST, path: path.into(), body: Some(body) }
}

fn put(path: impl Into<String>, body: Value) -> Request {
    Request { method: Method::PUT, path: path.into(), body: Some(body) }
}

/// An action on a volume.
fn act(volume: &str, action: &str, arguments: Value) -> Request {
    post(format!("/volumes/{volume}/action"), json!({ action: arguments }))
}

/// An action on a backup.
fn act_on_backup(backup: &str, action: &str, arguments: Value) -> Request {
    post(format!("/backups/{backup}/action"), json!({ action: arguments }))
}

/// An operator's decision about a backend.
fn operate(decision: &str, host: &str) -> Request {
    put(format!("/os-services/{decision}"), json!({ "host": host }))
}

/// An operator's decision whether a backend is in service.
fn set_service(decision: &str, host: &str) -> Request {
    let body = json!({ "host": host, "binary": "cinder-volume" });
    put(format!("/os-services/{decision}"), body)
}

/// What a server's host says of itself.
#[must_use]
pub fn connector(host: &str) -> Value {
    json!({ "host": host, "ip": "127.0.0.1", "initiator": format!("iqn.2026-01.test:{host}") })
}

impl Scene {
    /// Prepares what the operation needs, on backends that take everything; `host` is the backend that
    /// operators decide about.
    ///
    /// # Errors
    /// When something of it cannot be made.
    pub async fn prepare(client: &Client, kind: OperationKind, host: &str) -> anyhow::Result<Self> {
        let volume = client.available_volume(1).await?;
        let request = Self::request(client, kind, &volume, host).await?;
        Ok(Self { volume, request })
    }

    /// Asks for the operation.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, client: &Client) -> anyhow::Result<Answered> {
        let Request { method, path, body } = &self.request;
        let request = client.request(method.clone(), path);
        Client::send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    async fn request(
        client: &Client,
        kind: OperationKind,
        volume: &str,
        host: &str,
    ) -> anyhow::Result<Request> {
        Ok(match kind {
            OperationKind::CreateVolume => post("/volumes", json!({ "volume": { "size": 1 } })),
            OperationKind::DeleteVolume => delete(format!("/volumes/{volume}")),
            OperationKind::ForceDeleteVolume => act(volume, "os-force_delete", json!(null)),
            OperationKind::ExtendVolume => act(volume, "os-extend", json!({ "new_size": 2 })),
            OperationKind::UpdateVolume => {
                put(format!("/volumes/{volume}"), json!({ "volume": { "name": "n" } }))
            }
            OperationKind::ResetVolumeStatus => {
                act(volume, "os-reset_status", json!({ "status": "error" }))
            }
            OperationKind::SetVolumeReadonly => {
                act(volume, "os-update_readonly_flag", json!({ "readonly": true }))
            }
            OperationKind::SetVolumeBootable => {
                act(volume, "os-set_bootable", json!({ "bootable": true }))
            }
            OperationKind::UpdateImageMetadata => {
                let metadata = json!({ "metadata": { "os": "linux" } });
                act(volume, "os-set_image_metadata", metadata)
            }
            OperationKind::RevertVolume => {
                let snapshot = client.create_snapshot(volume).await?;
                act(volume, "revert", json!({ "snapshot_id": snapshot }))
            }
            OperationKind::RetypeVolume => {
                let volume_type = client.create_volume_type(kind.stem(), json!({})).await?;
                act(volume, "os-retype", json!({ "new_type": volume_type }))
            }
            OperationKind::UploadVolume => {
                act(volume, "os-volume_upload_image", json!({ "image_name": "made" }))
            }
            OperationKind::ReimageVolume => act(volume, "os-reimage", json!({ "image_id": IMAGE })),
            OperationKind::CreateBackup => {
                post("/backups", json!({ "backup": { "volume_id": volume } }))
            }
            OperationKind::DeleteBackup => {
                delete(format!("/backups/{}", client.create_backup(volume).await?))
            }
            OperationKind::ForceDeleteBackup => {
                act_on_backup(&client.create_backup(volume).await?, "os-force_delete", json!({}))
            }
            OperationKind::UpdateBackup => {
                let backup = client.create_backup(volume).await?;
                put(format!("/backups/{backup}"), json!({ "backup": { "name": "n" } }))
            }
            OperationKind::ResetBackupStatus => {
                let backup = client.create_backup(volume).await?;
                act_on_backup(&backup, "os-reset_status", json!({ "status": "error" }))
            }
            OperationKind::RestoreBackup => {
                let backup = client.create_backup(volume).await?;
                let restore = json!({ "restore": { "volume_id": volume } });
                post(format!("/backups/{backup}/restore"), restore)
            }
            OperationKind::CreateVolumeFromBackup => {
                let backup = client.create_backup(volume).await?;
                post("/volumes", json!({ "volume": { "backup_id": backup } }))
            }
            OperationKind::ImportBackup => {
                let backup = client.create_backup(volume).await?;
                post("/backups/import_record", client.record_of_another(&backup).await?)
            }
            OperationKind::MigrateVolume => {
                let elsewhere = client.other_host(volume).await?;
                act(volume, "os-migrate_volume", json!({ "host": elsewhere }))
            }
            OperationKind::ManageVolume => {
                let other = client.available_volume(1).await?;
                let place = client.host_of(&other).await?;
                client.act(&other, "os-unmanage", json!(null)).await?.expect_status(202)?;
                client.wait_for_status(&other, "deleted").await?;
                let stored = json!({ "source-name": format!("volume-{other}") });
                let managed = json!({ "host": place, "ref": stored });
                post("/manageable_volumes", json!({ "volume": managed }))
            }
            OperationKind::UnmanageVolume => act(volume, "os-unmanage", json!(null)),
            OperationKind::ManageSnapshot => {
                let other = client.create_snapshot(volume).await?;
                let path = format!("/snapshots/{other}");
                let unmanage = json!({ "os-unmanage": null });
                client.post(&format!("{path}/action"), unmanage).await?.expect_status(202)?;
                client.wait_until(&path, "snapshot", "deleted").await?;
                let stored = json!({ "source-name": format!("snapshot-{other}") });
                let managed = json!({ "volume_id": volume, "ref": stored });
                post("/manageable_snapshots", json!({ "snapshot": managed }))
            }
            OperationKind::UnmanageSnapshot => {
                let snapshot = client.create_snapshot(volume).await?;
                post(format!("/snapshots/{snapshot}/action"), json!({ "os-unmanage": null }))
            }
            OperationKind::CreateSnapshot => {
                post("/snapshots", json!({ "snapshot": { "volume_id": volume } }))
            }
            OperationKind::DeleteSnapshot => {
                delete(format!("/snapshots/{}", client.create_snapshot(volume).await?))
            }
            OperationKind::ForceDeleteSnapshot => {
                let snapshot = client.create_snapshot(volume).await?;
                post(format!("/snapshots/{snapshot}/action"), json!({ "os-force_delete": null }))
            }
            OperationKind::UpdateSnapshot => {
                let snapshot = client.create_snapshot(volume).await?;
                put(format!("/snapshots/{snapshot}"), json!({ "snapshot": { "name": "n" } }))
            }
            OperationKind::ResetSnapshotStatus => {
                let snapshot = client.create_snapshot(volume).await?;
                let reset = json!({ "os-reset_status": { "status": "error" } });
                post(format!("/snapshots/{snapshot}/action"), reset)
            }
            OperationKind::CreateAttachment => {
                post("/attachments", json!({ "attachment": { "volume_uuid": volume } }))
            }
            OperationKind::UpdateAttachment => {
                let attachment = client.reserve(volume, None).await?;
                let connector = json!({ "connector": connector("server-1") });
                put(format!("/attachments/{attachment}"), json!({ "attachment": connector }))
            }
            OperationKind::CompleteAttachment => {
                let attachment = client.reserve(volume, None).await?;
                post(format!("/attachments/{attachment}/action"), json!({ "os-complete": {} }))
            }
            OperationKind::ReleaseAttachment => {
                delete(format!("/attachments/{}", client.reserve(volume, None).await?))
            }
            OperationKind::DeleteAttachment => {
                let attachment = client.reserve(volume, None).await?;
                client.connect(&attachment, "server-1").await?.expect_status(200)?;
                delete(format!("/attachments/{attachment}"))
            }
            OperationKind::ReserveVolume => act(volume, "os-reserve", json!(null)),
            OperationKind::InitializeConnection => {
                client.act(volume, "os-reserve", json!(null)).await?.expect_status(202)?;
                let connector = json!({ "connector": connector("server-1") });
                act(volume, "os-initialize_connection", connector)
            }
            OperationKind::AttachVolume => {
                client.act(volume, "os-reserve", json!(null)).await?.expect_status(202)?;
                let arguments = json!({ "host_name": "server-1", "mountpoint": "/dev/vdb" });
                act(volume, "os-attach", arguments)
            }
            OperationKind::BeginDetaching => {
                client.attach_through_actions(volume, "server-1").await?;
                act(volume, "os-begin_detaching", json!(null))
            }
            OperationKind::RollDetaching => {
                client.attach_through_actions(volume, "server-1").await?;
                let started = client.act(volume, "os-begin_detaching", json!(null)).await?;
                started.expect_status(202)?;
                act(volume, "os-roll_detaching", json!(null))
            }
            OperationKind::TerminateConnection => {
                client.attach_through_actions(volume, "server-1").await?;
                let connector = json!({ "connector": connector("server-1") });
                act(volume, "os-terminate_connection", connector)
            }
            OperationKind::CreateVolumeType => {
                post("/types", json!({ "volume_type": { "name": "new" } }))
            }
            OperationKind::UpdateVolumeType => {
                let path = format!("/types/{}", private_type(client, kind).await?);
                put(path, json!({ "volume_type": { "name": "renamed" } }))
            }
            OperationKind::DeleteVolumeType => {
                delete(format!("/types/{}", private_type(client, kind).await?))
            }
            OperationKind::UpdateExtraSpecs => {
                let path = format!("/types/{}/extra_specs", private_type(client, kind).await?);
                post(path, json!({ "extra_specs": { "k": "v" } }))
            }
            OperationKind::UpdateTypeAccess => {
                let path = format!("/types/{}/action", private_type(client, kind).await?);
                post(path, json!({ "addProjectAccess": { "project": "p" } }))
            }
            OperationKind::UpdateTypeEncryption => {
                let path = format!("/types/{}/encryption", private_type(client, kind).await?);
                post(path, json!({ "encryption": { "provider": "luks" } }))
            }
            OperationKind::SetDefaultType => {
                let default = json!({ "volume_type": "__DEFAULT__" });
                put("/default-types/somebody", json!({ "default_type": default }))
            }
            OperationKind::CreateQosSpecs => {
                post("/qos-specs", json!({ "qos_specs": { "name": "new" } }))
            }
            OperationKind::UpdateQosSpecs => {
                let qos_specs = client.create_qos_specs(kind.stem()).await?;
                let body = json!({ "qos_specs": { "total_iops_sec": "1" } });
                put(format!("/qos-specs/{qos_specs}"), body)
            }
            OperationKind::DeleteQosSpecs => {
                delete(format!("/qos-specs/{}", client.create_qos_specs(kind.stem()).await?))
            }
            OperationKind::AssociateQosSpecs => {
                let qos_specs = client.create_qos_specs(kind.stem()).await?;
                let volume_type = client.create_volume_type(kind.stem(), json!({})).await?;
                get(format!("/qos-specs/{qos_specs}/associate?vol_type_id={volume_type}"))
            }
            OperationKind::DisassociateQosSpecs => {
                let qos_specs = client.create_qos_specs(kind.stem()).await?;
                let volume_type = client.create_volume_type(kind.stem(), json!({})).await?;
                let path = format!("/qos-specs/{qos_specs}/associate?vol_type_id={volume_type}");
                client.get(&path).await?.expect_status(202)?;
                get(format!("/qos-specs/{qos_specs}/disassociate?vol_type_id={volume_type}"))
            }
            OperationKind::UpdateQuota => {
                put("/os-quota-sets/somebody", json!({ "quota_set": { "volumes": 99 } }))
            }
            OperationKind::ResetQuota => delete("/os-quota-sets/somebody".to_owned()),
            OperationKind::UpdateQuotaClass => {
                let limits = json!({ "quota_class_set": { "snapshots": 99 } });
                put("/os-quota-class-sets/default", limits)
            }
            OperationKind::CreateTransfer => {
                post("/volume-transfers", json!({ "transfer": { "volume_id": volume } }))
            }
            OperationKind::AcceptTransfer => {
                let (transfer, key) = client.offer_volume(volume).await?;
                let accept = json!({ "accept": { "auth_key": key } });
                post(format!("/volume-transfers/{transfer}/accept"), accept)
            }
            OperationKind::DeleteTransfer => {
                let (transfer, _) = client.offer_volume(volume).await?;
                delete(format!("/volume-transfers/{transfer}"))
            }
            OperationKind::DeleteMessage => {
                delete(format!("/messages/{}", client.message_of_a_failure().await?))
            }
            OperationKind::EnableBackend => set_service("enable", host),
            OperationKind::DisableBackend => set_service("disable", host),
            OperationKind::FreezeBackend => operate("freeze", host),
            OperationKind::ThawBackend => operate("thaw", host),
            OperationKind::FailoverBackend => operate("failover_host", host),
            OperationKind::PromoteBackend => operate("reset_active_backend", host),
            OperationKind::EnableReplication => operate("replication_enable", host),
            OperationKind::VerifyReplicas => operate("verify_replicas", host),
            OperationKind::BeginDrill => operate("begin_drill", host),
            OperationKind::EndDrill => operate("end_drill", host),
        })
    }
}

/// A volume type that no volume is of and no project may use yet, named after the operation.
async fn private_type(client: &Client, kind: OperationKind) -> anyhow::Result<String> {
    let private = json!({ "os-volume-type-access:is_public": false });
    client.create_volume_type(kind.stem(), private).await
}
