//! The heartbeat: the service is alive, and reaches these backends.

use crate::reached::Reached;
use database::services::{self, ServiceRegistration};
use database::{Database, DbError};
use process::log_levels;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The heartbeat of a backup service.
pub(crate) struct Heartbeat {
    pub database: Database,
    pub service: ServiceRegistration,
    pub reached: Arc<Reached>,
    pub interval: Duration,
}

impl Heartbeat {
    /// Records regularly that the service is alive until the process stops, and then that it is not.
    pub async fn beat(&self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            if let Err(error) = self.confirm_alive().await {
                tracing::warn!(%error, "the heartbeat was not recorded");
            }
            tokio::select! {
                () = stopping.cancelled() => {}
                () = tokio::time::sleep(self.interval) => {}
            }
        }
        if let Err(error) = services::record_stop(&self.database, &self.service).await {
            tracing::warn!(%error, "the stop was not recorded");
        }
    }

    /// Records that the service is alive. A backend is reached once its worker has made it known.
    pub async fn confirm_alive(&self) -> Result<(), DbError> {
        let reached = self.reached.look(&self.database).await?;
        let service = ServiceRegistration { reached, ..self.service.clone() };
        services::heartbeat(&self.database, &service, &log_levels::current(), None).await
    }
}
