//! Executes `migrate_volume`, and `retype_volume` with a migration: the source opens the volume
//! for reading, the destination copies it, the source removes what it held.
//!
//! The volume's row says where its data is at every moment: at the source until the copy is complete, at
//! the destination from then on.

use crate::execution::{Done, Execution, Progress};
use model::migration::Stage;
use model::{ConnectionInfo, Migration, MigrationStatus, Volume};
use operation::contract::Columns;
use serde_json::json;
use steps::step::StepError;

/// Does what is this backend's part now.
pub(crate) async fn run_stage(
    execution: &Execution<'_>,
    migration: &Migration,
) -> Result<Progress, StepError> {
    let fence = execution.fence;
    let volume: Volume = execution.subject()?;
    match &migration.stage {
        Stage::Open => {
            let connection = execution.migration()?.open_for_import(&volume, fence).await?;
            Ok(Progress::HandOver(migration.at(Stage::Copy { connection })))
        }
        Stage::Copy { connection } => {
            execution.migration()?.import_volume(&volume, connection, fence).await?;
            Ok(Progress::HandOver(migration.at(Stage::Remove)))
        }
        Stage::Remove => {
            execution.volumes().delete_volume(&volume, fence).await?;
            Ok(Progress::Done(migrated()))
        }
        Stage::Close { reason } => {
            execution.migration()?.close_after_import(&volume, fence).await?;
            Err(StepError::failed(reason))
        }
    }
}

/// Ends a migration that cannot go on, so that the volume is in one place and nothing is left elsewhere.
pub(crate) async fn abort_migration(
    execution: &Execution<'_>,
    migration: &Migration,
    reason: String,
) -> Result<Progress, StepError> {
    match &migration.stage {
        Stage::Open => Err(StepError::Failed(reason)),
        Stage::Copy { connection } => {
            if let Err(error) = discard(execution, connection).await {
                tracing::error!(%error, "an incomplete copy is not removed");
            }
            Ok(Progress::HandOver(migration.at(Stage::Close { reason })))
        }
        Stage::Remove => {
            tracing::error!(reason, "the volume has moved, but its old copy is not removed");
            Ok(Progress::Done(migrated()))
        }
        Stage::Close { reason: why } => {
            if reason != *why {
                tracing::error!(reason, "the data path of a migration that failed is not closed");
            }
            Err(StepError::failed(why))
        }
    }
}

/// Whatever the migration was for, the volume says that there was one.
fn migrated() -> Done {
    let model_update = Columns::set(json!({ "migration_status": MigrationStatus::Success }));
    Done { model_update, ..Done::default() }
}

async fn discard(execution: &Execution<'_>, connection: &ConnectionInfo) -> Result<(), StepError> {
    let volume: Volume = execution.subject()?;
    Ok(execution.migration()?.discard_import(&volume, connection, execution.fence).await?)
}
