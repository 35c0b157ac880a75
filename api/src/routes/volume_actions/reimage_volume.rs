//! `os-reimage`: submits `reimage_volume`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::image_service::require_usable;
use crate::policy::Rule;
use crate::routes::volumes;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::VolumeStatus;
use operation::ReimageVolume;
use operation::create_volume::VolumeImage;

pub(super) async fn reimage(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object("os-reimage")?.ok_or_else(|| required("os-reimage"))?;
    let image = arguments.uuid("image_id")?.ok_or_else(|| required("image_id"))?;
    // asked for by Nova, which waits to be told
    let reserved = arguments.boolean("reimage_reserved")?.unwrap_or_default();
    arguments.refuse_rest()?;
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    if reserved && volume.status == VolumeStatus::Reserved {
        let (project, user) = (&volume.project_id, &volume.user_id);
        context.require_for(Rule::VolumeReimageReserved, project, user)?;
    }
    let images = app.images.on_behalf_of(&app.identification, context.token.as_ref()).await?;
    let image = images.find(&image.to_string()).await?;
    require_usable(&image, volume.size_gb)?;
    let image = VolumeImage { image_id: image.id, metadata: image.metadata() };
    submit(app, context, ReimageVolume { volume_id: action.id, image, reserved }).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
