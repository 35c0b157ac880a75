//! The jobs and nodes of a storage daemon: how far a copy is, and how things end that an earlier worker may have begun.

use crate::block_nodes::has_node;
use crate::copy_progress::CopyProgress;
use crate::qmp::{Qmp, QmpError};
use crate::storage_daemon::StorageDaemon;
use driver::DriverError;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often a copy is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How often it is looked whether a job that was cancelled has ended.
const CANCEL_INTERVAL: Duration = Duration::from_millis(20);
/// How long a job that was cancelled may take to end.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

async fn find(session: &mut Qmp, name: &str) -> Result<Option<Value>, QmpError> {
    let jobs = session.execute("query-jobs", json!({})).await?;
    let mut jobs = jobs.as_array().into_iter().flatten();
    Ok(jobs.find(|job| job["id"] == name).cloned())
}

/// Waits until a mirror has copied everything, and completes it. `beside` is a job that must go on as long as this one does.
pub(crate) async fn complete_copy(
    daemon: &StorageDaemon,
    name: &str,
    beside: Option<&str>,
) -> Result<(), DriverError> {
    let mut progress = CopyProgress::default();
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let mut session = daemon.session().await?;
        if let Some(beside) = beside {
            require_running(&mut session, beside).await?;
        }
        let Some(job) = find(&mut session, name).await? else {
            return Err(DriverError::failed("the copy was cancelled"));
        };
        progress.total = job["total-progress"].as_u64().unwrap_or_default();
        progress.log(job["current-progress"].as_u64().unwrap_or_default());
        match job["status"].as_str() {
            // it is in sync, and would stay so
            Some("ready") => {
                session.execute("job-complete", json!({ "id": name })).await?;
            }
            Some("concluded") => {
                let error = job["error"].as_str().map(str::to_owned);
                session.execute("job-dismiss", json!({ "id": name })).await?;
                return error.map_or(Ok(()), |error| Err(DriverError::failed(error)));
            }
            _ => {}
        }
    }
}

async fn require_running(session: &mut Qmp, name: &str) -> Result<(), DriverError> {
    let job = find(session, name).await?;
    let job = job.ok_or_else(|| DriverError::failed("the copy was cancelled"))?;
    match job["error"].as_str() {
        Some(error) => Err(DriverError::failed(error)),
        None => Ok(()),
    }
}

/// Ends a job, whoever began it. Whoever waits for it is told that it was cancelled.
pub(crate) async fn end_job(session: &mut Qmp, name: &str) -> Result<(), DriverError> {
    let began = Instant::now();
    while let Some(job) = find(session, name).await? {
        // one whose storage hangs does not end
        if began.elapsed() > CANCEL_TIMEOUT {
            return Err(DriverError::Transient("a copy does not end".to_owned()));
        }
        let end = if job["status"] == "concluded" { "job-dismiss" } else { "job-cancel" };
        // it may end by itself meanwhile
        let _ = session.execute(end, json!({ "id": name })).await;
        tokio::time::sleep(CANCEL_INTERVAL).await;
    }
    Ok(())
}

/// Closes a node; that there is none is fine.
pub(crate) async fn close_node(session: &mut Qmp, name: &str) -> Result<(), QmpError> {
    if has_node(session, name).await? {
        session.execute("blockdev-del", json!({ "node-name": name })).await?;
    }
    Ok(())
}
