//! The heartbeat: the worker is alive, whatever its storage does.
//!
//! It is not part of the report, because a worker whose storage hangs or has burned lives all the same, and is needed to
//! leave it.

use crate::identity::Identity;
use crate::position::FollowedEpoch;
use database::{Database, DbError, services};
use process::log_levels;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The heartbeat of a worker.
pub(crate) struct Heartbeat {
    pub database: Database,
    pub identity: Arc<Identity>,
    pub position: Arc<FollowedEpoch>,
    pub interval: Duration,
}

impl Heartbeat {
    /// Records regularly that the worker is alive until the process stops, and then that it is not.
    pub async fn beat(&self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            let epoch = self.position.epoch();
            if let Err(error) = self.confirm_alive().await {
                tracing::warn!(%error, "the heartbeat was not recorded");
            }
            tokio::select! {
                () = stopping.cancelled() => {}
                () = self.position.left(epoch) => {}
                () = tokio::time::sleep(self.interval) => {}
            }
        }
        if let Err(error) = services::record_stop(&self.database, &self.identity.service).await {
            tracing::warn!(%error, "the stop was not recorded");
        }
    }

    /// Records that the worker is alive, and the epoch on whose side it works.
    pub async fn confirm_alive(&self) -> Result<(), DbError> {
        let epoch = self.position.epoch();
        let log_levels = log_levels::current();
        services::heartbeat(&self.database, &self.identity.service, &log_levels, Some(epoch)).await
    }
}
