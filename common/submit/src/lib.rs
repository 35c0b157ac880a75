//! Submit: one request to the gate, and a certain answer.
//!
//! Where no answer comes, the same request is sent again; it carries its key, so it can be admitted
//! only once. When the time is up, the request is *revoked*: either it can never be admitted any more,
//! and the client is told so, or it was admitted, and the client is told that. Nothing is guessed.

use bus::message::Submitted;
use bus::{Bus, CallError, Context, Queue, SchedulerMessage, SubmitAnswer};
use database::{Database, admission};
use model::{Error, OperationId, Result};
use operation::Operation;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};

/// How long one delivery is given before the next.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How long a lost connection is given to come back.
const RECONNECT: Duration = Duration::from_secs(1);
/// How long the database is asked whether a request was admitted.
const REVOKE_FOR: Duration = Duration::from_secs(20);
const REVOKE_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What it takes to submit operations. Cheap to clone.
#[derive(Clone)]
pub struct Submitter {
    /// Where the schedulers are asked.
    pub bus: Bus,
    /// Where it is looked up what became of a request that was not answered.
    pub database: Database,
    /// How long an answer is waited for.
    pub patience: Duration,
}

impl Submitter {
    /// Submits an operation; returns once it is admitted, and with certainty that it happens.
    ///
    /// # Errors
    /// When it was refused, or withdrawn because nobody answered: then nothing was changed.
    pub async fn submit(
        &self,
        context: Context,
        operation: &Operation,
    ) -> Result<(OperationId, Submitted)> {
        let submission =
            Submission { submitter: self, id: OperationId::next(), context, operation };
        let span =
            info_span!("submit", operation.id = %submission.id, operation.kind = %operation.kind());
        let submitted = submission.carry_out().instrument(span).await?;
        Ok((submission.id, submitted))
    }
}

struct Submission<'a> {
    submitter: &'a Submitter,
    id: OperationId,
    context: Context,
    operation: &'a Operation,
}

/// Why the gate has not answered.
enum Silence {
    /// It has never heard of the request.
    NeverAsked(&'static str),
    /// It may have.
    Unknown,
}

impl Submission<'_> {
    async fn carry_out(&self) -> Result<Submitted> {
        match self.ask().await {
            Ok(SubmitAnswer::Admitted(submitted)) => {
                tracing::info!("admitted");
                Ok(submitted)
            }
            Ok(SubmitAnswer::Refused(error)) => {
                tracing::info!("refused");
                Err(error)
            }
            Err(Silence::NeverAsked(why)) => {
                Err(Error::unavailable("No scheduler can be reached. Nothing was changed.")
                    .caused_by(why))
            }
            Err(Silence::Unknown) => self.revoke().await,
        }
    }

    /// Asks until there is an answer or the time is up.
    async fn ask(&self) -> Result<SubmitAnswer, Silence> {
        let patience = self.submitter.patience;
        let begun = Instant::now();
        let mut silence = None;
        loop {
            let remaining = patience.saturating_sub(begun.elapsed());
            if remaining.is_zero() {
                return Err(silence.unwrap_or(Silence::Unknown));
            }
            match self.deliver(remaining.min(ATTEMPT)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failed)) => {
                    tracing::warn!(%failed, "the scheduler could not decide");
                    return Err(Silence::Unknown);
                }
                Err(CallError::NotSent(why)) => {
                    return Err(silence.unwrap_or(Silence::NeverAsked(why)));
                }
                Err(CallError::NotAnswered(why)) => tracing::warn!(why, "asking the gate again"),
                Err(CallError::NobodyToAnswer(why)) => {
                    tracing::warn!(why, "giving up on the gate");
                    return Err(Silence::Unknown);
                }
                Err(CallError::Undecodable(error)) => {
                    tracing::error!(%error, "the gate's answer is not understood");
                    return Err(Silence::Unknown);
                }
            }
            silence = Some(Silence::Unknown);
            if !self.submitter.bus.wait_until_ready(RECONNECT).await {
                return Err(Silence::Unknown);
            }
        }
    }

    async fn deliver(&self, patience: Duration) -> Result<Result<SubmitAnswer>, CallError> {
        let message = SchedulerMessage::Submit {
            operation_id: self.id,
            operation: Box::new(self.operation.clone()),
        };
        self.submitter
            .bus
            .call(&Queue::Scheduler, self.context.for_the_next(patience), message)
            .await
    }

    async fn revoke(&self) -> Result<Submitted> {
        let begun = Instant::now();
        loop {
            let Context { request_id, caller, .. } = &self.context;
            let database = &self.submitter.database;
            match admission::revoke(database, self.id, request_id, caller, self.operation).await {
                Ok(None) => {
                    tracing::info!("revoked");
                    return Err(Error::unavailable(
                        "The scheduler did not answer. The request was withdrawn; nothing was changed.",
                    ));
                }
                Ok(Some(_)) => {
                    tracing::info!("adopted: it was admitted, only the answer was lost");
                    return Ok(Submitted { subject: None, operations_in_flight: None });
                }
                Err(error) if begun.elapsed() > REVOKE_FOR => {
                    return Err(Error::unavailable(
                        "Neither the scheduler nor the database answers. Look at the resource before \
                         you try again.",
                    )
                    .caused_by(error));
                }
                Err(error) => {
                    tracing::warn!(%error, "not revoked yet");
                    tokio::time::sleep(REVOKE_AGAIN_AFTER).await;
                }
            }
        }
    }
}
