//! `delete_attachment`, done: the data path is closed, unless another server needs it.

use super::{Done, Execution};
use crate::driver::DriverError;
use database::attachments;
use model::{AttachMode, AttachmentId, Volume, VolumeId};
use operation::DeleteAttachment;
use operation::contract::Role;

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &DeleteAttachment,
) -> Result<Done, DriverError> {
    let DeleteAttachment { attachment_id, volume_id, mode } = *arguments;
    close_unless_needed(execution, volume_id, mode, attachment_id).await
}

/// Closes a volume's data path of a mode, unless an attachment other than this one needs it.
pub(super) async fn close_unless_needed(
    execution: &Execution<'_>,
    volume_id: VolumeId,
    mode: AttachMode,
    attachment_id: AttachmentId,
) -> Result<Done, DriverError> {
    let needed = attachments::is_needed(execution.database, volume_id, mode, attachment_id).await?;
    if !needed {
        let volume: Volume = execution.other(Role::Volume)?;
        execution.driver.unexport(&volume, mode, execution.fence).await?;
    }
    Ok(Done::default())
}
