//! Executes `initialize_connection`: the data path is open, and whoever asked is told how to reach it.

use crate::execute::connection;
use crate::execution::{Done, Execution};
use crate::step::StepError;
use model::Volume;
use operation::InitializeConnection;
use operation::contract::{Columns, Role};
use serde_json::json;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &InitializeConnection,
) -> Result<Done, StepError> {
    let InitializeConnection { attachment_id, connector, mode, .. } = arguments;
    let volume: Volume = execution.other(Role::Volume)?;
    let info = connection::open(execution, &volume, *mode).await?;
    let flat = connection::flat(info, *attachment_id, connector);
    let model_update = Columns::set(json!({ "connection_info": flat }));
    Ok(Done { model_update, ..Done::default() })
}
