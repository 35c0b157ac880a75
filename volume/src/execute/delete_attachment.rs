//! Executes `delete_attachment`: the data path is closed, or, where another server needs it, closed for this one.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use database::attachments;
use model::{AttachMode, AttachmentId, Volume, VolumeId, host_of};
use operation::DeleteAttachment;
use operation::contract::Role;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &DeleteAttachment,
) -> Result<Done, StepError> {
    let DeleteAttachment { attachment_id, volume_id, mode } = *arguments;
    close_unless_needed(execution, volume_id, mode, attachment_id).await
}

/// Closes a volume's data path of a mode; where attachments other than this one need it, for this one's host alone, unless they are
/// on that host, too.
pub(crate) async fn close_unless_needed(
    execution: &Execution<'_>,
    volume_id: VolumeId,
    mode: AttachMode,
    attachment_id: AttachmentId,
) -> Result<Done, StepError> {
    let (exports, volume) = (execution.exports()?, execution.other::<Volume>(Role::Volume)?);
    let all = attachments::of_volume(execution.database, volume_id).await?;
    let connected = all.iter().filter(|one| one.attach_mode == mode);
    let hosts = connected.filter_map(|one| Some((one.id, host_of(one.connector.as_ref()?))));
    let (leaving, staying): (Vec<_>, Vec<_>) = hosts.partition(|(id, _)| *id == attachment_id);
    if staying.is_empty() {
        exports.unexport(&volume, mode, execution.fence).await?;
    }
    for (_, host) in leaving {
        if !staying.is_empty() && staying.iter().all(|(_, other)| *other != host) {
            exports.forget_host(&volume, mode, host, execution.fence).await?;
        }
    }
    Ok(Done::default())
}
