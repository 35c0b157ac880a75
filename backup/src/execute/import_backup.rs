//! Executes `import_backup`: the store has what the record says.

use crate::execution::{Done, Execution};
use crate::store::{fault, place_of};
use model::Backup;
use operation::contract::Columns;
use serde_json::json;
use steps::step::StepError;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let backup: Backup = execution.subject()?;
    let described = execution.store.describe(&place_of(&backup)?).await.map_err(fault)?;
    if described.volume_id != backup.volume_id.0 {
        return Err(StepError::failed(format!(
            "the data are of volume {}, and the record is of volume {}",
            described.volume_id, backup.volume_id
        )));
    }
    Ok(Done {
        model_update: Columns::set(json!({
            "availability_zone": execution.zone,
            "fail_reason": null,
        })),
    })
}
