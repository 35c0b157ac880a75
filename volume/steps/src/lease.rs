//! Leases: how long a claim is exclusive.

use database::operation_log::{self, ClaimedOperation};
use database::{Database, DbError};
use model::BackendId;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// The leases of a worker.
pub struct Leases {
    /// Where leases are recorded.
    pub database: Database,
    /// The backend whose operations it executes; `None` for those of backup services.
    pub backend_id: Option<BackendId>,
    /// Its name in the operation log.
    pub owner: String,
    /// The beginning of that name for all that share the machine's lock.
    pub machine: String,
    /// How long a claim is exclusive without renewal.
    pub duration: Duration,
}

impl Leases {
    /// Renews the lease for as long as that succeeds; returns when the operation may be another worker's.
    pub async fn until_lost(&self, claimed: &ClaimedOperation) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.duration / 3).await;
            let asked = Instant::now();
            let renewal =
                operation_log::renew(&self.database, claimed.id, claimed.fence, self.duration);
            // before the lease has run out, the operation must have stopped
            let give_up = renewed + self.duration * 5 / 6;
            if give_up <= asked {
                return cannot_be_renewed(&"this worker was held up for longer than it lasts");
            }
            let Ok(answer) = tokio::time::timeout_at(give_up.into(), renewal).await else {
                return cannot_be_renewed(&"the database did not answer in time");
            };
            match answer {
                Ok(true) => renewed = asked,
                Ok(false) => return,
                Err(error) if renewed.elapsed() + self.duration / 3 > self.duration => {
                    return cannot_be_renewed(&error);
                }
                Err(error) => tracing::debug!(%error, "the lease was not renewed"),
            }
        }
    }

    /// Frees what earlier processes on this machine left claimed. Only the holder of the machine's lock knows that
    /// they are dead.
    pub async fn expire_those_of_the_dead(&self) {
        match self.expire(&self.machine).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "took over the operations of an earlier process"),
            Err(error) => {
                tracing::warn!(%error, "operations of an earlier process wait for their leases");
            }
        }
    }

    /// Frees what this worker has not finished, for the next one.
    pub async fn expire_own(&self) {
        match self.expire(&self.owner).await {
            Ok(count) => tracing::info!(count, "handed over unfinished operations"),
            Err(error) => tracing::warn!(%error, "unfinished operations wait for their leases"),
        }
    }

    async fn expire(&self, owner_prefix: &str) -> Result<u64, DbError> {
        operation_log::expire_leases(&self.database, self.backend_id, owner_prefix).await
    }
}

fn cannot_be_renewed(error: &dyn Display) {
    tracing::warn!(%error, "the lease cannot be renewed");
}
