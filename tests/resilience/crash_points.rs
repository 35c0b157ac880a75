//! Every operation of a backend, crashed at every crash point, on real files.

use common::operation::OperationKind;
use common::operation::contract::Runs;
use harness::{Client, Cluster, ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

/// Where a process can be made to die: which process, and the name of the point.
#[derive(Clone, Copy, Debug)]
enum CrashPoint {
    /// The admission is committed, nobody knows yet.
    SchedulerAdmitted,
    /// The worker has claimed the operation and done nothing.
    VolumeClaimed,
    /// The driver has done its work, and that is not recorded.
    VolumeExecuted,
}

impl CrashPoint {
    const ALL: [Self; 3] = [Self::SchedulerAdmitted, Self::VolumeClaimed, Self::VolumeExecuted];

    const fn name(self) -> &'static str {
        match self {
            Self::SchedulerAdmitted => "scheduler.admitted",
            Self::VolumeClaimed => "volume.claimed",
            Self::VolumeExecuted => "volume.executed",
        }
    }
}

/// Starts the process again so that it dies at the point.
async fn arm(cluster: &mut Cluster, point: CrashPoint) -> anyhow::Result<()> {
    let armed = format!("{}=return", point.name());
    let environment = [("FAILPOINTS", armed.as_str())];
    match point {
        CrashPoint::SchedulerAdmitted => {
            cluster.schedulers.clear();
            cluster.add_scheduler(&environment).await
        }
        CrashPoint::VolumeClaimed | CrashPoint::VolumeExecuted => {
            cluster.workers.clear();
            cluster.add_worker(&environment).await
        }
    }
}

/// Waits until the process has died, and starts it as usual.
async fn replace(cluster: &mut Cluster, point: CrashPoint) -> anyhow::Result<()> {
    let services = match point {
        CrashPoint::SchedulerAdmitted => &mut cluster.schedulers,
        CrashPoint::VolumeClaimed | CrashPoint::VolumeExecuted => &mut cluster.workers,
    };
    let process = std::cell::RefCell::new(&mut services[0].process);
    until("the process dies", Duration::from_secs(10), || async {
        process.borrow_mut().ended().is_ok_and(|ended| ended.is_some())
    })
    .await?;
    services.clear();
    match point {
        CrashPoint::SchedulerAdmitted => cluster.add_scheduler(&[]).await,
        CrashPoint::VolumeClaimed | CrashPoint::VolumeExecuted => cluster.add_worker(&[]).await,
    }
}

/// Asks for the operation; the answer is a promise even though a process dies meanwhile.
async fn ask(kind: OperationKind, client: &Client, volume: &str) -> anyhow::Result<String> {
    let answer = match kind {
        OperationKind::CreateVolume => {
            return client.create_volume(json!({ "size": 1 })).await;
        }
        OperationKind::DeleteVolume => client.delete(&format!("/volumes/{volume}")).await?,
        OperationKind::ForceDeleteVolume => {
            client.act(volume, "os-force_delete", json!(null)).await?
        }
        OperationKind::ExtendVolume => {
            client.act(volume, "os-extend", json!({ "new_size": 2 })).await?
        }
        OperationKind::UpdateVolume
        | OperationKind::EnableBackend
        | OperationKind::DisableBackend
        | OperationKind::FreezeBackend
        | OperationKind::ThawBackend => anyhow::bail!("{kind} ends with its admission"),
    };
    answer.expect_status(202)?;
    Ok(volume.to_owned())
}

/// What must be true in the end: status, size in GiB (none: gone).
const fn end(kind: OperationKind) -> Option<u64> {
    match kind {
        OperationKind::CreateVolume => Some(1),
        OperationKind::ExtendVolume => Some(2),
        OperationKind::DeleteVolume
        | OperationKind::ForceDeleteVolume
        | OperationKind::UpdateVolume
        | OperationKind::EnableBackend
        | OperationKind::DisableBackend
        | OperationKind::FreezeBackend
        | OperationKind::ThawBackend => None,
    }
}

async fn check_end(cluster: &Cluster, kind: OperationKind, volume: &str) -> anyhow::Result<()> {
    let client = cluster.client();
    let status = if end(kind).is_some() { "available" } else { "deleted" };
    client.wait_for_status(volume, status).await?;
    let file = cluster.directory().join(format!("disk/volumes/volume-{volume}"));
    let size = std::fs::metadata(file).ok().map(|file| file.len() >> 30);
    assert_eq!(size, end(kind), "{kind}: the file");
    let files = std::fs::read_dir(cluster.directory().join("disk/volumes"))?.count();
    let rows =
        "select count(*), coalesce(sum(size_gb), 0)::bigint from volumes where deleted_at is null";
    let database = cluster.database().await?;
    let rows = database.query_one(rows, &[]).await?;
    let (volumes, gigabytes) = (rows.get::<_, i64>(0), rows.get::<_, i64>(1));
    assert_eq!(i64::try_from(files)?, volumes, "{kind}: something is left on the backend");
    for (resource, expected) in [("volumes", volumes), ("gigabytes", gigabytes)] {
        let usage = "select in_use, reserved from quota_usages where resource = $1";
        let usage = database.query_one(usage, &[&resource]).await?;
        assert_eq!(
            (usage.get::<_, i64>(0), usage.get::<_, i64>(1)),
            (expected, 0),
            "{kind}: {resource}"
        );
    }
    let live = "select count(*) from operations where state in ('admitted', 'running')";
    assert_eq!(database.query_one(live, &[]).await?.get::<_, i64>(0), 0);
    Ok(())
}

async fn crash(point: CrashPoint) -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    for kind in OperationKind::ALL {
        if kind.contract().runs == Runs::InAdmission {
            continue;
        }
        let client = cluster.client();
        let volume = client.create_volume(json!({ "size": 1 })).await?;
        client.wait_for_status(&volume, "available").await?;
        arm(&mut cluster, point).await?;
        let asked = tokio::spawn({
            let volume = volume.clone();
            async move { ask(*kind, &client, &volume).await }
        });
        replace(&mut cluster, point).await?;
        let volume = asked.await??;
        check_end(&cluster, *kind, &volume).await?;
    }
    cluster.finish(&["asking the gate again", "giving up on the gate"])
}

#[tokio::test]
async fn a_scheduler_that_dies_after_an_admission_loses_nothing() -> anyhow::Result<()> {
    crash(CrashPoint::ALL[0]).await
}

#[tokio::test]
async fn a_worker_that_dies_after_its_claim_loses_nothing() -> anyhow::Result<()> {
    crash(CrashPoint::ALL[1]).await
}

#[tokio::test]
async fn a_worker_that_dies_before_it_can_record_its_work_loses_nothing() -> anyhow::Result<()> {
    crash(CrashPoint::ALL[2]).await
}
