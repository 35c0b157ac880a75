//! `os-retype`: submits `retype_volume`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::{invalid, required};
use crate::policy::Rule;
use crate::routes::{types, volumes};
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::RetypeVolume;
use operation::placement::Origin;
use serde_json::json;

pub(super) async fn retype(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object("os-retype")?.ok_or_else(|| required("os-retype"))?;
    let new_type = arguments.text("new_type")?.flatten().ok_or_else(|| required("new_type"))?;
    let may_leave = match arguments.text("migration_policy")?.flatten().as_deref() {
        None | Some("never") => false,
        Some("on-demand") => true,
        Some(other) => {
            let complaint = "is not one of ['on-demand', 'never']";
            return Err(invalid("migration_policy", &json!(other), complaint).into());
        }
    };
    arguments.refuse_rest()?;
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let volume_type = types::find(app, context, &new_type).await?;
    types::refuse_encryption(&volume_type)?;
    if volume_type.allows_multiattach() {
        context.require_for(Rule::VolumeMultiattach, &volume.project_id, &volume.user_id)?;
    }
    let operation = RetypeVolume {
        volume_id: volume.id,
        volume_type_id: volume_type.id,
        multiattach: volume_type.allows_multiattach(),
        extra_specs: volume_type.extra_specs,
        size_gb: volume.size_gb,
        availability_zone: volume.availability_zone,
        origin: Origin {
            backend_id: volume.backend_id,
            pool: volume.pool,
            may_stay: true,
            may_leave,
        },
    };
    submit(app, context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
