//! One attempt at an operation: from its claim to its end, or to the loss of the claim.

use crate::execute::execute;
use crate::execution::{Done, Execution};
use crate::reached::Reached;
use backup_store::BackupStore;
use database::Database;
use database::operation_log::{ClaimedForBackup, OperationOutcome};
use driver::Fence;
use operation::contract::{Columns, Resource};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use steps::finish_operation::Finish;
use steps::lease::Leases;
use steps::step::StepError;
use tracing::{Instrument, info_span};

/// How much of a reason users are told, in characters: Cinder's `fail_reason`.
const LONGEST_REASON: usize = 255;

/// The attempts of a backup service.
pub(crate) struct Attempts {
    pub database: Database,
    pub store: BackupStore,
    pub reached: Arc<Reached>,
    /// The zone of this service.
    pub zone: String,
    pub leases: Arc<Leases>,
    pub finish: Finish,
}

impl Attempts {
    /// Executes a claimed operation and finishes it, unless the claim is lost meanwhile.
    pub async fn attempt(&self, claimed: ClaimedForBackup) {
        let operation = &claimed.claimed;
        let span = info_span!(
            "execute",
            request_id = %operation.request_id,
            operation.id = %operation.id,
            operation.kind = %operation.operation.kind(),
            resource.id = %operation.operation.definition().subject(),
            attempt = operation.attempts,
        );
        self.execute_and_finish(&claimed).instrument(span).await;
    }

    async fn execute_and_finish(&self, claimed: &ClaimedForBackup) {
        fail::fail_point!("backup.claimed", |_| std::process::abort());
        let started = Instant::now();
        let outcome = self.execute_while_claimed(claimed).await;
        fail::fail_point!("backup.executed", |_| std::process::abort());
        let duration_ms = started.elapsed().as_millis();
        let outcome = match outcome {
            Ok(Done { model_update }) => {
                tracing::info!(duration_ms, "executed");
                OperationOutcome { model_update, ..OperationOutcome::default() }
            }
            Err(StepError::Superseded) => {
                return tracing::info!(duration_ms, "lost to another service");
            }
            Err(StepError::Transient(reason)) => {
                return tracing::warn!(duration_ms, reason, "deferred to the sweep");
            }
            Err(StepError::Failed(reason)) => {
                tracing::warn!(duration_ms, reason, "failed");
                failure(claimed, reason)
            }
        };
        self.finish.finish(&claimed.claimed, &outcome).await;
    }

    async fn execute_while_claimed(&self, claimed: &ClaimedForBackup) -> Result<Done, StepError> {
        let execution = Execution {
            database: &self.database,
            store: &self.store,
            reached: &self.reached,
            zone: &self.zone,
            fence: Fence(claimed.claimed.fence),
            claimed: &claimed.claimed,
            serving: claimed.serving.as_ref(),
        };
        tokio::select! {
            outcome = execute(&execution) => outcome,
            () = self.leases.until_lost(&claimed.claimed) => Err(StepError::Superseded),
        }
    }
}

/// The end of an operation that failed. A backup says why itself.
fn failure(claimed: &ClaimedForBackup, reason: String) -> OperationOutcome {
    let model_update = match claimed.claimed.operation.contract().subject.resource {
        Resource::Backup => {
            let told: String = reason.chars().take(LONGEST_REASON).collect();
            Columns::set(json!({ "fail_reason": told }))
        }
        _ => Columns::none(),
    };
    OperationOutcome { model_update, error: Some(reason), ..OperationOutcome::default() }
}
