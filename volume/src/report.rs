//! The report: capacity, capabilities and replicas of the backend, for the schedulers.

use crate::data_paths::DataPaths;
use crate::identity::Identity;
use crate::position::FollowedEpoch;
use bus::{BackendReported, Bus, Context};
use database::backends::ActiveSide;
use database::{Database, backends};
use driver::{Driver, LatestProgress, capabilities};
use model::{BackendReport, ReplicationStatus, RequestId};
use std::sync::Arc;
use std::time::Duration;
use steps::step::StepError;
use tokio_util::sync::CancellationToken;

/// How long one look at the storage may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The reports of a worker.
pub(crate) struct Reports {
    pub database: Database,
    pub bus: Bus,
    pub identity: Arc<Identity>,
    pub driver: Arc<dyn Driver>,
    pub position: Arc<FollowedEpoch>,
    pub data_paths: Arc<DataPaths>,
    pub progress: Arc<LatestProgress>,
    pub interval: Duration,
}

/// What is to be done for the next report.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// See that the data paths are open, and report.
    ServeAndReport,
    /// Report how far the failover is, and open nothing.
    Report,
    /// Nothing: the worker does not serve, and does not know the storage that does.
    Nothing,
}

fn decide(serving: &ActiveSide, worker_epoch: i64) -> Decision {
    if serving.epoch == worker_epoch {
        Decision::ServeAndReport
    } else if serving.replication_status == ReplicationStatus::FailingOver {
        Decision::Report
    } else {
        Decision::Nothing
    }
}

impl Reports {
    /// Reports regularly until the process stops. A backend whose driver cannot report counts as down.
    pub async fn report_regularly(&self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            let epoch = self.position.epoch();
            let report = tokio::select! {
                () = stopping.cancelled() => return,
                // the look may be at the side that was left, and hang
                () = self.position.left(epoch) => continue,
                report = tokio::time::timeout(TIMEOUT, self.report()) => report,
            };
            let late = |_| Err(StepError::failed("the storage does not answer"));
            match report.unwrap_or_else(late) {
                Ok(Some(report)) => self.publish(report).await,
                Ok(None) => {}
                Err(error) => {
                    let backend = &self.identity.backend_name;
                    tracing::error!(backend.name = backend, %error, "the driver does not report");
                }
            }
            self.pause(epoch, stopping).await;
        }
    }

    async fn pause(&self, epoch: i64, stopping: &CancellationToken) {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = self.position.left(epoch) => {}
            () = tokio::time::sleep(self.interval) => {}
        }
    }

    async fn report(&self) -> Result<Option<BackendReport>, StepError> {
        let serving = self.position.serving().await?;
        match decide(&serving, self.position.epoch()) {
            Decision::ServeAndReport => {
                if let Err(error) = self.data_paths.ensure().await {
                    return self.unless_left(error).await;
                }
            }
            Decision::Report => {}
            Decision::Nothing => return Ok(None),
        }
        let report = self.driver.report().await?;
        Ok(Some(BackendReport {
            replication: self.progress.get(),
            capabilities: capabilities(&*self.driver),
            ..report
        }))
    }

    /// Nothing is wrong where another epoch has begun since the look at the row: the storage knows it already, and the
    /// worker follows.
    async fn unless_left(&self, error: StepError) -> Result<Option<BackendReport>, StepError> {
        if self.position.may_serve().await? {
            return Err(error);
        }
        tracing::info!(%error, "no report of a side that was left");
        Ok(None)
    }

    async fn publish(&self, report: BackendReport) {
        if let Err(error) =
            backends::report(&self.database, self.identity.backend_id, &report).await
        {
            return tracing::warn!(%error, "the report was not recorded");
        }
        let context = Context::of_process(RequestId::random(), None, self.interval);
        let backend = self.identity.backend_name.clone();
        self.bus.fan_out(context, BackendReported { backend, report }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Side;

    #[test]
    fn a_worker_reports_of_the_side_that_it_serves_and_during_failovers() {
        let serving = |epoch, replication_status| ActiveSide {
            active: Side::Primary,
            epoch,
            replication_status,
            promoted: false,
            storage_id: None,
        };
        for (epoch, status, decision) in [
            (2, ReplicationStatus::Enabled, Decision::ServeAndReport),
            (3, ReplicationStatus::FailingOver, Decision::Report),
            (3, ReplicationStatus::FailedOver, Decision::Nothing),
            (3, ReplicationStatus::FailoverError, Decision::Nothing),
        ] {
            assert_eq!(decide(&serving(epoch, status), 2), decision, "{epoch} {status}");
        }
    }
}
