//! `/types`: volume types, their extra specs, and who may use them.

pub(crate) mod create_volume_type;
pub(crate) mod delete_volume_type;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod update_extra_specs;
pub(crate) mod update_type_access;
pub(crate) mod update_type_encryption;
pub(crate) mod update_volume_type;

use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::subject_after;
use bus::message::Submitted;
use database::volume_types;
use model::{Error, VolumeType, VolumeTypeId};

/// The type that a path or body names by id or name, if the caller may see it.
pub(crate) async fn find(app: &App, context: &RequestContext, name: &str) -> Answer<VolumeType> {
    let scope = context.caller.project_scope();
    let found = volume_types::find(&app.database, name, scope).await?;
    Ok(found.ok_or_else(|| not_found(name))?)
}

/// The type of a volume for which none is asked: the project's, or that of the installation.
pub(crate) async fn default(app: &App, project: &str) -> Answer<Option<VolumeType>> {
    let of_the_installation = &app.config.default_volume_type;
    Ok(volume_types::default_of(&app.database, project, of_the_installation).await?)
}

/// Refuses what a type asks for and no backend offers: a volume that is not encrypted would be a wrong
/// answer.
pub(crate) fn refuse_encryption(volume_type: &VolumeType) -> model::Result<()> {
    match &volume_type.encryption {
        None => Ok(()),
        Some(_) => Err(Error::bad_request(format!(
            "Invalid input received: Volume type {} asks for encryption, which no backend offers.",
            volume_type.name
        ))),
    }
}

/// The id that a path names; one that no type can have is as unknown as any other.
fn parse_id(id: &str) -> Answer<VolumeTypeId> {
    Ok(id.parse().map_err(|_| not_found(id))?)
}

fn not_found(name: &str) -> Error {
    Error::not_found(format!("Volume type {name} could not be found."))
}

/// The type after an admitted operation.
async fn after(
    app: &App,
    context: &RequestContext,
    id: VolumeTypeId,
    submitted: Submitted,
) -> Answer<VolumeType> {
    let id = id.to_string();
    subject_after(app, submitted, || find(app, context, &id)).await
}
