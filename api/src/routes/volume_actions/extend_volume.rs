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
    if !action.context.allows(Rule::VolumeExtendAttached) {
        refuse_attached(&action).await?;
    }
    let operation = ExtendVolume {
        volume_id: action.id,
        new_size_gb,
        while_attached: action.context.version.0 >= WHILE_ATTACHED_SINCE,
    };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Refuses a volume that is in use, where the policy says so.
async fn refuse_attached(action: &VolumeAction<'_>) -> Answer<()> {
    let volume = volumes::find(action.app, action.context, &action.id.to_string()).await?;
    if volume.status == VolumeStatus::InUse {
        let (project, user) = (&volume.project_id, &volume.user_id);
        action.context.require_for(Rule::VolumeExtendAttached, project, user)?;
    }
    Ok(())
}
