//! One request to the gate: admit, place, dispatch, answer.

use crate::admission::{AdmissionController, NotAdmitted, Request};
use crate::backend_reports::BackendReports;
use crate::dispatch::dispatch;
use crate::placement::{self, Weights};
use bus::message::Submitted;
use bus::serve::Receive;
use bus::{Bus, Context, SchedulerMessage, SubmitAnswer};
use configuration::Config;
use database::Database;
use model::{Error, Result};
use std::sync::Arc;
use std::time::Instant;
use tracing::{Instrument, info_span};

/// The receiver of the schedulers' queue.
pub(crate) struct AdmissionReceiver {
    gatekeeper: AdmissionController,
    reports: Arc<BackendReports>,
    weights: Weights,
    bus: Bus,
}

impl AdmissionReceiver {
    pub fn new(
        config: &Config,
        database: Database,
        bus: Bus,
        reports: Arc<BackendReports>,
    ) -> Self {
        let weights = Weights::new(&config.scheduler);
        Self { gatekeeper: AdmissionController::new(config, database), reports, weights, bus }
    }

    /// A refusal is final: where the receiver of an earlier delivery may still be at work, it is kept from admitting the
    /// request.
    async fn submit_for_good(&self, request: &Request<'_>) -> Result<Submitted, NotAdmitted> {
        let outcome = self.submit(request).await;
        let (Err(NotAdmitted::BlockedByCondition(_) | NotAdmitted::Refused(_)), true) =
            (&outcome, request.context.redelivered)
        else {
            return outcome;
        };
        match self.gatekeeper.revoke(request).await? {
            Some(admitted) => Ok(admitted.into()),
            None => outcome,
        }
    }

    async fn submit(&self, request: &Request<'_>) -> Result<Submitted, NotAdmitted> {
        let admitted = match request.operation.definition().placement_request() {
            Some(wanted) => {
                let (gatekeeper, reports) = (&self.gatekeeper, &self.reports);
                placement::admit_with_placement(gatekeeper, reports, self.weights, request, &wanted)
                    .instrument(info_span!("place"))
                    .await
            }
            None => self.gatekeeper.admit(request).await,
        }?;
        if admitted.is_new() {
            fail::fail_point!("scheduler.admitted", |_| std::process::abort());
        } else {
            tracing::info!("it was admitted before");
        }
        dispatch(&self.bus, request.context, &admitted).instrument(info_span!("dispatch")).await;
        Ok(admitted.into())
    }
}

impl Receive for AdmissionReceiver {
    type Message = SchedulerMessage;
    type Reply = SubmitAnswer;

    async fn receive(
        self: &Arc<Self>,
        context: Context,
        message: SchedulerMessage,
    ) -> Result<SubmitAnswer> {
        let SchedulerMessage::Submit { operation_id, operation } = message;
        let span = info_span!(
            "admit",
            request_id = %context.request_id,
            operation.id = %operation_id,
            operation.kind = %operation.kind(),
            resource.id = %operation.definition().subject(),
        );
        let started = Instant::now();
        async {
            let request = Request { id: operation_id, context: &context, operation: &operation };
            let outcome = self.submit_for_good(&request).await;
            let duration_ms = started.elapsed().as_millis();
            match outcome {
                Ok(submitted) => {
                    tracing::info!(duration_ms, "admitted");
                    Ok(SubmitAnswer::Admitted(submitted))
                }
                Err(NotAdmitted::BlockedByCondition(error) | NotAdmitted::Refused(error)) => {
                    tracing::info!(duration_ms, reason = %error, "refused");
                    Ok(SubmitAnswer::Refused(error))
                }
                Err(NotAdmitted::Unknown(error)) => {
                    let error = Error::from(error);
                    tracing::error!(
                        duration_ms,
                        cause = error.cause(),
                        "neither admitted nor refused"
                    );
                    Err(error)
                }
            }
        }
        .instrument(span)
        .await
    }
}
