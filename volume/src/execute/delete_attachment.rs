//! Executes `delete_attachment`: the data path is closed, unless another server needs it.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use database::attachments;
use model::{AttachMode, AttachmentId, Volume, VolumeId};
use operation::DeleteAttachment;
use operation::contract::Role;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &DeleteAttachment,
) -> Result<Done, StepError> {
    let DeleteAttachment { attachment_id, volume_id, mode } = *arguments;
    close_unless_needed(execution, volume_id, mode, attachment_id).await
}

/// Closes a volume's data path of a mode, unless an attachment other than this one needs it.
pub(crate) async fn close_unless_needed(
    execution: &Execution<'_>,
    volume_id: VolumeId,
    mode: AttachMode,
    attachment_id: AttachmentId,
) -> Result<Done, StepError> {
    let needed = attachments::is_needed(execution.database, volume_id, mode, attachment_id).await?;
    if !needed {
        let volume: Volume = execution.other(Role::Volume)?;
        execution.exports()?.unexport(&volume, mode, execution.fence).await?;
    }
    Ok(Done::default())
}
