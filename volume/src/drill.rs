//! Drill: copies of a backend's replicas are made on a target when an operator asks for them, and removed when the drill ends.

use crate::identity::Identity;
use crate::position::FollowedEpoch;
use database::Database;
use database::drills::{Drill, DrillOutcome};
use driver::{Driver, DriverError, Replication};
use model::ReplicatedVolume;
use std::sync::Arc;
use std::time::Duration;
use steps::step::StepError;
use steps::tick;
use tokio_util::sync::CancellationToken;

/// Sees to the drills of a backend. It shares nothing with what executes operations, and keeps none of them waiting.
pub(crate) struct Drills {
    pub database: Database,
    pub identity: Arc<Identity>,
    pub driver: Arc<dyn Driver>,
    pub position: Arc<FollowedEpoch>,
    /// The pause between two looks.
    pub interval: Duration,
}

impl Drills {
    /// Looks regularly until the process stops; returns at once for a driver that does not replicate.
    pub async fn drill_regularly(&self, stopping: &CancellationToken) {
        let Some(replication) = self.driver.replication() else { return };
        let drill = async {
            loop {
                tick::next(self.interval).await;
                if let Err(error) = self.drill(replication).await {
                    let backend = &self.identity.backend_name;
                    tracing::warn!(backend.name = backend, %error, "a drill does not go on");
                }
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = drill => {}
        }
    }

    async fn drill(&self, replication: &dyn Replication) -> Result<(), StepError> {
        let (backend, worker) = (self.identity.backend_id, &self.identity.service.host);
        match self.database.drill_for(backend, worker).await? {
            None => Ok(()),
            Some(drill) if drill.ends => self.end(replication, &drill).await,
            Some(drill) => self.go_on(replication, &drill).await,
        }
    }

    /// Copies what is due, and keeps what was copied open.
    async fn go_on(&self, replication: &dyn Replication, drill: &Drill) -> Result<(), StepError> {
        let backend = self.identity.backend_id;
        let copied = self.database.drill_copies(backend).await?;
        replication.restore_copies(&drill.target, &copied).await?;
        loop {
            let due = self.database.due_drill_copies(backend).await?;
            if due.is_empty() {
                return Ok(());
            }
            for volume in due {
                if !self.position.may_serve().await?
                    || !self.copy(replication, drill, &volume).await?
                {
                    return Ok(());
                }
            }
        }
    }

    /// Copies a replica, and records what came of it; `false` when that is not wanted any more.
    async fn copy(
        &self,
        replication: &dyn Replication,
        drill: &Drill,
        volume: &ReplicatedVolume,
    ) -> Result<bool, StepError> {
        let (backend, id) = (self.identity.backend_id, volume.id);
        if !self.database.record_drill_copy(backend, drill.id, id, None).await? {
            return Ok(false);
        }
        let epoch = self.position.epoch();
        let copied = tokio::select! {
            copied = replication.copy_replica(&drill.target, volume) => copied,
            () = self.position.left(epoch) => {
                replication.remove_copies(&drill.target, &[id]).await?;
                return Ok(false);
            }
        };
        let outcome = match copied {
            Ok(Some(copy)) => {
                DrillOutcome::Copied { connection: copy.connection, copying: copy.copying }
            }
            Ok(None) => DrillOutcome::NotInSync,
            Err(DriverError::Failed(reason)) => DrillOutcome::Failed(reason),
            Err(later) => return Err(later.into()),
        };
        fail::fail_point!("volume.drilled", |_| std::process::abort());
        let recorded = self.database.record_drill_copy(backend, drill.id, id, Some(&outcome)).await;
        // nobody would know of it
        if !matches!(recorded, Ok(true)) {
            replication.remove_copies(&drill.target, &[id]).await?;
        }
        Ok(recorded?)
    }

    async fn end(&self, replication: &dyn Replication, drill: &Drill) -> Result<(), StepError> {
        let backend = self.identity.backend_id;
        let copies = self.database.drill_copies(backend).await?;
        replication.remove_copies(&drill.target, &copies).await?;
        Ok(self.database.record_drill_end(backend, drill.id).await?)
    }
}
