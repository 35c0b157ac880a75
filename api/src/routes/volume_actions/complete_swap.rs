//! `os-migrate_volume_completion`, with which Nova ends a swap of volumes: submits what lets go of one and attaches the other.

use super::attach_volume::{Server, attach_to};
use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::routes::attachments::delete_attachment::close;
use crate::routes::attachments::used_by_nova;
use crate::routes::volumes;
use axum::Json;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::{Error, MigrationStatus, Volume, VolumeStatus};
use serde_json::json;

const NAME: &str = "os-migrate_volume_completion";

/// No migration of cinderblock's waits for Nova, so that the volumes must not be on their way.
pub(super) async fn complete(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let new_volume = arguments.uuid("new_volume")?.ok_or_else(|| required("new_volume"))?;
    let failed = arguments.boolean("error")?.unwrap_or(false);
    arguments.refuse_rest()?;
    let (app, context) = (action.app, action.context);
    let old = volumes::find(app, context, &action.id.to_string()).await?;
    let new = volumes::find_to_use(app, context, &new_volume.to_string()).await?;
    if old.id == new.id {
        return Err(
            Error::bad_request("Invalid volume: A volume is not swapped for itself.").into()
        );
    }
    if [&old, &new].into_iter().any(is_migrating) {
        return Err(Error::bad_request(
            "Invalid volume: cinderblock completes its migrations itself, and one of these is in progress.",
        )
        .into());
    }
    let attachments = if failed { Vec::new() } else { of_volume(&app.database, old.id).await? };
    if !attachments.is_empty() && new.status != VolumeStatus::Available {
        return Err(Error::bad_request(format!(
            "Invalid volume: The new volume must be available, and is {}.",
            new.status
        ))
        .into());
    }
    // Nova has terminated the connections of the server that it has moved: others are not its to end
    for attachment in &attachments {
        used_by_nova::refuse(app, context, attachment).await?;
        if attachment.connector.is_some() {
            return Err(Error::bad_request(
                "Invalid volume: A server is still connected to it; terminate that connection first.",
            )
            .into());
        }
    }
    for attachment in attachments {
        close(app, context, &attachment).await?;
        let server = Server {
            instance_id: attachment.instance_id,
            host_name: attachment.host_name,
            mountpoint: attachment.mountpoint.unwrap_or_default(),
        };
        attach_to(app, context, &new, server, attachment.attach_mode).await?;
    }
    Ok(Json(json!({ "save_volume_id": new.id })).into_response())
}

fn is_migrating(volume: &Volume) -> bool {
    volume.migration_status == Some(MigrationStatus::Migrating)
}
