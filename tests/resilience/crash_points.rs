//! Every operation of a backend, crashed at every crash point, on real files.

use harness::scene::Scene;
use harness::{Cluster, ClusterBuilder, Service, until};
use operation::OperationKind;
use operation::contract::{Ending, Runs};
use std::time::Duration;

/// Where a process can be made to die: which process, and the name of the point.
#[derive(Clone, Copy, Debug)]
enum CrashPoint {
    /// The admission is committed, nobody knows yet.
    SchedulerAdmitted,
    /// Whoever executes the operation has claimed it and done nothing.
    Claimed,
    /// The work is done, and that is not recorded.
    Executed,
}

impl CrashPoint {
    const ALL: [Self; 3] = [Self::SchedulerAdmitted, Self::Claimed, Self::Executed];

    /// The process that dies there while it works on an operation that runs so.
    const fn process(self, runs: Runs) -> Dying {
        match (self, runs) {
            (Self::SchedulerAdmitted, _) | (_, Runs::InAdmission) => Dying::Scheduler,
            (Self::Claimed | Self::Executed, Runs::OnBackend(_)) => Dying::Worker,
            (Self::Claimed | Self::Executed, Runs::InBackupService(_)) => Dying::BackupService,
        }
    }

    fn name(self, process: Dying) -> String {
        let step = match self {
            Self::SchedulerAdmitted => "admitted",
            Self::Claimed => "claimed",
            Self::Executed => "executed",
        };
        format!("{}.{step}", process.as_str())
    }
}

/// The process that dies.
#[derive(Clone, Copy, Debug)]
enum Dying {
    Scheduler,
    Worker,
    BackupService,
}

impl Dying {
    /// What its crash points begin with.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Worker => "volume",
            Self::BackupService => "backup",
        }
    }

    /// How long it may take to come to the point. A backup service reads a GiB before the last one.
    const fn patience(self) -> Duration {
        match self {
            Self::Scheduler | Self::Worker => Duration::from_secs(10),
            Self::BackupService => Duration::from_secs(20),
        }
    }

    fn services(self, cluster: &mut Cluster) -> &mut Vec<Service> {
        match self {
            Self::Scheduler => &mut cluster.schedulers,
            Self::Worker => &mut cluster.workers,
            Self::BackupService => &mut cluster.backup_services,
        }
    }

    /// Starts it in place of the one that was there.
    async fn restart(
        self,
        cluster: &mut Cluster,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        self.services(cluster).clear();
        match self {
            Self::Scheduler => cluster.add_scheduler(environment).await,
            Self::Worker => cluster.add_serving_worker(environment).await,
            Self::BackupService => cluster.add_backup_service(environment).await,
        }
    }
}

/// Waits until the process has died, and starts it as usual.
async fn replace(cluster: &mut Cluster, dying: Dying) -> anyhow::Result<()> {
    let process = std::cell::RefCell::new(&mut dying.services(cluster)[0].process);
    until("the process dies", dying.patience(), || async {
        process.borrow_mut().ended().is_ok_and(|ended| ended.is_some())
    })
    .await?;
    dying.restart(cluster, &[]).await
}

/// What must be true in the end: the operation was done once, and its subject is as the contract says.
async fn check_end(cluster: &Cluster, kind: OperationKind) -> anyhow::Result<()> {
    let subject = kind.contract().subject;
    let database = cluster.database().await?;
    let sql =
        "select state, subject_id from operations where kind = $1 order by created_at desc limit 1";
    let row = database.query_one(sql, &[&kind.stem()]).await?;
    assert_eq!(row.get::<_, &str>(0), "done", "{kind}");
    let expected = match subject.when_done {
        Ending::Becomes(expected) | Ending::Removed(Some(expected)) => expected.as_str(),
        Ending::PreviousStatus | Ending::WholeByAttachments => "available",
        Ending::Removed(None)
        | Ending::ByAttachments
        | Ending::AsAsked
        | Ending::AwaitsNoTransfer
        | Ending::Unchanged => {
            return Ok(());
        }
    };
    let sql = format!("select status from {} where id = $1", subject.resource.table());
    let status: String = database.query_one(&sql, &[&row.get::<_, uuid::Uuid>(1)]).await?.get(0);
    assert_eq!(status, expected, "{kind}");
    Ok(())
}

/// How often an operation of the kind was done.
async fn times_done(cluster: &Cluster, kind: OperationKind) -> anyhow::Result<i64> {
    let sql = "select count(*) from operations where kind = $1 and state = 'done'";
    Ok(cluster.database().await?.query_one(sql, &[&kind.stem()]).await?.get(0))
}

/// Puts the backend back into service.
async fn undo(cluster: &Cluster, kind: OperationKind) -> anyhow::Result<()> {
    let (client, host) = (cluster.client(), cluster.host("disk"));
    match kind {
        OperationKind::FreezeBackend => client.operate("thaw", &host).await?,
        OperationKind::DisableBackend => client.operate("enable", &host).await?,
        _ => return Ok(()),
    }
    .expect_status(200)
    .map(drop)
}

async fn crash(point: CrashPoint) -> anyhow::Result<()> {
    let builder = ClusterBuilder::for_test().await?.file("disk").file("spare");
    let mut cluster = builder.backup_services(1).start().await?;
    for kind in OperationKind::ALL {
        let needs_targets = matches!(
            kind,
            OperationKind::FailoverBackend
                | OperationKind::PromoteBackend
                | OperationKind::EnableReplication
                | OperationKind::VerifyReplicas
                | OperationKind::BeginDrill
                | OperationKind::EndDrill
        );
        let is_for_workers = match point {
            CrashPoint::SchedulerAdmitted => false,
            CrashPoint::Claimed | CrashPoint::Executed => true,
        };
        // what needs a backend with targets has its crash tests beside its others; what ends with its
        // admission does not reach a worker, and nothing is thawed that is not frozen
        if needs_targets
            || *kind == OperationKind::DeleteMessage
            || *kind == OperationKind::ThawBackend
            || (is_for_workers && kind.runs() == Runs::InAdmission)
        {
            continue;
        }
        let (client, host) = (cluster.client(), cluster.host("disk"));
        let scene = Scene::prepare(&client, *kind, &host).await?;
        let before = times_done(&cluster, *kind).await?;
        let dying = point.process(kind.runs());
        let armed = format!("{}=return", point.name(dying));
        dying.restart(&mut cluster, &[("FAILPOINTS", &armed)]).await?;
        let asked = tokio::spawn(async move { scene.ask(&client).await });
        replace(&mut cluster, dying).await?;
        // the answer is a promise, though a process dies meanwhile
        let answer = asked.await??;
        assert!(answer.status < 300, "{kind}: {} {}", answer.status, answer.body);
        harness::invariants::check(&cluster).await?;
        check_end(&cluster, *kind).await?;
        assert_eq!(times_done(&cluster, *kind).await?, before + 1, "{kind}");
        undo(&cluster, *kind).await?;
    }
    cluster
        .finish(&["sending the request again", "no answer from the scheduler before the deadline"])
        .await
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
