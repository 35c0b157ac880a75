//! One attempt at an operation: from its claim to its end, or to the loss of the claim.

use crate::execute::execute;
use crate::execution::{Done, Execution, Progress};
use crate::failover_end::FailoverEnd;
use crate::identity::Identity;
use crate::image_service::ImageService;
use crate::server_events::ServerEvents;
use database::Database;
use database::operation_log::{ClaimedOperation, OperationOutcome};
use driver::{Driver, Fence, LatestProgress};
use openstack::nova::EventStatus;
use operation::contract::Effect;
use std::sync::Arc;
use std::time::Instant;
use steps::finish_operation::Finish;
use steps::lease::Leases;
use steps::step::StepError;
use tracing::{Instrument, info_span};

/// The attempts of a worker.
pub(crate) struct Attempts {
    pub database: Database,
    pub identity: Arc<Identity>,
    pub driver: Arc<dyn Driver>,
    pub image_service: Arc<ImageService>,
    pub progress: Arc<LatestProgress>,
    pub leases: Arc<Leases>,
    pub finish: Finish,
    pub server_events: ServerEvents,
    pub failover_end: Arc<FailoverEnd>,
}

impl Attempts {
    /// Executes a claimed operation and finishes it, unless the claim is lost meanwhile.
    pub async fn attempt(&self, claimed: ClaimedOperation) {
        let span = info_span!(
            "execute",
            request_id = %claimed.request_id,
            operation.id = %claimed.id,
            operation.kind = %claimed.operation.kind(),
            resource.id = %claimed.operation.definition().subject(),
            backend.name = self.identity.backend_name,
            attempt = claimed.attempts,
        );
        self.execute_and_finish(&claimed).instrument(span).await;
        if claimed.operation.contract().has(Effect::BeginsEpoch) {
            self.failover_end.announce().await;
        }
    }

    async fn execute_and_finish(&self, claimed: &ClaimedOperation) {
        fail::fail_point!("volume.claimed", |_| std::process::abort());
        let started = Instant::now();
        let outcome = self.execute_while_claimed(claimed).await;
        fail::fail_point!("volume.executed", |_| std::process::abort());
        let duration_ms = started.elapsed().as_millis();
        match outcome {
            Ok(Progress::HandOver(next)) => {
                tracing::info!(duration_ms, "this backend's stage of the migration is executed");
                self.finish.hand_over(claimed, &next).await;
            }
            Ok(Progress::Done(done)) => {
                tracing::info!(duration_ms, "executed");
                let Done { model_update, result, failover } = done;
                let outcome = OperationOutcome { model_update, result, failover, error: None };
                self.finish(claimed, &outcome).await;
            }
            Err(StepError::Superseded) => tracing::info!(duration_ms, "lost to another worker"),
            Err(StepError::Transient(reason)) => {
                tracing::warn!(duration_ms, reason, "deferred to the sweep");
            }
            Err(StepError::Failed(reason)) => {
                tracing::warn!(duration_ms, reason, "failed");
                let outcome =
                    OperationOutcome { error: Some(reason), ..OperationOutcome::default() };
                self.finish(claimed, &outcome).await;
            }
        }
    }

    async fn finish(&self, claimed: &ClaimedOperation, outcome: &OperationOutcome) {
        if self.finish.finish(claimed, outcome).await {
            let status = match outcome.error {
                None => EventStatus::Completed,
                Some(_) => EventStatus::Failed,
            };
            self.server_events.tell(claimed, status).await;
        }
    }

    async fn execute_while_claimed(
        &self,
        claimed: &ClaimedOperation,
    ) -> Result<Progress, StepError> {
        let execution = Execution {
            database: &self.database,
            driver: &*self.driver,
            image_service: &self.image_service,
            progress: &self.progress,
            fence: Fence(claimed.fence),
            claimed,
        };
        tokio::select! {
            outcome = execute(&execution) => outcome,
            () = self.leases.until_lost(claimed) => Err(StepError::Superseded),
        }
    }
}
