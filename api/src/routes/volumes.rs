//! `/volumes`

pub(crate) mod create_volume;
pub(crate) mod create_volume_from_backup;
pub(crate) mod delete_volume;
pub(crate) mod encryption;
pub(crate) mod list;
pub(crate) mod metadata;
mod scheduler_hints;
pub(crate) mod show;
mod source;
pub(crate) mod summary;
pub(crate) mod update_volume;

use crate::app::App;
use crate::fault::Answer;
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::submit::subject_after;
use bus::message::Submitted;
use model::{Error, Volume, VolumeId};

/// The volume that a path names, if the caller may see it.
pub(crate) async fn find(app: &App, context: &RequestContext, id: &str) -> Answer<Volume> {
    let not_found = || Error::not_found(format!("Volume {id} could not be found."));
    let id: VolumeId = id.parse().map_err(|_| not_found())?;
    let found = app.volumes.find(id, context.caller.project_scope()).await?;
    Ok(found.ok_or_else(not_found)?)
}

/// The same of a volume that a body names: no rule of the route has been asked about it.
pub(crate) async fn find_to_use(app: &App, context: &RequestContext, id: &str) -> Answer<Volume> {
    let volume = find(app, context, id).await?;
    context
        .require_for(Rule::VolumeGet, &volume.project_id, &volume.user_id)
        .map_err(|_| Error::not_found(format!("Volume {id} could not be found.")))?;
    Ok(volume)
}

/// The id that a path names; one that no volume can have is as unknown as any other.
pub(crate) fn parse_id(id: &str) -> Answer<VolumeId> {
    Ok(id.parse().map_err(|_| Error::not_found(format!("Volume {id} could not be found.")))?)
}

/// The volume after an admitted operation.
async fn after(
    app: &App,
    context: &RequestContext,
    id: VolumeId,
    submitted: Submitted,
) -> Answer<Volume> {
    let id = id.to_string();
    subject_after(app, submitted, || find(app, context, &id)).await
}
