//! Executes `failover_backend`: the other side is ready to serve, and it is known what is there.

use crate::execution::{Done, Execution};
use database::{snapshots, volumes};
use driver::Failover;
use model::{Backend, FailoverReport, Volume, VolumeId};
use operation::FailoverBackend;
use serde_json::json;
use std::collections::HashSet;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &FailoverBackend,
) -> Result<Done, StepError> {
    let FailoverBackend { backend_id, target, leave_behind, .. } = arguments;
    let volumes = volumes::of_backend(execution.database, *backend_id).await?;
    let snapshots = snapshots::of_backend(execution.database, *backend_id).await?;
    // not what the driver remembers: it may not have followed the last failover yet
    let backend: Backend = execution.subject()?;
    let may_lack_writes = may_lack_writes(&volumes, arguments);
    let failover = Failover {
        from: &backend.active,
        target,
        volumes: &volumes,
        snapshots: &snapshots,
        may_lack_writes: &may_lack_writes,
        leave_behind: *leave_behind,
        epoch: backend.epoch,
        fence: execution.fence,
        progress: execution.progress,
    };
    let failed_over = execution.replication()?.failover(&failover).await?;
    let result = json!(FailoverReport::new(&failed_over, &volumes));
    tracing::info!(%target, %result, "failed over");
    Ok(Done { result: Some(result), failover: Some(failed_over), ..Done::default() })
}

/// The volumes that are served even if acknowledged writes are missing on the target: what it has must not be older than the caller
/// accepts, and how old it is, is known of the target alone that their replicas were on.
fn may_lack_writes(volumes: &[Volume], arguments: &FailoverBackend) -> HashSet<VolumeId> {
    let Some(accepted) = arguments.accepted_loss else { return HashSet::new() };
    let is_accepted = |volume: &&Volume| accepted.covers(volume.as_of_on(&arguments.target));
    volumes.iter().filter(is_accepted).map(|volume| volume.id).collect()
}
