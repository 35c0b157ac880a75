//! `backend failover`: what may be lost is said, and accepted, before anything happens; and what it came to, afterwards.

use crate::ages::{Age, ago};
use crate::find_backend::find_backend;
use crate::session::Session;
use crate::submit_operation::submit;
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use database::operation_log::{self, OperationResult};
use database::protection::{NotInSync, Protection};
use database::{BackendLooks, backends};
use model::{
    AcceptedLoss, Backend, BackendId, FailoverReport, OperationId, ReplicaState, ReplicationMode,
    Side,
};
use operation::FailoverBackend;
use serde_json::json;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use time::format_description::well_known::Rfc3339;

/// How often the state of a failover is read.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long replicas that are not in sync may take to be so.
const SYNC_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub struct Arguments {
    /// The backend, host@name, as shown by `backend list`
    name: String,
    /// The replication target; 'default' for the primary
    #[arg(long)]
    to: Option<String>,
    /// Accept data loss: also serve replicas that may lack acknowledged writes, if they are not older than --max-age; with
    /// the active target: the volumes that the last failover did not make available
    #[arg(long, requires = "max_age")]
    accept_data_loss: bool,
    /// The oldest replica to serve with --accept-data-loss, by when it last had every acknowledged write: for instance 90s, 15m,
    /// 2h; 'any' for all, however old they are
    #[arg(long, value_name = "AGE", requires = "accept_data_loss")]
    max_age: Option<Age>,
    /// Fail over although not every volume comes with it. Those that do not are in error, lose nothing, and can be failed over
    /// or back later
    #[arg(long)]
    leave_behind: bool,
    /// Do not wait for the end of the failover
    #[arg(long)]
    no_wait: bool,
}

/// Fails a backend over, and shows what came of it.
pub async fn run(session: &Session, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let backend = find_backend(session, &arguments.name).await?;
    let target = target(&backend, arguments.to.as_deref())?;
    let protection = session.database.protection(backend.id).await?;
    let accepted_loss = arguments.max_age.map(|age| match age {
        Age::Any => AcceptedLoss::Any,
        Age::AtMost(age) => AcceptedLoss::Since(protection.asked_at - age),
    });
    if target.is_primary() && matches!(accepted_loss, Some(AcceptedLoss::Since(_))) {
        bail!(
            "how old the copies on the primary are is not known: use --max-age any to serve them as they are"
        );
    }
    let leave_behind = arguments.leave_behind;
    // what is brought over to another side loses nothing, or does not happen
    if leads_to_replicas(&backend, &target) && !leave_behind && !is_asynchronous(&backend) {
        require_all(session, &backend, accepted_loss).await?;
    }
    if let Some(AcceptedLoss::Since(earliest)) = accepted_loss {
        let earliest = earliest.format(&Rfc3339)?;
        session
            .output
            .say(&format!("replicas that were in sync at {earliest} or later are served"))?;
    }
    let operation = FailoverBackend {
        backend_id: backend.id,
        target: target.clone(),
        accepted_loss,
        leave_behind,
    };
    let (id, _) = submit(session, operation).await?;
    session.output.say(&format!("{} fails over to {target} (operation {id})", backend.name))?;
    if arguments.no_wait {
        return Ok(ExitCode::SUCCESS);
    }
    let report = wait(session, backend.id, id).await?;
    show(session, backend.id, &report, began.elapsed()).await?;
    Ok(if report.failed == 0 || leave_behind { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// Whether the backend serves from its primary, and its replicas are on the target.
fn leads_to_replicas(backend: &Backend, target: &Side) -> bool {
    let first = backend.report.as_ref().and_then(|report| report.replication_targets.first());
    backend.active.is_primary() && target.target() == first.map(String::as_str)
}

/// Whether replicas are never known to have everything, and everything is brought over while the primary lives.
fn is_asynchronous(backend: &Backend) -> bool {
    let mode = backend.report.as_ref().and_then(|report| report.replication_mode);
    mode == Some(ReplicationMode::Asynchronous)
}

fn target(backend: &Backend, named: Option<&str>) -> anyhow::Result<Side> {
    let next = || backend.next_target();
    let target = named.map(Side::named).or_else(next);
    target.context("the backend has no replication target to fail over to")
}

/// Fails, and lists them, when there are replicas that may lack acknowledged writes and are not accepted as they are. Those of volumes
/// that were just made have a moment to come to be in sync.
async fn require_all(
    session: &Session,
    backend: &Backend,
    accepted: Option<AcceptedLoss>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let protection = session.database.protection(backend.id).await?;
        let refused = refused(&protection, accepted);
        if refused.is_empty() {
            return Ok(());
        }
        if began.elapsed() > SYNC_TIMEOUT {
            bail!(
                "the replicas of these volumes may lack acknowledged writes:\n  {}\n\
                 use --leave-behind to fail over without them, or --accept-data-loss with --max-age to serve them as they are",
                refused.join("\n  ")
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A line for each replica that may lack acknowledged writes and is not accepted as it is. Where nobody has looked since the primary is
/// gone, those that were in sync at the last look may be so still: that is known on the target.
fn refused(protection: &Protection, accepted: Option<AcceptedLoss>) -> Vec<String> {
    let is_accepted = |one: &NotInSync| accepted.is_some_and(|accepted| accepted.covers(one.as_of));
    let was_in_sync =
        |one: &NotInSync| one.state == ReplicaState::InSync && one.as_of == protection.looked_at;
    let is_refused = |one: &&NotInSync| !is_accepted(one) && !was_in_sync(one);
    let refused = protection.not_in_sync.iter().filter(is_refused);
    let mut lines: Vec<_> = refused.map(|one| line(one, protection)).collect();
    let others = protection.not_in_sync_count().saturating_sub(protection.not_in_sync.len());
    if others > 0 && !lines.is_empty() {
        lines.push(format!("and up to {others} more"));
    }
    lines
}

fn line(one: &NotInSync, protection: &Protection) -> String {
    let age = match one.as_of {
        Some(as_of) => format!("in sync {}", ago(protection.asked_at - as_of)),
        None => "not known to have been in sync".to_owned(),
    };
    let name = one.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    format!("{}{name}: {}, {age}", one.id, one.state)
}

async fn wait(
    session: &Session,
    backend: BackendId,
    id: OperationId,
) -> anyhow::Result<FailoverReport> {
    let mut told = String::new();
    loop {
        if let Some(OperationResult { error, result }) =
            operation_log::ended(&session.database, id).await?
        {
            ensure!(error.is_none(), "the failover failed: {}", error.unwrap_or_default());
            let report = result.context("the failover has no report")?;
            return serde_json::from_value(report).context("the failover's report");
        }
        tell_progress(session, backend, &mut told).await?;
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Says how many volumes are on the other side, when that has changed.
async fn tell_progress(
    session: &Session,
    backend: BackendId,
    told: &mut String,
) -> anyhow::Result<()> {
    let known = backends::list(&session.database).await?;
    let report = known.into_iter().find(|one| one.id == backend).and_then(|one| one.report);
    // what was looked at before the failover is not its progress
    let progress = report.map(|report| report.replication).filter(|one| one.looked_at.is_none());
    let Some(progress) = progress.filter(|progress| progress.out_of_sync_count > 0) else {
        return Ok(());
    };
    let now = format!(
        "{} of {} volumes are in sync; {} MiB to go",
        progress.in_sync,
        progress.total,
        progress.out_of_sync_bytes >> 20
    );
    if now != *told {
        session.output.say(&now)?;
        *told = now;
    }
    Ok(())
}

async fn show(
    session: &Session,
    backend: BackendId,
    report: &FailoverReport,
    took: Duration,
) -> anyhow::Result<()> {
    let serving = BackendLooks::new(session.database.clone()).serving(backend).await?;
    let side = serving.active.to_string();
    let seconds = took.as_secs_f64();
    let mut shown = json!(report);
    shown["active_side"] = json!(side);
    shown["seconds"] = json!(seconds);
    session.output.rows(
        &[shown],
        &["ACTIVE SIDE", "FAILED OVER", "FAILED", "NOT REPLICATED", "MAY LACK WRITES", "SECONDS"],
        |_| {
            vec![
                side.clone(),
                report.failed_over.to_string(),
                report.failed.to_string(),
                report.not_replicated.to_string(),
                report.may_lack_writes.to_string(),
                format!("{seconds:.2}"),
            ]
        },
    )?;
    for phase in &report.phases {
        session.output.say(&format!("{:7.2} s  {}", phase.seconds, phase.phase))?;
    }
    match (report.may_lack_writes, report.oldest_as_of) {
        (0, _) => Ok(()),
        (_, Some(oldest)) => {
            session.output.say(&format!("the oldest is as of {}", oldest.format(&Rfc3339)?))
        }
        (_, None) => session.output.say("how old the oldest is, is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::VolumeId;
    use time::macros::datetime;
    use uuid::Uuid;

    #[test]
    fn what_was_in_sync_when_the_primary_was_lost_is_not_held_against_the_failover() {
        let looked_at = datetime!(2026-01-01 12:00 UTC);
        let replica = |number, state, as_of| NotInSync {
            id: VolumeId(Uuid::from_u128(number)),
            name: None,
            state,
            as_of,
        };
        let earlier = looked_at - Duration::from_secs(60);
        let protection = Protection {
            asked_at: looked_at + Duration::from_secs(600),
            looked_at: Some(looked_at),
            replicated: 5,
            not_replicated: 0,
            in_sync: 0,
            unprotected: 1,
            without_data: 0,
            not_in_sync: vec![
                replica(1, ReplicaState::Unprotected, None),
                replica(2, ReplicaState::OutOfSync, Some(earlier)),
                // a copy has kept it from being looked at
                replica(3, ReplicaState::InSync, Some(earlier)),
                replica(4, ReplicaState::InSync, Some(looked_at)),
            ],
        };
        let named = |accepted| {
            let lines = refused(&protection, accepted);
            let ids = lines.iter().filter_map(|line| line.split(':').next()?.parse::<Uuid>().ok());
            ids.map(|id| id.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(named(None), [1, 2, 3]);
        assert_eq!(named(Some(AcceptedLoss::Since(earlier))), [1]);
        assert!(named(Some(AcceptedLoss::Any)).is_empty());
        assert_eq!(refused(&protection, None).last().unwrap(), "and up to 1 more");
    }
}
