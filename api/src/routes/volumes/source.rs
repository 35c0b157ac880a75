//! What a new volume is made from: a snapshot or another volume.

use crate::app::App;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::{snapshots, volumes};
use model::{Error, Volume, VolumeTypeId};
use operation::create_volume::{Content, VolumeSource};

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
) -> Answer<Option<Found>> {
    let (snapshot, volume) = (fields.uuid("snapshot_id")?, fields.uuid("source_volid")?);
    match (snapshot, volume) {
        (None, None) => Ok(None),
        (Some(snapshot), None) => {
            let snapshot = snapshots::find(app, context, &snapshot.to_string()).await?;
            context.require_for(Rule::SnapshotGet, &snapshot.project_id, &snapshot.user_id)?;
            let volume = volumes::find(app, context, &snapshot.volume_id.to_string()).await?;
            let content = Content::Snapshot(snapshot.id);
            Ok(Some(found(content, &volume, snapshot.size_gb)))
        }
        (None, Some(volume)) => {
            let volume = volumes::find_to_use(app, context, &volume.to_string()).await?;
            Ok(Some(found(Content::Volume(volume.id), &volume, volume.size_gb)))
        }
        (Some(_), Some(_)) => Err(Error::bad_request(
            "Invalid input received: May specify only one of snapshot, source volume, image or backup.",
        )
        .into()),
    }
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
