//! What the schedulers know of the backends: a copy of the database's rows, refreshed every second and
//! by every report, so that choosing a place costs no query. The gate does not rely on it.

use bus::serve::Receive;
use bus::{Context, FanOut};
use database::{Database, DbError, backends};
use model::{Backend, Error, Placement, Result};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// The backends as they were a moment ago.
pub(crate) struct BackendReports {
    database: Database,
    known: RwLock<Vec<Backend>>,
}

impl BackendReports {
    /// Reads the backends for the first time.
    pub async fn load(database: Database) -> Result<Self, DbError> {
        let known = RwLock::new(backends::list(&database).await?);
        Ok(Self { database, known })
    }

    /// The backends as they were a moment ago.
    pub fn recent(&self) -> Vec<Backend> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The backends as they are now.
    pub async fn fresh(&self) -> Result<Vec<Backend>, DbError> {
        let fresh = backends::list(&self.database).await?;
        self.change(|known| known.clone_from(&fresh));
        Ok(fresh)
    }

    /// Counts something new in, until the next refresh finds it in the database.
    pub fn promise(&self, place: &Placement, size_gb: i32) {
        self.change(|known| {
            if let Some(backend) = known.iter_mut().find(|backend| backend.id == place.backend_id) {
                *backend.promised_gb.entry(place.pool.clone()).or_default() += f64::from(size_gb);
            }
        });
    }

    /// Refreshes the copy every second until the process stops.
    pub async fn refresh_regularly(&self, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(REFRESH_EVERY) => {}
            }
            if let Err(error) = self.fresh().await {
                tracing::warn!(%error, "the backends were not read again");
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Backend>)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Receive for BackendReports {
    type Message = FanOut;
    type Reply = ();

    async fn receive(self: &Arc<Self>, _context: Context, message: FanOut) -> Result<(), Error> {
        match message {
            FanOut::BackendReport { backend: name, report } => self.change(|known| {
                if let Some(backend) = known.iter_mut().find(|backend| backend.name == name) {
                    backend.report = Some(report);
                }
            }),
            // for others, and for the process's own receiver
            FanOut::FailoverCompleted { .. } | FanOut::SetLogLevel(_) => {}
        }
        Ok(())
    }
}
