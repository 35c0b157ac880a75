//! The words of statuses and modes: those of the Rust types, and no others, are allowed in the database.

use harness::Servers;
use model::{
    AttachMode, AttachmentStatus, Binary, MessageLevel, MigrationStatus, OperationState,
    QosConsumer, ReplicaState, ReplicationStatus, SnapshotStatus, VolumeStatus,
};
use std::collections::BTreeSet;
use tokio_postgres::NoTls;

fn words<T: ToString>(all: &[T]) -> BTreeSet<String> {
    all.iter().map(ToString::to_string).collect()
}

/// Every constraint on a column of words, with the words of the column's type.
fn constraints() -> Vec<(&'static str, BTreeSet<String>)> {
    // of what is unprotected nothing is recorded
    let recorded = ReplicaState::ALL.iter().filter(|state| **state != ReplicaState::Unprotected);
    let recorded: Vec<_> = recorded.collect();
    vec![
        ("attachments_attach_mode", words(AttachMode::ALL)),
        ("attachments_previous_status", words(AttachmentStatus::ALL)),
        ("attachments_status", words(AttachmentStatus::ALL)),
        ("backends_replication_status", words(ReplicationStatus::ALL)),
        ("messages_message_level", words(MessageLevel::ALL)),
        ("operations_state", words(OperationState::ALL)),
        ("qos_specs_consumer", words(QosConsumer::ALL)),
        ("services_binary_name", words(Binary::ALL)),
        ("snapshots_previous_status", words(SnapshotStatus::ALL)),
        ("snapshots_status", words(SnapshotStatus::ALL)),
        ("volumes_migration_status", words(MigrationStatus::ALL)),
        ("volumes_previous_status", words(VolumeStatus::ALL)),
        ("volumes_replication_extended_status", words(&recorded)),
        ("volumes_replication_status", words(ReplicationStatus::ALL)),
        ("volumes_status", words(VolumeStatus::ALL)),
    ]
}

#[tokio::test]
async fn the_database_allows_the_words_of_the_types_and_no_others() -> anyhow::Result<()> {
    let url = Servers::of_this_run()?.new_database().await?;
    let (database, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    let sql =
        "select pg_get_constraintdef(oid) from pg_constraint where contype = 'c' and conname = $1";
    for (constraint, expected) in constraints() {
        let definition: String = database.query_one(sql, &[&constraint]).await?.get(0);
        // 'word'::text, 'word'::text
        let allowed: BTreeSet<String> =
            definition.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(allowed, expected, "{constraint}");
    }
    Ok(())
}
