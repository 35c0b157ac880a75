//! `release_attachment`, asked: by `DELETE /attachments/{id}` before a data path was opened, and by us
//! where one could not be opened.

use crate::app::App;
use crate::request::RequestContext;
use crate::submit::submit;
use model::{AttachmentId, Result, VolumeId};
use operation::ReleaseAttachment;

pub(crate) async fn release(
    app: &App,
    context: &RequestContext,
    attachment_id: AttachmentId,
    volume_id: VolumeId,
) -> Result<()> {
    submit(app, context, ReleaseAttachment { attachment_id, volume_id }).await.map(drop)
}

/// Releases an attachment whose client is told that it has failed, so that it does not keep the volume.
pub(crate) async fn release_failed_attachment(
    app: &App,
    context: &RequestContext,
    attachment_id: AttachmentId,
    volume_id: VolumeId,
) {
    if let Err(kept) = release(app, context, attachment_id, volume_id).await {
        tracing::warn!(attachment.id = %attachment_id, %kept, "a failed attachment stays");
    }
}
