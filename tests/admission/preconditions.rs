//! The named preconditions, and the rules that the database has for them.

use harness::Servers;
use serde_json::{Value, json};
use tokio_postgres::NoTls;
use uuid::Uuid;

/// A row that could be of any table: each rule reads the columns of its own.
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
        "snapshots": [id()], "connector": { "host": "server-1" }, "mode": "rw", "new_size_gb": 2,
        "while_attached": false, "status": "error", "detached": false, "multiattach": false,
        "metadata": { "remove_key": "k" }, "image_metadata": { "remove_key": "k" },
        "extra_specs": { "remove_key": "k" }, "metadata_seen": { "k": "v" }, "is_there": true,
        "remove_keys": ["k"], "project": "p", "allowed": true, "must_cover_usage": true,
        "limits": { "volumes": 10 }, "target": "b", "accept_data_loss": false,
    })
}

#[tokio::test]
async fn the_database_has_a_rule_for_every_precondition() -> anyhow::Result<()> {
    let url = Servers::of_this_run()?.new_database().await?;
    let (database, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    database.batch_execute("set cinderblock.down_after = '3s'").await?;
    let holds = async |name: &str| {
        let (row, arguments) = (row().to_string(), arguments().to_string());
        let sql = "select precondition_holds($1, $2::text::jsonb, $3::text::jsonb)";
        let found = database.query_one(sql, &[&name, &row, &arguments]).await?;
        Ok::<_, tokio_postgres::Error>(found.get::<_, Option<bool>>(0))
    };
    for precondition in operation::preconditions() {
        let name = precondition.name;
        let answer = holds(name).await.map_err(|error| anyhow::anyhow!("{name}: {error:?}"))?;
        assert!(answer.is_some(), "{name} neither holds nor fails");
    }
    // what this would look like otherwise
    let unknown = holds("easy").await.unwrap_err();
    let told = unknown.as_db_error().map_or("", |error| error.message());
    assert_eq!(told, "unknown precondition easy");
    Ok(())
}
