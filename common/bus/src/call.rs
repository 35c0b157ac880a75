//! A call: a request to a queue and the one reply to it, within a deadline.

use super::message::{Context, Envelope};
use super::supervisor::{Bus, CallReply, Generation};
use super::topology::{Address, DIRECT_REPLY_TO, Queue};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a call waits for the reply before it checks whether the queue has a consumer.
const CONSUMER_CHECK_DELAY: Duration = Duration::from_millis(40);
/// How long a consumer count is valid.
const CONSUMER_COUNT_TTL: Duration = Duration::from_millis(25);

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request never left; it cannot have been received.
    #[error("not sent: {0}")]
    NotSent(&'static str),
    /// The request may have been received, or may still be. Another try may be answered.
    #[error("not answered: {0}")]
    NotAnswered(&'static str),
    /// No reply will come, and another attempt would not be answered either.
    #[error("nobody to answer: {0}")]
    NoReplyExpected(&'static str),
    /// What was to be sent, or what came back, is no message of ours.
    #[error("undecodable: {0}")]
    Undecodable(#[from] serde_json::Error),
}

impl Bus {
    /// Sends a request to a queue and waits for the reply until the context's deadline.
    ///
    /// # Errors
    /// [`CallError::NotSent`] when it certainly was not received; in all other cases nobody knows.
    pub async fn call<Request: Serialize, Reply: DeserializeOwned>(
        &self,
        queue: &Queue,
        context: Context,
        request: Request,
    ) -> Result<Reply, CallError> {
        let generation = self.generation().ok_or(CallError::NotSent("the bus is not connected"))?;
        if generation.is_blocked() {
            return Err(CallError::NotSent("the broker blocks publishing"));
        }
        let remaining = context.remaining();
        let payload = Envelope::new(context, request).encode()?;
        let call =
            Call { bus: self, queue, correlation_id: Uuid::new_v4().to_string(), generation };
        match tokio::time::timeout(remaining, call.carry_out(&payload, remaining)).await {
            Ok(reply) => Ok(serde_json::from_slice(&reply?)?),
            Err(_) => Err(CallError::NotAnswered("the deadline has passed")),
        }
    }
}

struct Call<'a> {
    bus: &'a Bus,
    queue: &'a Queue,
    correlation_id: String,
    generation: Arc<Generation>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.generation.forget(&self.correlation_id);
    }
}

impl Call<'_> {
    async fn carry_out(&self, payload: &[u8], remaining: Duration) -> Result<Vec<u8>, CallError> {
        let answer = self.generation.expect_reply(self.correlation_id.clone());
        let mut blocked = self.generation.watch_blocked();
        tokio::select! {
            biased;
            () = self.generation.ended().cancelled() => Err(CallError::NotAnswered("the bus connection ended")),
            answer = async { self.publish(payload, remaining).await?; answer.await.map_err(|_| CallError::NotAnswered("the bus connection ended")) } => match answer? {
                CallReply::Reply(reply) => Ok(reply),
                CallReply::NoRoute => Err(CallError::NotSent("the queue does not exist")),
            },
            _ = blocked.wait_for(|blocked| *blocked) => Err(CallError::NoReplyExpected("the broker blocks publishing")),
            error = self.watch_consumers() => Err(error),
        }
    }

    async fn publish(&self, payload: &[u8], remaining: Duration) -> Result<(), CallError> {
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_correlation_id(self.correlation_id.as_str().into())
            .with_reply_to(DIRECT_REPLY_TO.into())
            .with_expiration(remaining.as_millis().to_string().into());
        let properties = match self.bus.request_key(self.queue) {
            Some(key) => key.sign(properties, payload),
            None => properties,
        };
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let Address { exchange, key } = self.bus.topology().of_queue(self.queue);
        #[expect(clippy::disallowed_methods, reason = "this is the bus")]
        let published =
            self.generation.calls.basic_publish(exchange, key, options, payload, properties).await;
        let confirm = match published {
            Ok(confirm) => confirm,
            Err(error) => {
                self.generation.end(&error.to_string());
                return Err(CallError::NotAnswered("the bus connection ended"));
            }
        };
        // awaited elsewhere: a confirm that is dropped unresolved is kept by lapin forever
        let (generation, correlation_id) = (self.generation.clone(), self.correlation_id.clone());
        tokio::spawn(async move {
            if let Ok(confirmation) = confirm.await
                && confirmation.take_message().is_some()
            {
                generation.answer(&correlation_id, CallReply::NoRoute);
            }
        });
        Ok(())
    }

    /// Returns once the queue has no consumer any more.
    async fn watch_consumers(&self) -> CallError {
        loop {
            tokio::time::sleep(CONSUMER_CHECK_DELAY).await;
            match self.consumer_count().await {
                Ok(0) => return CallError::NoReplyExpected("the queue has no consumer"),
                Ok(_) => {}
                Err(error) => {
                    self.generation.end(&error.to_string());
                    return CallError::NotAnswered("the bus connection ended");
                }
            }
        }
    }

    async fn consumer_count(&self) -> lapin::Result<u32> {
        let mut known = self.generation.consumers.lock().await;
        if let Some((asked, count)) = known.get(self.queue)
            && asked.elapsed() < CONSUMER_COUNT_TTL
        {
            return Ok(*count);
        }
        let channel = &self.generation.publish_channel;
        let count = self.bus.topology().consumer_count(channel, self.queue).await?;
        known.insert(self.queue.clone(), (Instant::now(), count));
        Ok(count)
    }
}
