//! `release_attachment`, asked: by `DELETE /attachments/{id}` before a data path was opened, and by us
//! where one could not be opened.

use crate::app::App;
use crate::request::RequestContext;
use crate::submit::submit;
use common::Result;
use common::model::{AttachmentId, VolumeId};
use common::operation::ReleaseAttachment;

pub(super) async fn release(
    app: &App,
    context: &RequestContext,
    attachment_id: AttachmentId,
    volume_id: VolumeId,
) -> Result<()> {
    submit(app, context, ReleaseAttachment { attachment_id, volume_id }).await.map(drop)
}
