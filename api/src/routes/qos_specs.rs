//! `/qos-specs`: qualities of service, and the volume types that have them.

pub(crate) mod associate_qos_specs;
pub(crate) mod create_qos_specs;
pub(crate) mod delete_qos_specs;
pub(crate) mod disassociate_qos_specs;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod update_qos_specs;

use crate::app::App;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use database::qos_specs;
use model::{Error, QosConsumer, QosSpecs, Result};
use serde_json::json;

/// The quality of service that a path names.
async fn find(app: &App, id: &str) -> Answer<QosSpecs> {
    let not_found = || Error::not_found(format!("No such QoS spec {id}."));
    let parsed = id.parse().map_err(|_| not_found())?;
    Ok(qos_specs::find(&app.database, parsed).await?.ok_or_else(not_found)?)
}

fn consumer(fields: &mut Fields) -> Result<Option<QosConsumer>> {
    let Some(text) = fields.text("consumer")?.flatten() else { return Ok(None) };
    let complaint = "is not one of ['back-end', 'both', 'front-end']";
    text.parse().map(Some).map_err(|_| invalid("consumer", &json!(text), complaint))
}
