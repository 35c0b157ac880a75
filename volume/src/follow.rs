//! Follow: the driver works on the active side of its backend, and on no other.
//!
//! A worker starts without an epoch and checks periodically, and at once when it receives `failover_completed`, has
//! ended ([`crate::failover_end`]). Until it follows the backend's present epoch, it claims nothing but failovers and
//! opens no data path; so one that cannot reach the active side, because it has burned, is there to leave it.

mod decision;

use crate::data_paths::DataPaths;
use crate::heartbeat::Heartbeat;
use crate::identity::Identity;
use crate::position::FollowedEpoch;
use database::backends::{self, ActiveSide};
use database::{Database, volumes};
use decision::Decision;
use driver::{Driver, LatestProgress};
use model::{ReplicationProgress, Side};
use std::sync::Arc;
use std::time::Duration;
use steps::step::StepError;
use steps::tick;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// How long one attempt may take: storage that hangs must not prevent the worker from switching to another side.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Keeps a worker's driver on the active side.
pub(crate) struct Follow {
    pub database: Database,
    pub identity: Arc<Identity>,
    pub driver: Arc<dyn Driver>,
    pub position: Arc<FollowedEpoch>,
    pub data_paths: Arc<DataPaths>,
    pub heartbeat: Arc<Heartbeat>,
    pub progress: Arc<LatestProgress>,
    pub interval: Duration,
    /// `true` once a failover was in progress. Locked by the attempt that changes the position.
    pub saw_failover: Mutex<bool>,
}

impl Follow {
    /// Looks regularly until the process stops.
    pub async fn follow_regularly(&self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            self.follow().await;
            tokio::select! {
                () = stopping.cancelled() => {}
                () = tick::next(self.interval) => {}
            }
        }
    }

    /// Follows the backend to its active side, if the driver does not work there already.
    pub async fn follow(&self) {
        let attempt = tokio::time::timeout(TIMEOUT, self.try_to_follow()).await;
        let late = |_| Err(StepError::failed("the storage does not answer"));
        match attempt.unwrap_or_else(late) {
            Ok(true) => self.data_paths.restore().await,
            Ok(false) => {}
            Err(error) => {
                let backend = &self.identity.backend_name;
                tracing::error!(backend.name = backend, %error, "cannot follow the active side; trying again");
            }
        }
    }

    /// `true` when the driver works on another side now, or on any at all.
    async fn try_to_follow(&self) -> Result<bool, StepError> {
        let mut saw_failover = self.saw_failover.lock().await;
        let serving = self.position.serving().await?;
        let decision = decision::decide(&serving, self.position.epoch(), *saw_failover);
        match decision {
            Decision::Stay => return Ok(false),
            Decision::WaitForFailover => {
                *saw_failover = true;
                return Ok(false);
            }
            Decision::Start => {
                self.check_storage(&serving).await?;
                self.driver.start(&serving.active, serving.epoch).await?;
            }
            Decision::CompleteFailover => {
                self.check_storage(&serving).await?;
                fail::fail_point!("volume.follow", |_| Err(StepError::failed("volume.follow")));
                self.complete_failover(&serving).await?;
            }
        }
        self.bind_storage(&serving).await?;
        if serving.promoted {
            self.promoted().await?;
        }
        self.progress.set(ReplicationProgress::default());
        self.position.set(serving.epoch);
        self.heartbeat.confirm_alive().await?;
        let backend = &self.identity.backend_name;
        tracing::info!(backend.name = backend, side = %serving.active, "serving");
        Ok(true)
    }

    /// A driver without replication knows one side, and starts on it.
    async fn complete_failover(&self, serving: &ActiveSide) -> Result<(), StepError> {
        let (active, epoch) = (&serving.active, serving.epoch);
        match self.driver.replication() {
            Some(replication) => replication.failover_completed(active, epoch).await?,
            None => self.driver.start(active, epoch).await?,
        }
        Ok(())
    }

    async fn promoted(&self) -> Result<(), StepError> {
        let Some(replication) = self.driver.replication() else { return Ok(()) };
        let volumes = volumes::of_backend(&self.database, self.identity.backend_id).await?;
        Ok(replication.promoted(&volumes).await?)
    }

    /// Refuses a storage that does not hold the backend's volumes: an array that was promoted away, or one that is new
    /// where another one has burned.
    async fn check_storage(&self, serving: &ActiveSide) -> Result<(), StepError> {
        let Some(recorded) = &serving.storage_id else { return Ok(()) };
        match self.storage_id(&serving.active).await? {
            Some(found) if found != *recorded => Err(other_storage(&serving.active, &found)),
            Some(_) | None => Ok(()),
        }
    }

    /// Records the storage of a replicated backend's first side.
    async fn bind_storage(&self, serving: &ActiveSide) -> Result<(), StepError> {
        if serving.storage_id.is_some() {
            return Ok(());
        }
        let Some(found) = self.storage_id(&serving.active).await? else { return Ok(()) };
        if backends::bind_storage(&self.database, self.identity.backend_id, &found).await? {
            return Ok(());
        }
        Err(other_storage(&serving.active, &found))
    }

    /// The storage of a side; `None` for a backend without targets, which may move its storage as it likes.
    async fn storage_id(&self, side: &Side) -> Result<Option<String>, StepError> {
        match self.driver.replication().filter(|_| self.identity.has_targets) {
            Some(replication) => Ok(replication.storage_id(side).await?),
            None => Ok(None),
        }
    }
}

fn other_storage(side: &Side, found: &str) -> StepError {
    StepError::failed(format!(
        "the storage of side {side} ({found}) is not the one that the backend's volumes are on: correct the \
         configuration, bring that storage back, or fail over"
    ))
}
