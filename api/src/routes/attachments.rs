//! `/attachments`

pub(crate) mod complete_attachment;
pub(crate) mod create_attachment;
pub(crate) mod delete_attachment;
pub(crate) mod list;
pub(crate) mod release_attachment;
pub(crate) mod show;
pub(crate) mod update_attachment;
pub(crate) mod used_by_nova;

use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use database::attachments;
use model::{Attachment, Error};

/// Since 3.27 there are attachments.
pub(crate) const SINCE: u16 = 27;

/// The attachment that a path names, if the caller may see it.
pub(crate) async fn find(app: &App, context: &RequestContext, id: &str) -> Answer<Attachment> {
    let not_found = || {
        Error::not_found(format!(
            "Volume attachment could not be found with filter: attachment_id = {id}."
        ))
    };
    let scope = context.caller.project_scope();
    let parsed = id.parse().map_err(|_| not_found())?;
    let found = attachments::find(&app.database, parsed, scope).await?;
    Ok(found.ok_or_else(not_found)?)
}
