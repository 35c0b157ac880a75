//! Executes `create_backup`: the content of a volume or of a snapshot goes to the store.

use super::restore_backup::chain;
use crate::execution::{Done, Execution};
use crate::store::fault;
use crate::volume_meta;
use backup_store::{NewBackup, Stored};
use database::volumes;
use driver::sizes::bytes;
use driver::{CloneSource, Content, Driver};
use model::{Backup, Capability, Snapshot, Volume};
use operation::contract::{Columns, Role};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use steps::step::StepError;

/// How often the progress is told: each time so many percent more are done.
const PERCENT: u64 = 10;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let backup: Backup = execution.subject()?;
    let driver = execution.driver().await?;
    let source = Source::of(execution, &backup)?;
    let written = write(execution, &backup, &*driver, &source).await;
    source.close(execution, &*driver).await;
    if let Err(StepError::Failed(_)) = &written {
        remove_begun(execution, &backup).await;
    }
    written
}

/// Ends a backup that is not tried again.
pub(super) async fn give_up(execution: &Execution<'_>, reason: &str) -> Result<Done, StepError> {
    let backup: Backup = execution.subject()?;
    let source = Source::of(execution, &backup)?;
    match execution.driver().await {
        Ok(driver) => source.close(execution, &*driver).await,
        Err(error) => tracing::warn!(%error, "what was made for the backup may be left"),
    }
    remove_begun(execution, &backup).await;
    Err(StepError::failed(reason))
}

async fn write(
    execution: &Execution<'_>,
    backup: &Backup,
    driver: &dyn Driver,
    source: &Source,
) -> Result<Done, StepError> {
    let new = new_backup(execution, backup).await?;
    let mut content = source.open(execution, driver).await?;
    let progress = telling(new.volume_bytes);
    let written = execution.store.write(&new, &mut content, &progress).await.map_err(fault)?;
    tracing::info!(read = written.bytes_read, stored = written.bytes_stored, "backed up");
    let Stored { container, prefix } = execution.store.place(&new).map_err(fault)?;
    Ok(Done {
        model_update: Columns::set(json!({
            "container": container,
            "service_metadata": prefix,
            "object_count": written.object_count,
            "availability_zone": execution.zone,
            "fail_reason": null,
        })),
    })
}

/// What is to be written.
async fn new_backup(execution: &Execution<'_>, backup: &Backup) -> Result<NewBackup, StepError> {
    let volume = volumes::find(execution.database, backup.volume_id, None).await?;
    let mut new = without_parent(backup);
    new.volume_meta = volume.as_ref().map(volume_meta::of).unwrap_or_default();
    if let Some(parent) = backup.parent_id {
        let chain = chain(execution, parent).await?;
        let parent = chain.into_iter().next();
        let parent = parent.ok_or_else(|| StepError::failed("its parent is gone"))?;
        // an imported one has another id in its data
        new.parent_id = Some(execution.store.describe(&parent).await.map_err(fault)?.id);
        new.parent = Some(parent);
    }
    Ok(new)
}

/// The same of a full backup, of a volume of which nothing is known: it is in the same place.
pub(super) fn without_parent(backup: &Backup) -> NewBackup {
    NewBackup {
        id: backup.id.0,
        volume_id: backup.volume_id.0,
        name: backup.name.clone(),
        description: backup.description.clone(),
        created_at: backup.created_at,
        volume_bytes: bytes(backup.size_gb),
        volume_meta: Value::Null,
        container: backup.container.clone(),
        parent_id: None,
        parent: None,
    }
}

/// What a backup that could not be made has in the store goes.
async fn remove_begun(execution: &Execution<'_>, backup: &Backup) {
    let removed = match execution.store.place(&without_parent(backup)) {
        Ok(place) => execution.store.delete(&place).await,
        Err(error) => Err(error),
    };
    if let Err(error) = removed {
        tracing::warn!(%error, "a part of a backup is left in the store until the backup is deleted");
    }
}

/// Tells how much of so many bytes is done.
fn telling(all: u64) -> impl Fn(u64) + Send + Sync {
    let told = AtomicU64::new(0);
    move |done| {
        let percent = done.saturating_mul(100) / all.max(1);
        if percent >= told.load(Ordering::Relaxed) + PERCENT {
            told.store(percent - percent % PERCENT, Ordering::Relaxed);
            tracing::info!(percent, "backing up");
        }
    }
}

/// Where the content comes from.
enum Source {
    /// A snapshot that the user has made.
    Snapshot(Snapshot),
    /// A volume that no server uses.
    Volume(Box<Volume>),
    /// A snapshot that is made for the backup alone, of a volume that servers use, or may have used at an earlier attempt.
    Moment(Snapshot),
}

impl Source {
    fn of(execution: &Execution<'_>, backup: &Backup) -> Result<Self, StepError> {
        if let Some(snapshot) = execution.other(Role::Snapshot)? {
            return Ok(Self::Snapshot(snapshot));
        }
        let volume: Option<Volume> = execution.other(Role::Volume)?;
        let volume = volume.ok_or_else(|| StepError::failed("there is nothing to back up"))?;
        if volume.attachments.is_empty() && !execution.is_repeated() {
            return Ok(Self::Volume(Box::new(volume)));
        }
        Ok(Self::Moment(Snapshot::of_backup(backup.id, &volume)))
    }

    async fn open(
        &self,
        execution: &Execution<'_>,
        driver: &dyn Driver,
    ) -> Result<Content, StepError> {
        let backup = driver.backup().ok_or_else(|| StepError::without(Capability::Backup))?;
        let source = match self {
            Self::Snapshot(snapshot) => CloneSource::Snapshot(snapshot),
            Self::Volume(volume) => CloneSource::Volume(volume),
            Self::Moment(snapshot) => {
                driver.create_snapshot(snapshot, execution.fence).await?;
                CloneSource::Snapshot(snapshot)
            }
        };
        Ok(backup.read_content(source, execution.fence).await?)
    }

    /// A moment that cannot be removed now is no reason to throw the backup away: it goes with its volume.
    async fn close(&self, execution: &Execution<'_>, driver: &dyn Driver) {
        match self {
            Self::Snapshot(_) | Self::Volume(_) => {}
            Self::Moment(snapshot) => {
                if let Err(error) = driver.delete_snapshot(snapshot, execution.fence).await {
                    tracing::warn!(%error, "the snapshot of the backup is left");
                }
            }
        }
    }
}
