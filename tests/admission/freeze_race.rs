//! A freeze among many requests: when it has answered, nothing it refuses is admitted any more.
//!
//! Clients hammer one backend through two API processes and two schedulers while an operator freezes
//! and thaws it. In both tests below every admission lingers for some milliseconds between reading the
//! backend's condition and its commit, so that the window is there to be hit. With the lock nothing
//! falls into it; without the lock, which is the proof that the test can fail, many do.

use harness::{Client, Cluster, ClusterBuilder, until};
use operation::OperationKind;
use operation::contract::Class;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::RwLock;
use uuid::Uuid;

const ROUNDS: u32 = 24;
const CLIENTS: usize = 8;

/// What the operator has done last, and when that was answered.
#[derive(Default)]
struct Operator {
    frozen_since: RwLock<Option<Instant>>,
    over: AtomicBool,
    accepted: AtomicU64,
    refused: AtomicU64,
    accepted_while_frozen: AtomicU64,
    /// How many requests of each client were answered.
    answered: [AtomicU64; CLIENTS],
}

impl Operator {
    fn answered(&self) -> [u64; CLIENTS] {
        std::array::from_fn(|client| self.answered[client].load(Ordering::Relaxed))
    }

    /// Waits until each client was answered twice more: whatever was asked before has been decided by then.
    async fn let_every_client_be_answered(&self) -> anyhow::Result<()> {
        let before = self.answered();
        until("every client is answered twice", Duration::from_secs(30), || async {
            before.iter().zip(self.answered()).all(|(before, now)| now >= before + 2)
        })
        .await
    }
}

/// Counts an answer to a request sent at `sent`. A request that was sent after a freeze had answered,
/// and was answered before anybody asked for a thaw, met a frozen backend for certain.
async fn judge(operator: &Operator, client: usize, sent: Instant, accepted: bool) {
    let frozen_since = operator.frozen_since.read().await;
    operator.answered[client].fetch_add(1, Ordering::Relaxed);
    if !accepted {
        operator.refused.fetch_add(1, Ordering::Relaxed);
        return;
    }
    operator.accepted.fetch_add(1, Ordering::Relaxed);
    if frozen_since.is_some_and(|since| sent > since) {
        operator.accepted_while_frozen.fetch_add(1, Ordering::Relaxed);
    }
}

/// Creates, extends and deletes volumes, one after another.
async fn hammer(client: Client, number: usize, operator: Arc<Operator>) -> anyhow::Result<()> {
    while !operator.over.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let created = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
        judge(&operator, number, sent, created.status == 202).await;
        let Some(id) = created.body["volume"]["id"].as_str() else { continue };
        let sent = Instant::now();
        let extended = client.act(id, "os-extend", json!({ "new_size": 2 })).await?;
        judge(&operator, number, sent, extended.status == 202).await;
        let sent = Instant::now();
        let deleted = client.act(id, "os-force_delete", json!(null)).await?;
        judge(&operator, number, sent, deleted.status == 202).await;
    }
    Ok(())
}

/// The admitted operations that a frozen backend must refuse.
async fn admitted(database: &tokio_postgres::Client) -> anyhow::Result<HashSet<Uuid>> {
    let gated: Vec<&str> = OperationKind::ALL
        .iter()
        .filter(|kind| matches!(kind.contract().class, Class::Place | Class::Modify))
        .map(|kind| kind.stem())
        .collect();
    let rows = database.query("select id from operations where kind = any ($1)", &[&gated]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Freezes and thaws; returns how many operations were admitted after a freeze had answered.
async fn operate(cluster: &Cluster, operator: &Operator) -> anyhow::Result<usize> {
    let (client, host) = (cluster.client(), cluster.host("a"));
    let database = cluster.database().await?;
    let mut late = 0;
    for _ in 0..ROUNDS {
        let pause = u64::from(Uuid::new_v4().as_bytes()[0]) % 60;
        operator.let_every_client_be_answered().await?;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        client.operate("freeze", &host).await?.expect_status(200)?;
        let by_then = admitted(&database).await?;
        *operator.frozen_since.write().await = Some(Instant::now());
        operator.let_every_client_be_answered().await?;
        late += admitted(&database).await?.difference(&by_then).count();
        *operator.frozen_since.write().await = None;
        client.operate("thaw", &host).await?.expect_status(200)?;
    }
    operator.over.store(true, Ordering::Relaxed);
    Ok(late)
}

/// Lets every admission linger after it has read the backend's condition.
const LINGER: &str = "create function linger() returns trigger language plpgsql as \
    $$ begin perform pg_sleep(0.04); return new; end $$; \
    create trigger linger before insert on operations for each row \
    when (new.subject_table = 'volumes') execute function linger()";

/// The admission function without its lock: Cinder's way of looking first and acting later.
const NO_LOCK: &str = "create or replace function enter_gates(backend_ids uuid[], exclusive boolean) \
    returns backend_gate[] language plpgsql as $$ begin return array( \
        select (id, name, epoch, conditions)::backend_gate from backend_details where id = any (backend_ids)); end $$; \
    drop trigger condition_changes_take_the_lock on backends";

async fn race(sabotage: &str) -> anyhow::Result<(usize, Arc<Operator>)> {
    let cluster = ClusterBuilder::for_test().await?.apis(2).schedulers(2).start().await?;
    let database = cluster.database().await?;
    database.batch_execute(LINGER).await?;
    database.batch_execute(sabotage).await?;
    let operator = Arc::new(Operator::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = cluster.client().at(&cluster.apis[number % 2].endpoint());
            tokio::spawn(hammer(client, number, operator.clone()))
        })
        .collect();
    let late = operate(&cluster, &operator).await?;
    for client in clients {
        client.await??;
    }
    cluster.finish(&[]).await?;
    Ok((late, operator))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_admitted_after_a_freeze_has_answered() -> anyhow::Result<()> {
    let (late, operator) = race("").await?;
    assert_eq!(late, 0, "operations admitted after a freeze had answered");
    assert_eq!(operator.accepted_while_frozen.load(Ordering::Relaxed), 0);
    // the race was one: there was much to admit and much to refuse
    let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert!(counted(&operator.accepted) > 100, "accepted {}", counted(&operator.accepted));
    assert!(counted(&operator.refused) > 100, "refused {}", counted(&operator.refused));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_lock_the_same_race_finds_violations() -> anyhow::Result<()> {
    let (late, _) = race(NO_LOCK).await?;
    assert!(late > 0, "a test that finds nothing here proves nothing with the lock");
    Ok(())
}
