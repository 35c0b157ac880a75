//! Executes `retype_volume` on the same backend: it offers everything that the new type asks for.

use crate::execution::{Done, Execution};
use model::Volume;
use model::volume_type::asks_for_replication;
use operation::RetypeVolume;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &RetypeVolume,
) -> Result<Done, StepError> {
    // as it will be: its row has the old type until this is done
    let volume = Volume {
        replicated: asks_for_replication(&arguments.extra_specs),
        multiattach: arguments.multiattach,
        volume_type_id: arguments.volume_type_id,
        ..execution.subject::<Volume>()?
    };
    execution.volumes().retype_volume(&volume, execution.fence).await?;
    Ok(Done::default())
}
