//! The data paths that servers were told of are open, also after the process that carries them has died.

use crate::position::FollowedEpoch;
use database::Database;
use database::attachments::{self, Exported};
use driver::{Driver, Exports};
use model::BackendId;
use std::sync::Arc;
use steps::step::StepError;
use tokio::sync::Mutex;

/// The data paths of a backend.
pub(crate) struct DataPaths {
    database: Database,
    backend_id: BackendId,
    driver: Arc<dyn Driver>,
    position: Arc<FollowedEpoch>,
    /// Whether exports must be restored; locked while they are.
    missing: Mutex<bool>,
}

impl DataPaths {
    pub fn new(
        database: Database,
        backend_id: BackendId,
        driver: Arc<dyn Driver>,
        position: Arc<FollowedEpoch>,
    ) -> Self {
        Self { database, backend_id, driver, position, missing: Mutex::default() }
    }

    /// Starts what carries the data paths, unless it runs, and opens them again if it was started, or if that has
    /// failed before.
    pub async fn ensure(&self) -> Result<(), StepError> {
        let Some(exports) = self.driver.exports() else { return Ok(()) };
        if exports.ensure_data_plane().await? {
            self.restore().await;
        } else if let Ok(mut missing) = self.missing.try_lock()
            && *missing
        {
            self.restore_missing(exports, &mut missing).await;
        }
        Ok(())
    }

    /// Opens the data paths again that servers were told of, unless the side that the driver works on may not serve:
    /// a server that reconnects during a failover would write where nobody looks afterwards.
    pub async fn restore(&self) {
        let Some(exports) = self.driver.exports() else { return };
        let mut missing = self.missing.lock().await;
        self.restore_missing(exports, &mut missing).await;
    }

    async fn restore_missing(&self, exports: &dyn Exports, missing: &mut bool) {
        // until all exports are restored
        *missing = true;
        match self.position.may_serve().await {
            Ok(true) => {}
            Ok(false) => {
                return tracing::info!("no data path is restored before the failover is over");
            }
            Err(error) => return tracing::error!(%error, "data paths are not restored"),
        }
        match attachments::exported(&self.database, self.backend_id).await {
            Ok(exported) => *missing = !self.restore_each(exports, exported).await,
            Err(error) => tracing::error!(%error, "data paths are not restored"),
        }
    }

    /// `true` when all are restored.
    async fn restore_each(&self, exports: &dyn Exports, exported: Vec<Exported>) -> bool {
        let mut all = true;
        for Exported { volume, mode } in exported {
            // a failover may have begun since
            if !matches!(self.position.may_serve().await, Ok(true)) {
                return false;
            }
            match exports.restore_export(&volume, mode).await {
                Ok(()) => tracing::info!(volume.id = %volume.id, "data path restored"),
                Err(error) => {
                    all = false;
                    tracing::error!(volume.id = %volume.id, %error, "a data path is not restored");
                }
            }
        }
        all
    }
}
