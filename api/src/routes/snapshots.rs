//! `/snapshots`

pub(crate) mod create_snapshot;
pub(crate) mod delete_snapshot;
pub(crate) mod list;
pub(crate) mod metadata;
pub(crate) mod show;
pub(crate) mod update_snapshot;

use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::subject_after;
use bus::message::Submitted;
use database::snapshots;
use model::{Error, Snapshot, SnapshotId};

/// The snapshot that a path or body names, if the caller may see it.
pub(crate) async fn find(app: &App, context: &RequestContext, id: &str) -> Answer<Snapshot> {
    let scope = context.caller.project_scope();
    let found = snapshots::find(&app.database, parse_id(id)?, scope).await?;
    Ok(found.ok_or_else(|| not_found(id))?)
}

/// The id that a path names; one that no snapshot can have is as unknown as any other.
pub(crate) fn parse_id(id: &str) -> Answer<SnapshotId> {
    Ok(id.parse().map_err(|_| not_found(id))?)
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("Snapshot {id} could not be found."))
}

/// The snapshot after an admitted operation.
async fn after(
    app: &App,
    context: &RequestContext,
    id: SnapshotId,
    submitted: Submitted,
) -> Answer<Snapshot> {
    let id = id.to_string();
    subject_after(app, submitted, || find(app, context, &id)).await
}
