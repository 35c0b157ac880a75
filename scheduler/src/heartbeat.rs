//! The scheduler's heartbeat in the service list.

use configuration::Config;
use database::Database;
use database::services::{self, ServiceRegistration};
use model::Binary;
use process::log_levels;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Reports regularly that this scheduler is alive, and once that it is not.
pub(crate) async fn beat(config: &Config, database: &Database, stopping: CancellationToken) {
    let service = ServiceRegistration {
        binary: Binary::Scheduler,
        host: config.services.host.clone(),
        backend_id: None,
        reached: Vec::new(),
        availability_zone: config.services.availability_zone.clone(),
        boot_id: Uuid::new_v4(),
    };
    while !stopping.is_cancelled() {
        if let Err(error) =
            services::heartbeat(database, &service, &log_levels::current(), None).await
        {
            tracing::warn!(%error, "the heartbeat was not recorded");
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(config.services.heartbeat()) => {}
        }
    }
    if let Err(error) = services::record_stop(database, &service).await {
        tracing::warn!(%error, "the stop was not recorded");
    }
}
