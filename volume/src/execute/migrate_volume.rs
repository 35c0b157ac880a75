//! `migrate_volume`, and `retype_volume` where it needs another backend, done: the source opens the volume
//! for reading, the destination copies it, the source removes what it held.
//!
//! The volume's row says where its data is at every moment: at the source until the copy is complete, at
//! the destination from then on.

use super::{Done, Execution, Progress};
use crate::driver::DriverError;
use model::migration::Stage;
use model::{Migration, Volume};

/// Does what is this backend's part now.
pub(super) async fn go_on(
    execution: &Execution<'_>,
    migration: &Migration,
) -> Result<Progress, DriverError> {
    let (driver, fence) = (execution.driver, execution.fence);
    let volume: Volume = execution.subject()?;
    match &migration.stage {
        Stage::Open => {
            let connection = driver.open_for_import(&volume, fence).await?;
            Ok(Progress::HandOver(migration.at(Stage::Copy { connection })))
        }
        Stage::Copy { connection } => {
            driver.import_volume(&volume, connection, fence).await?;
            Ok(Progress::HandOver(migration.at(Stage::Remove)))
        }
        Stage::Remove => {
            driver.delete_volume(&volume, fence).await?;
            Ok(Progress::Done(Done::default()))
        }
        Stage::Close { reason } => {
            driver.close_after_import(&volume, fence).await?;
            Err(DriverError::failed(reason))
        }
    }
}

/// Ends a migration that cannot go on, so that the volume is in one place and nothing is left elsewhere.
pub(super) async fn give_up(
    execution: &Execution<'_>,
    migration: &Migration,
    reason: String,
) -> Result<Progress, DriverError> {
    match &migration.stage {
        Stage::Open => Err(DriverError::Failed(reason)),
        Stage::Copy { connection } => {
            let volume: Volume = execution.subject()?;
            let (driver, fence) = (execution.driver, execution.fence);
            if let Err(error) = driver.discard_import(&volume, connection, fence).await {
                tracing::error!(%error, "an incomplete copy is not removed");
            }
            Ok(Progress::HandOver(migration.at(Stage::Close { reason })))
        }
        Stage::Remove => {
            tracing::error!(reason, "the volume has moved, but what it left behind is not removed");
            Ok(Progress::Done(Done::default()))
        }
        Stage::Close { reason: why } => {
            if reason != *why {
                tracing::error!(reason, "the data path of a migration that failed is not closed");
            }
            Err(DriverError::failed(why))
        }
    }
}
