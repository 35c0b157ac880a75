//! After a crash: who takes over, when, and what then becomes of an operation.

use crate::worker::Worker;
use configuration::Config;
use database::attachments::{self, Exported};
use database::operation_log::{self, ClaimedOperation};
use operation::contract::{AfterCrash, Runs};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::sync::atomic::Ordering;

/// An operation that outlived so many workers is not given to another one.
const ATTEMPTS: i32 = 5;

/// The beginning of the name of every worker of the backend on this machine.
pub(crate) fn owner_prefix(config: &Config, backend_name: &str) -> String {
    format!("{backend_name}/{}/", config.volume.state_directory.display())
}

/// Takes the machine's lock on the backend. `None` when another process has it: then the two share the
/// backend, and neither may assume that the other is dead.
pub(crate) fn lock_out_others(config: &Config, name: &str) -> std::io::Result<Option<File>> {
    std::fs::create_dir_all(&config.volume.state_directory)?;
    let lock = File::create(config.state_file(name))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Frees what earlier processes on this machine left claimed. Only the holder of the lock knows that
/// they are dead.
pub(crate) async fn expire_leases_of_the_dead(worker: &Worker) {
    let prefix = owner_prefix(&worker.config, &worker.backend_name);
    match operation_log::expire_leases(&worker.database, worker.backend_id, &prefix).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "took over the operations of an earlier process"),
        Err(error) => {
            tracing::warn!(%error, "operations of an earlier process wait for their leases")
        }
    }
}

/// Opens the data paths again that servers were told of, unless the side that the driver works on may not
/// serve: a server that reconnects during a failover would write where nobody looks afterwards.
pub(crate) async fn restore_exports(worker: &Worker) {
    // until it is known that there are none
    worker.exports_missing.store(true, Ordering::Relaxed);
    match worker.may_serve().await {
        Ok(true) => {}
        Ok(false) => return tracing::info!("no data path is restored before the failover is over"),
        Err(error) => return tracing::error!(%error, "data paths are not restored"),
    }
    let exported = match attachments::exported(&worker.database, worker.backend_id).await {
        Ok(exported) => exported,
        Err(error) => return tracing::error!(%error, "data paths are not restored"),
    };
    let mut all = true;
    for Exported { volume, mode } in exported {
        // a failover may have begun since
        if !matches!(worker.may_serve().await, Ok(true)) {
            return;
        }
        match worker.driver.restore_export(&volume, mode).await {
            Ok(()) => tracing::info!(volume.id = %volume.id, "data path restored"),
            Err(error) => {
                all = false;
                tracing::error!(volume.id = %volume.id, %error, "a data path is not restored");
            }
        }
    }
    worker.exports_missing.store(!all, Ordering::Relaxed);
}

/// What is to be done with a claimed operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Execute it, for the first time or again.
    Execute,
    /// End it as failed, for this reason.
    Fail(&'static str),
}

/// Decides by the contract and by how often it was tried.
pub(crate) fn decide(claimed: &ClaimedOperation) -> Decision {
    match claimed.operation.kind().runs() {
        Runs::InAdmission => Decision::Fail("it is no operation for a backend"),
        Runs::OnBackend(_) if claimed.attempts <= 1 => Decision::Execute,
        Runs::OnBackend(_) if claimed.attempts > ATTEMPTS => {
            Decision::Fail("too many workers ended while they executed it")
        }
        Runs::OnBackend(AfterCrash::Rerun) => Decision::Execute,
        Runs::OnBackend(AfterCrash::Fail) => {
            Decision::Fail("its worker ended while it executed it")
        }
    }
}
