//! The named preconditions, and the conditions that the database evaluates for them.

use harness::Servers;
use operation::OperationKind;
use operation::contract::{Contract, Resource};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_postgres::NoTls;
use uuid::Uuid;

/// A row that could be of any table: each condition reads the columns of its own.
fn row() -> Value {
    let id = || json!(Uuid::new_v4());
    json!({
        "id": id(), "volume_id": id(), "backend_id": id(), "volume_type_id": id(), "qos_specs_id": id(),
        "status": "available", "size_gb": 1, "multiattach": false, "readonly": false, "replicated": false,
        "connector": { "host": "server-1" }, "attach_mode": "rw", "created_at": "2026-01-01T00:00:00Z",
        "metadata": { "k": "v" }, "image_metadata": { "k": "v" }, "extra_specs": { "k": "v" },
        "specs": { "k": "v" }, "encryption": { "provider": "luks" }, "is_public": false, "access": ["p"],
        "replication_status": "enabled", "active_backend_id": "b", "frozen_at": "2026-01-01T00:00:00Z",
        "seen_at": "2026-01-01T00:00:00Z",
        "report": { "replication_targets": ["b"], "sides_down": ["b"], "online_extend_support": true },
    })
}

/// The arguments of every operation at once.
fn arguments() -> Value {
    let id = || json!(Uuid::new_v4());
    json!({
        "attachment_id": id(), "instance_id": id(), "volume_type_id": id(), "qos_specs_id": id(),
        "snapshots": [id()], "connector": { "host": "server-1" }, "mode": "rw", "new_size_gb": 2, "size_gb": 1,
        "while_attached": false, "status": "error", "detached": false, "multiattach": false,
        "metadata": { "remove_key": "k" }, "image_metadata": { "remove_key": "k" },
        "extra_specs": { "remove_key": "k" }, "metadata_seen": { "k": "v" }, "is_there": true, "reserved": true,
        "remove_keys": ["k"], "project": "p", "allowed": true,
        "limits": { "volumes": 10 }, "target": "b", "accepted_loss": null,
    })
}

/// Every precondition with the resources whose rows it is asked of.
fn asked_of() -> BTreeSet<(&'static str, &'static str)> {
    let mut asked = BTreeSet::new();
    for contract in OperationKind::ALL.iter().map(|kind| kind.contract()) {
        let Contract { subject, effects, .. } = contract;
        for touch in contract.touches() {
            asked.extend(
                touch.preconditions.iter().map(|known| (known.name, touch.resource.table())),
            );
        }
        let beside = effects.iter().flat_map(|effect| effect.preconditions());
        asked.extend(beside.map(|known| (known.name, subject.resource.table())));
    }
    asked
}

#[tokio::test]
async fn the_database_evaluates_every_precondition() -> anyhow::Result<()> {
    let url = Servers::of_this_run()?.new_database().await?;
    let (database, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    let functions = database::statements::search_path();
    let settings = format!("set search_path = {functions}; set cinderblock.down_after = '3s'");
    database.batch_execute(&settings).await?;
    let asked = asked_of();
    let names: BTreeSet<_> = asked.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), operation::preconditions().len());
    assert!(asked.contains(&("not_used_by_operation", Resource::Snapshot.table())));
    for (name, table) in asked {
        let condition = database::statements::condition(name, "subject", "$2::text::jsonb");
        // the row has columns of other tables, too: those are passed over
        let sql = format!(
            "select {condition} from jsonb_populate_record(null::{table}, $1::text::jsonb) subject"
        );
        let (row, arguments) = (row().to_string(), arguments().to_string());
        let types = [tokio_postgres::types::Type::TEXT, tokio_postgres::types::Type::TEXT];
        // a condition that reads no arguments has one parameter more than it needs
        let sql = format!("{sql} where $2::text is not null");
        let answer = async {
            let statement = database.prepare_typed(&sql, &types).await?;
            database.query_one(&statement, &[&row, &arguments]).await
        };
        let answer =
            answer.await.map_err(|error| anyhow::anyhow!("{name} of {table}: {error:?}"))?;
        assert!(
            answer.get::<_, Option<bool>>(0).is_some(),
            "{name} of {table} neither holds nor fails"
        );
    }
    Ok(())
}
