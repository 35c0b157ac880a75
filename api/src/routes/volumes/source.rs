//! What a new volume is made from: a snapshot, another volume, or an image.

use crate::app::App;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::{backups, snapshots, volumes};
use model::{Backup, Error, SnapshotId, Volume, VolumeTypeId};
use openstack::glance::Image;
use operation::create_volume::{Content, VolumeSource};
use serde_json::Value;

/// Since 3.47 volumes are made from backups.
const BACKUPS_SINCE: u16 = 47;
/// Since 3.46 an image may be a snapshot under another name.
const IMAGES_OF_SNAPSHOTS_SINCE: u16 = 46;
/// Nova's property of an image of a server that has its disks on volumes: which snapshots it is made of, as JSON.
const BLOCK_DEVICE_MAPPING: &str = "block_device_mapping";

/// What a volume is made from.
pub(super) enum Source {
    Nothing,
    Clone(Found),
    Image(Box<Image>),
    Backup(Box<Backup>),
}

/// A source, and what the new volume takes from it where nothing else is asked for.
pub(super) struct Found {
    pub what: VolumeSource,
    pub size_gb: i32,
    pub volume_type_id: VolumeTypeId,
}

/// The source that the body names, if it names one; only one is allowed.
pub(super) async fn find(
    app: &App,
    context: &RequestContext,
    fields: &mut Fields,
) -> Answer<Source> {
    let (snapshot, volume) = (fields.uuid("snapshot_id")?, fields.uuid("source_volid")?);
    let knows_backups = context.version.0 >= BACKUPS_SINCE;
    let backup = if knows_backups { fields.uuid("backup_id")? } else { None };
    match (snapshot, volume, image(fields)?, backup) {
        (None, None, None, None) => Ok(Source::Nothing),
        (Some(snapshot), None, None, None) => of_snapshot(app, context, SnapshotId(snapshot)).await,
        (None, None, None, Some(backup)) => {
            let backup = backups::find_to_use(app, context, &backup.to_string()).await?;
            context.require_for(Rule::BackupRestore, &backup.project_id, &backup.user_id)?;
            Ok(Source::Backup(Box::new(backup)))
        }
        (None, Some(volume), None, None) => {
            let volume = volumes::find_to_use(app, context, &volume.to_string()).await?;
            Ok(Source::Clone(found(Content::Volume(volume.id), &volume, volume.size_gb)))
        }
        (None, None, Some(image), None) => of_image(app, context, &image).await,
        (Some(_), Some(_), ..)
        | (Some(_), _, Some(_), _)
        | (_, Some(_), Some(_), _)
        | (Some(_), .., Some(_))
        | (_, Some(_), _, Some(_))
        | (.., Some(_), Some(_)) => {
            Err(Error::bad_request(
                "Invalid input received: May specify only one of snapshot, source volume, image or backup.",
            )
            .into())
        }
    }
}

/// The image that the body names. Clients of different ages say it differently.
fn image(fields: &mut Fields) -> Answer<Option<String>> {
    let (newer, older) = (fields.text("imageRef")?.flatten(), fields.text("image_id")?.flatten());
    Ok(newer.or(older).filter(|image| !image.is_empty()))
}

async fn of_snapshot(app: &App, context: &RequestContext, id: SnapshotId) -> Answer<Source> {
    let snapshot = snapshots::find(app, context, &id.to_string()).await?;
    context.require_for(Rule::SnapshotGet, &snapshot.project_id, &snapshot.user_id)?;
    let volume = volumes::find(app, context, &snapshot.volume_id.to_string()).await?;
    let content = Content::Snapshot(snapshot.id);
    Ok(Source::Clone(found(content, &volume, snapshot.size_gb)))
}

async fn of_image(app: &App, context: &RequestContext, name: &str) -> Answer<Source> {
    context.require(Rule::VolumeCreateFromImage)?;
    let images = app.images.on_behalf_of(&app.identification, context.token.as_ref()).await?;
    let image = images.find(name).await?;
    let names_snapshot = context.version.0 >= IMAGES_OF_SNAPSHOTS_SINCE;
    match image.property(BLOCK_DEVICE_MAPPING).filter(|_| names_snapshot).and_then(boot_snapshot) {
        Some(snapshot) => of_snapshot(app, context, snapshot).await,
        None => Ok(Source::Image(Box::new(image))),
    }
}

/// The snapshot of the disk that a server boots from.
fn boot_snapshot(mapping: &str) -> Option<SnapshotId> {
    let devices: Vec<Value> = serde_json::from_str(mapping).ok()?;
    let boots = |device: &&Value| device["boot_index"] == 0 && device["source_type"] == "snapshot";
    devices.iter().find(boots)?["snapshot_id"].as_str()?.parse().ok()
}

fn found(content: Content, volume: &Volume, size_gb: i32) -> Found {
    Found {
        what: VolumeSource {
            content,
            backend_id: volume.backend_id,
            bootable: volume.bootable,
            image_metadata: volume.image_metadata.clone(),
        },
        size_gb,
        volume_type_id: volume.volume_type_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshot_that_a_server_boots_from_is_found() {
        let id = "8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11";
        let data = r#"{"boot_index": 1, "source_type": "snapshot", "snapshot_id": "x"}"#;
        let boot =
            format!(r#"{{"boot_index": 0, "source_type": "snapshot", "snapshot_id": "{id}"}}"#);
        assert_eq!(boot_snapshot(&format!("[{data}, {boot}]")), id.parse().ok());
        for none in ["", "[]", "{}", &format!("[{data}]")] {
            assert_eq!(boot_snapshot(none), None, "{none}");
        }
    }
}
