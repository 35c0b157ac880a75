//! `os-extend_volume_completion`, with which Nova ends what it extended for a driver.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::routes::volumes;
use model::Error;

const NAME: &str = "os-extend_volume_completion";

/// Each backend ends its extensions itself: none waits for this.
pub(super) async fn complete(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    arguments.boolean("error")?;
    arguments.refuse_rest()?;
    volumes::find(action.app, action.context, &action.id.to_string()).await?;
    Err(Error::bad_request("Invalid volume: Volume is not being extended.").into())
}
