//! `GET /healthcheck`: 200 while the process is ready, 503 with the list of failed checks otherwise; and what else
//! the process tells of itself.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, Router, get};
use bus::Bus;
use database::Database;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer before the check fails.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the process needs to work.
#[derive(Clone)]
pub struct Health {
    /// The database must answer.
    pub database: Database,
    /// The bus must be connected and take messages.
    pub bus: Bus,
    /// The process must not be ending.
    pub stopping: CancellationToken,
    /// What else the process tells of itself, as the keys of an object. It makes no process unhealthy.
    pub details: Option<Details>,
}

/// What a process tells of itself at the moment when it is asked.
pub type Details = Arc<dyn Fn() -> serde_json::Map<String, Value> + Send + Sync>;

impl Health {
    /// The route of the health check, for a process that serves HTTP anyway.
    pub fn route<S: Clone + Send + Sync + 'static>(self) -> MethodRouter<S> {
        get(move || {
            let health = self.clone();
            async move { health.answer().await }
        })
    }

    /// Serves nothing but the health check until the process stops. The address is bound by the caller, before the
    /// process is ready: one that another process has is an error at the start.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        let stopping = self.stopping.clone();
        let router = Router::new().route("/healthcheck", self.route());
        axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned()).await?;
        Ok(())
    }

    async fn answer(&self) -> Response {
        let missing = self.missing().await;
        let details = self.details.as_ref().map(|details| details());
        if missing.is_empty() {
            return details.map_or_else(|| "OK".into_response(), |told| Json(told).into_response());
        }
        let mut told = details.unwrap_or_default();
        told.insert("missing".to_owned(), json!(missing));
        (StatusCode::SERVICE_UNAVAILABLE, Json(told)).into_response()
    }

    async fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.stopping.is_cancelled() {
            missing.push("running: the process is shutting down");
        }
        if !self.bus.is_ready() {
            missing.push("message bus");
        }
        if !matches!(tokio::time::timeout(DATABASE_TIMEOUT, self.database.ping()).await, Ok(Ok(())))
        {
            missing.push("database");
        }
        missing
    }
}
