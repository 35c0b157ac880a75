//! Messages without a reply: dispatch messages to a backend's workers, fan-out messages, and notifications. A lost
//! dispatch or fan-out message only costs time, because the sweep or the next report replaces it; so these are not
//! confirmed. A notification is confirmed by the broker.

use super::message::{BackendMessage, Context, Envelope, FanOut};
use super::supervisor::Bus;
use super::topology::{Address, Queue};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use model::OperationId;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// AMQP's word for a message that survives the broker.
const PERSISTENT: u8 = 2;
/// How long a publish may take before it is given up.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

impl Bus {
    /// Tells the workers of a backend something.
    pub async fn send_to_backend(&self, backend: &str, context: Context, message: BackendMessage) {
        let to = self.topology().of_queue(&Queue::Backend(backend.to_owned()));
        self.publish(to, Envelope::new(context, message)).await;
    }

    /// Tells a backup service of an operation.
    pub async fn send_to_backup_service(&self, context: Context, operation_id: OperationId) {
        let to = self.topology().of_queue(&Queue::Backup);
        let message = BackendMessage::Execute { operation_id };
        self.publish(to, Envelope::new(context, message)).await;
    }

    /// Tells something to every process that subscribes to the message's topic.
    pub async fn fan_out<M: FanOut>(&self, context: Context, message: M) {
        let to = self.topology().of_topic(&message.topic());
        self.publish(to, Envelope::new(context, message)).await;
    }

    /// Publishes a notification; `true` once the broker has it.
    pub async fn notify(&self, event_type: &str, body: &Value) -> bool {
        let Some(generation) = self.generation() else { return false };
        if generation.is_blocked() {
            return false;
        }
        let payload = body.to_string();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT);
        let (exchange, options) = (self.topology().notifications(), BasicPublishOptions::default());
        #[expect(clippy::disallowed_methods, reason = "this is the bus")]
        let publish = generation.calls.basic_publish(
            exchange,
            event_type.into(),
            options,
            payload.as_bytes(),
            properties,
        );
        let confirmed = async { publish.await?.await };
        match tokio::time::timeout(PUBLISH_TIMEOUT, confirmed).await {
            Ok(Ok(confirmation)) => confirmation.is_ack(),
            Ok(Err(error)) => {
                generation.end(&error.to_string());
                false
            }
            Err(_) => false,
        }
    }

    async fn publish<T: Serialize>(&self, to: Address, envelope: Envelope<T>) {
        let Some(generation) = self.generation() else { return };
        if generation.is_blocked() {
            return;
        }
        let payload = match envelope.encode() {
            Ok(payload) => payload,
            Err(error) => return tracing::error!(%error, "a message cannot be encoded"),
        };
        let expiration = envelope.context.remaining().as_millis().to_string();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_expiration(expiration.into());
        let options = BasicPublishOptions::default();
        #[expect(clippy::disallowed_methods, reason = "this is the bus")]
        let publish = generation.publish_channel.basic_publish(
            to.exchange,
            to.key,
            options,
            &payload,
            properties,
        );
        match tokio::time::timeout(PUBLISH_TIMEOUT, publish).await {
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => generation.end(&error.to_string()),
        }
    }
}
