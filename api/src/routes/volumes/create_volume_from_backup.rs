//! A volume for a backup that is restored without one: submits `create_volume_from_backup`. `POST /volumes` does so, too, where it names a
//! backup.

use super::create_volume::volume_type;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::routes::types;
use crate::submit::submit;
use model::{Backup, Metadata, VolumeId};
use operation::placement::Affinity;
use operation::{CreateVolume, CreateVolumeFromBackup};

/// Makes a volume of the project's default type, as large as the one that the backup is of.
pub(crate) async fn create(
    app: &App,
    context: &RequestContext,
    backup: &Backup,
    name: String,
) -> Answer<VolumeId> {
    let volume_type = volume_type(app, context, None, None).await?;
    types::refuse_encryption(&volume_type)?;
    let volume_id = VolumeId::random();
    let volume = CreateVolume {
        volume_id,
        name: Some(name),
        description: backup.description.clone(),
        size_gb: backup.size_gb,
        volume_type_id: volume_type.id,
        multiattach: volume_type.allows_multiattach(),
        extra_specs: volume_type.extra_specs,
        availability_zone: None,
        affinity: Affinity::default(),
        metadata: Metadata::new(),
        source: None,
        image: None,
    };
    submit(app, context, CreateVolumeFromBackup { volume, backup_id: backup.id }).await?;
    Ok(volume_id)
}
