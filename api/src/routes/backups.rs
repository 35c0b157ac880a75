//! `/backups`

pub(crate) mod create_backup;
pub(crate) mod delete_backup;
pub(crate) mod export_record;
pub(crate) mod import_backup;
pub(crate) mod list;
mod record;
pub(crate) mod restore_backup;
pub(crate) mod show;
pub(crate) mod update_backup;

use crate::app::App;
use crate::fault::Answer;
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::submit::subject_after;
use bus::message::Submitted;
use database::backups;
use model::{Backup, BackupId, Error};

/// The backup that a path names, if the caller may see it.
pub(crate) async fn find(app: &App, context: &RequestContext, id: &str) -> Answer<Backup> {
    let scope = context.caller.project_scope();
    let found = backups::find(&app.database, parse_id(id)?, scope).await?;
    Ok(found.ok_or_else(|| not_found(id))?)
}

/// The same of a backup that a body names: no rule of the route has been asked about it.
pub(crate) async fn find_to_use(app: &App, context: &RequestContext, id: &str) -> Answer<Backup> {
    let backup = find(app, context, id).await?;
    context.require_for(Rule::BackupGet, &backup.project_id, &backup.user_id)?;
    Ok(backup)
}

/// The id that a path names; one that no backup can have is as unknown as any other.
pub(crate) fn parse_id(id: &str) -> Answer<BackupId> {
    Ok(id.parse().map_err(|_| not_found(id))?)
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("Backup {id} could not be found."))
}

/// The backup after an admitted operation.
async fn after(
    app: &App,
    context: &RequestContext,
    id: BackupId,
    submitted: Submitted,
) -> Answer<Backup> {
    let id = id.to_string();
    subject_after(app, submitted, || find(app, context, &id)).await
}
