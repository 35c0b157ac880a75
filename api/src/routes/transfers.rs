//! `/os-volume-transfer` and `/volume-transfers`, the same under two names: volumes that go from one project to another.

pub(crate) mod accept_transfer;
pub(crate) mod create_transfer;
pub(crate) mod delete_transfer;
mod key;
pub(crate) mod list;
pub(crate) mod show;

use crate::app::App;
use crate::fault::Answer;
use database::transfers;
use model::{Error, Transfer};

/// The transfer that a path names, if it is one of this project; of any for `None`.
async fn find(app: &App, id: &str, project_scope: Option<&str>) -> Answer<Transfer> {
    let not_found = || Error::not_found(format!("Transfer {id} could not be found."));
    let parsed = id.parse().map_err(|_| not_found())?;
    let found = transfers::find(&app.database, parsed, project_scope).await?;
    Ok(found.ok_or_else(not_found)?)
}
