//! Submit: one request to the gate, and a certain answer.
//!
//! Without an answer, the same request is sent again; it carries its request key, so it can be admitted
//! only once. After the deadline, the request is *revoked*: either it can never be admitted any more,
//! and the client gets a 503, or it was already admitted, and the client gets that answer.

use bus::message::Submitted;
use bus::{Bus, CallError, Context, Queue, SchedulerMessage, SubmitAnswer};
use database::{Database, DbError, admission};
use model::{Error, OperationId, Result};
use operation::Operation;
use operation::contract::Effect;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};

/// How long one attempt waits for an answer.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How long an operation is waited for that ends all others on its backend: its admission takes the longer the more they are.
const LONG_TIMEOUT: Duration = Duration::from_secs(120);
/// How long to wait for a lost connection to be restored.
const RECONNECT: Duration = Duration::from_secs(1);
/// How long the database is asked whether a request was admitted.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(20);
const REVOKE_RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// What it takes to submit operations. Cheap to clone.
#[derive(Clone)]
pub struct Submitter {
    /// The bus to the schedulers.
    pub bus: Bus,
    /// The database, to revoke a request that was not answered.
    pub database: Database,
    /// How long the submitter waits for an answer.
    pub timeout: Duration,
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

/// Why there is no final answer of the scheduler.
enum NoAnswer {
    /// The request was not sent; it cannot have been admitted.
    NeverAsked(&'static str),
    /// It may have.
    Unknown,
    /// It was refused, but an earlier delivery of it was not answered, and may be admitted yet.
    RefusedLater(Error),
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
            Err(NoAnswer::NeverAsked(why)) => {
                Err(Error::unavailable("No scheduler can be reached. Nothing was changed.")
                    .caused_by(why))
            }
            Err(NoAnswer::Unknown) => {
                let unanswered =
                    "The scheduler did not answer. The request was revoked; nothing was changed.";
                self.revoke(Error::unavailable(unanswered)).await
            }
            Err(NoAnswer::RefusedLater(refusal)) => self.revoke(refusal).await,
        }
    }

    /// How long one delivery, and all of them, may take. A second delivery of an operation that takes long would only wait for
    /// the locks of the first one.
    fn time_limits(&self) -> (Duration, Duration) {
        if self.operation.contract().has(Effect::BeginsEpoch) {
            (LONG_TIMEOUT, LONG_TIMEOUT)
        } else {
            (ATTEMPT, self.submitter.timeout)
        }
    }

    /// Asks until there is an answer or the time is up.
    async fn ask(&self) -> Result<SubmitAnswer, NoAnswer> {
        let (attempt, timeout) = self.time_limits();
        let started = Instant::now();
        let mut silence = None;
        loop {
            let remaining = timeout.saturating_sub(started.elapsed());
            if remaining.is_zero() {
                return Err(silence.unwrap_or(NoAnswer::Unknown));
            }
            match self.deliver(remaining.min(attempt)).await {
                Ok(Ok(SubmitAnswer::Refused(refusal))) if silence.is_some() => {
                    return Err(NoAnswer::RefusedLater(refusal));
                }
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failed)) => {
                    tracing::warn!(%failed, "the scheduler answered with an internal failure; asking again");
                    return Err(NoAnswer::Unknown);
                }
                Err(CallError::NotSent(why)) => {
                    return Err(silence.unwrap_or(NoAnswer::NeverAsked(why)));
                }
                Err(CallError::NotAnswered(why)) => {
                    tracing::warn!(why, "no answer from the scheduler; sending the request again")
                }
                Err(CallError::NoReplyExpected(why)) => {
                    tracing::warn!(why, "no answer from the scheduler before the deadline");
                    return Err(NoAnswer::Unknown);
                }
                Err(CallError::Undecodable(error)) => {
                    tracing::error!(%error, "the scheduler's answer cannot be decoded");
                    return Err(NoAnswer::Unknown);
                }
            }
            silence = Some(NoAnswer::Unknown);
            if !self.submitter.bus.wait_until_ready(RECONNECT).await {
                return Err(NoAnswer::Unknown);
            }
        }
    }

    async fn deliver(&self, timeout: Duration) -> Result<Result<SubmitAnswer>, CallError> {
        let message = SchedulerMessage::Submit {
            operation_id: self.id,
            operation: Box::new(self.operation.clone()),
        };
        self.submitter
            .bus
            .call(&Queue::Scheduler, self.context.for_the_next(timeout), message)
            .await
    }

    /// Sees to it that the request is never admitted, and returns `otherwise`; unless it was admitted: then that is the
    /// answer.
    async fn revoke(&self, otherwise: Error) -> Result<Submitted> {
        let started = Instant::now();
        loop {
            let Context { request_id, caller, .. } = &self.context;
            let database = &self.submitter.database;
            match admission::revoke(database, self.id, request_id, caller, self.operation).await {
                Ok(None) => {
                    tracing::info!("revoked");
                    return Err(otherwise);
                }
                Ok(Some(_)) => {
                    tracing::info!("adopted: the request was admitted, its answer was lost");
                    return Ok(Submitted { subject: None, operations_in_flight: None });
                }
                // it would be so again and again
                Err(error @ DbError::Defect(_)) => return Err(error.into()),
                Err(error) if started.elapsed() > REVOKE_TIMEOUT => {
                    return Err(Error::unavailable(
                        "Neither the scheduler nor the database answers. Look at the resource before \
                         you try again.",
                    )
                    .caused_by(error));
                }
                Err(error) => {
                    tracing::warn!(%error, "not revoked yet");
                    tokio::time::sleep(REVOKE_RETRY_INTERVAL).await;
                }
            }
        }
    }
}
