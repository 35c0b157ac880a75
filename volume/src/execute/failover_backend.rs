//! Executes `failover_backend`: the other side is ready to serve, and it is known what is there.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use database::{snapshots, volumes};
use driver::Failover;
use model::{Backend, VolumeOutcome};
use operation::FailoverBackend;
use serde_json::json;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &FailoverBackend,
) -> Result<Done, StepError> {
    let FailoverBackend { backend_id, target, accept_data_loss } = arguments;
    let volumes = volumes::of_backend(execution.database, *backend_id).await?;
    let snapshots = snapshots::of_backend(execution.database, *backend_id).await?;
    // not what the driver remembers: it may not have followed the last failover yet
    let backend: Backend = execution.subject()?;
    let failover = Failover {
        from: &backend.active,
        target,
        volumes: &volumes,
        snapshots: &snapshots,
        accept_data_loss: *accept_data_loss,
        epoch: backend.epoch,
        fence: execution.fence,
        progress: execution.progress,
    };
    let failed_over = execution.replication()?.failover(&failover).await?;
    let count = |outcome: VolumeOutcome| {
        failed_over.volumes.iter().filter(|one| one.outcome == outcome).count()
    };
    let (failed_over_volumes, failed, not_replicated) = (
        count(VolumeOutcome::FailedOver),
        count(VolumeOutcome::Failed),
        count(VolumeOutcome::NotReplicated),
    );
    tracing::info!(
        failed_over = failed_over_volumes,
        failed,
        not_replicated,
        %target,
        "failed over"
    );
    let result = json!({
        "failed_over": failed_over_volumes, "failed": failed, "not_replicated": not_replicated,
    });
    Ok(Done { result: Some(result), failover: Some(failed_over), ..Done::default() })
}
