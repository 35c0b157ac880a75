//! `os-extend`: submits `extend_volume`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::policy::Rule;
use crate::routes::volumes;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::VolumeStatus;
use operation::ExtendVolume;

/// Since 3.42 a volume can grow while it is attached.
const WHILE_ATTACHED_SINCE: u16 = 42;

pub(super) async fn extend(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object("os-extend")?.ok_or_else(|| required("os-extend"))?;
    let new_size_gb = arguments.positive("new_size")?.ok_or_else(|| required("new_size"))?;
    arguments.refuse_rest()?;
    let may_be_attached = action.context.version.0 >= WHILE_ATTACHED_SINCE
        && (action.context.allows_of_all(Rule::VolumeExtendAttached)
            || may_extend_attached(&action).await?);
    let operation =
        ExtendVolume { volume_id: action.id, new_size_gb, while_attached: may_be_attached };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Whether the policy allows it for this volume while it is in use; refuses one that is in use otherwise.
async fn may_extend_attached(action: &VolumeAction<'_>) -> Answer<bool> {
    let volume = volumes::find(action.app, action.context, &action.id.to_string()).await?;
    let (project, user) = (&volume.project_id, &volume.user_id);
    let allowed = action.context.require_for(Rule::VolumeExtendAttached, project, user);
    match allowed {
        Err(refusal) if volume.status == VolumeStatus::InUse => Err(refusal.into()),
        allowed => Ok(allowed.is_ok()),
    }
}
