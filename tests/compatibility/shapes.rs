//! The shape of every answer at the versions where clients live: which keys are there, and which are not.

use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The versions, and the first that each column of [`SHAPES`] is not yet at.
const VERSIONS: [u16; 5] = [0, 27, 44, 59, 71];

/// A key: since when it is there, and whether admins alone see it.
type Key = (&'static str, u16, bool);

const fn always(name: &'static str) -> Key {
    (name, 0, false)
}

const VOLUME: &[Key] = &[
    always("id"),
    always("status"),
    always("size"),
    always("availability_zone"),
    always("created_at"),
    always("updated_at"),
    always("name"),
    always("description"),
    always("volume_type"),
    always("snapshot_id"),
    always("source_volid"),
    always("metadata"),
    always("links"),
    always("user_id"),
    always("bootable"),
    always("encrypted"),
    always("replication_status"),
    always("consistencygroup_id"),
    always("multiattach"),
    always("attachments"),
    ("migration_status", 0, true),
    ("group_id", 13, false),
    ("provider_id", 21, true),
    ("shared_targets", 48, false),
    ("service_uuid", 48, false),
    ("cluster_name", 61, true),
    ("volume_type_id", 63, false),
    ("consumes_quota", 65, false),
];
/// What show and the detailed list add.
const VOLUME_DETAIL: &[Key] = &[
    always("os-vol-tenant-attr:tenant_id"),
    ("os-vol-host-attr:host", 0, true),
    ("os-vol-mig-status-attr:migstat", 0, true),
    ("os-vol-mig-status-attr:name_id", 0, true),
];
const SUMMARY: &[Key] = &[always("id"), always("name"), always("links")];
const SNAPSHOT: &[Key] = &[
    always("id"),
    always("created_at"),
    always("updated_at"),
    always("name"),
    always("description"),
    always("volume_id"),
    always("status"),
    always("size"),
    always("metadata"),
];
/// What answers to create and update add.
const SNAPSHOT_CREATED: &[Key] =
    &[("group_snapshot_id", 14, false), ("user_id", 41, false), ("consumes_quota", 65, false)];
/// What show and the detailed list add.
const SNAPSHOT_DETAIL: &[Key] = &[
    always("os-extended-snapshot-attributes:project_id"),
    always("os-extended-snapshot-attributes:progress"),
];
const SNAPSHOT_SHOWN: &[&[Key]] = &[SNAPSHOT, SNAPSHOT_CREATED, SNAPSHOT_DETAIL];
const ATTACHMENT: &[Key] =
    &[("id", 27, false), ("status", 27, false), ("instance", 27, false), ("volume_id", 27, false)];
const ATTACHMENT_DETAIL: &[Key] = &[
    ("attached_at", 27, false),
    ("detached_at", 27, false),
    ("attach_mode", 27, false),
    ("connection_info", 27, false),
];
const VOLUME_TYPE: &[Key] = &[
    always("id"),
    always("name"),
    always("description"),
    always("is_public"),
    always("extra_specs"),
];
/// What the answer to a create adds.
const VOLUME_TYPE_CREATED: &[Key] = &[always("os-volume-type-access:is_public")];
/// What show and list add.
const VOLUME_TYPE_DETAIL: &[Key] = &[("qos_specs_id", 0, true)];
const QOS_SPECS: &[Key] =
    &[("id", 0, true), ("name", 0, true), ("consumer", 0, true), ("specs", 0, true)];
const SERVICE: &[Key] = &[
    ("binary", 0, true),
    ("host", 0, true),
    ("zone", 0, true),
    ("status", 0, true),
    ("state", 0, true),
    ("updated_at", 0, true),
    ("disabled_reason", 0, true),
    ("cluster", 7, true),
    ("replication_status", 0, true),
    ("active_backend_id", 0, true),
    ("frozen", 0, true),
    ("backend_state", 49, true),
];
const MESSAGE: &[Key] = &[
    ("id", 3, false),
    ("event_id", 3, false),
    ("user_message", 3, false),
    ("message_level", 3, false),
    ("resource_type", 3, false),
    ("resource_uuid", 3, false),
    ("request_id", 3, false),
    ("created_at", 3, false),
    ("guaranteed_until", 3, false),
    ("links", 3, false),
];
const DEFAULT_TYPE: &[Key] = &[("project_id", 62, true), ("volume_type_id", 62, true)];
const FILTERS: &[Key] = &[("resource", 33, false), ("filters", 33, false)];
const STORED: &[Key] = &[("reference", 8, true), ("size", 8, true), ("safe_to_manage", 8, true)];

/// The keys that must be there.
fn expected(parts: &[&[Key]], version: u16, is_admin: bool) -> BTreeSet<String> {
    let keys = parts.iter().copied().flatten();
    keys.filter(|(_, since, admin)| version >= *since && (is_admin || !admin))
        .map(|(name, ..)| (*name).to_owned())
        .collect()
}

fn found(value: &Value) -> BTreeSet<String> {
    value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// What a path answers, where in the answer the resource is, and its parts.
type Shape<'a> = (String, &'a str, &'a [&'a [Key]]);

async fn check(
    client: &Client,
    version: u16,
    is_admin: bool,
    shapes: &[Shape<'_>],
) -> anyhow::Result<()> {
    let client = client.with_version(&format!("volume 3.{version}"));
    let client = client.with_roles(if is_admin { "admin" } else { "member" });
    for (path, pointer, parts) in shapes {
        let expected = expected(parts, version, is_admin);
        let answer = client.get(path).await?;
        let context =
            format!("{path} at 3.{version}, admin: {is_admin}: {} {}", answer.status, answer.body);
        if expected.is_empty() {
            // what is not there yet is not found; what is not theirs, forbidden
            assert!([403, 404].contains(&answer.status), "{context}");
            continue;
        }
        assert_eq!(answer.status, 200, "{context}");
        let shown = answer.body.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found(shown), expected, "{context}");
    }
    Ok(())
}

#[tokio::test]
async fn every_key_is_there_from_its_version_on_and_for_whom_it_is_meant() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    client.message_of_a_failure().await?;
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    client.attach(&volume, "server-1").await?;
    let attachment = client.get("/attachments").await?.body["attachments"][0]["id"].clone();
    let attachment = attachment.as_str().unwrap_or_default();
    let qos = client.create_qos_specs("q").await?;
    let body = json!({ "default_type": { "volume_type": "__DEFAULT__" } });
    let project = harness::PROJECT;
    client.put(&format!("/default-types/{project}"), body).await?.expect_status(200)?;
    let shapes: Vec<Shape<'_>> = vec![
        ("/volumes?limit=1".into(), "/volumes/0", &[SUMMARY]),
        ("/volumes/detail?limit=1".into(), "/volumes/0", &[VOLUME, VOLUME_DETAIL]),
        (format!("/volumes/{volume}"), "/volume", &[VOLUME, VOLUME_DETAIL]),
        ("/snapshots?limit=1".into(), "/snapshots/0", &[SNAPSHOT]),
        ("/snapshots/detail".into(), "/snapshots/0", SNAPSHOT_SHOWN),
        (format!("/snapshots/{snapshot}"), "/snapshot", SNAPSHOT_SHOWN),
        ("/attachments".into(), "/attachments/0", &[ATTACHMENT]),
        (format!("/attachments/{attachment}"), "/attachment", &[ATTACHMENT, ATTACHMENT_DETAIL]),
        (
            "/types".into(),
            "/volume_types/0",
            &[VOLUME_TYPE, VOLUME_TYPE_CREATED, VOLUME_TYPE_DETAIL],
        ),
        (format!("/qos-specs/{qos}"), "/qos_specs", &[QOS_SPECS]),
        ("/qos-specs".into(), "/qos_specs/0", &[QOS_SPECS]),
        ("/os-services?binary=cinder-volume".into(), "/services/0", &[SERVICE]),
        ("/messages".into(), "/messages/0", &[MESSAGE]),
        (format!("/default-types/{project}"), "/default_type", &[DEFAULT_TYPE]),
        ("/resource_filters".into(), "/resource_filters/0", &[FILTERS]),
        ("/manageable_volumes?host=host@a".into(), "/manageable-volumes/0", &[STORED]),
    ];
    for version in VERSIONS {
        for is_admin in [true, false] {
            check(&client, version, is_admin, &shapes).await?;
        }
    }
    // created and updated volumes lack what only show adds
    for version in VERSIONS {
        let client = client.with_version(&format!("volume 3.{version}"));
        let created = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
        let created = created.expect_status(202)?.body;
        assert_eq!(found(&created["volume"]), expected(&[VOLUME], version, true), "3.{version}");
        let id = created["volume"]["id"].as_str().unwrap_or_default();
        client.wait_for_status(id, "available").await?;
        let change = json!({ "volume": { "name": "n" } });
        let updated = client.put(&format!("/volumes/{id}"), change).await?.expect_status(200)?.body;
        assert_eq!(found(&updated["volume"]), expected(&[VOLUME], version, true), "3.{version}");
    }
    // and so do volume types
    let body = json!({ "volume_type": { "name": "gold" } });
    let created = client.post("/types", body).await?.expect_status(200)?.body;
    let all = [VOLUME_TYPE, VOLUME_TYPE_CREATED];
    assert_eq!(found(&created["volume_type"]), expected(&all, 0, true));
    let path = format!("/types/{}", created["volume_type"]["id"].as_str().unwrap_or_default());
    let body = json!({ "volume_type": { "description": "d" } });
    let updated = client.put(&path, body).await?.expect_status(200)?.body;
    assert_eq!(found(&updated["volume_type"]), expected(&[VOLUME_TYPE], 0, true));
    cluster.finish(&["because fake:fail says so"]).await
}

/// The values of which Cinder's clients know that they are no booleans, or no numbers, or no dates.
#[tokio::test]
async fn values_have_the_types_that_clients_expect() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
    assert_eq!((&shown["bootable"], &shown["encrypted"]), (&json!("false"), &json!(false)));
    assert_eq!((&shown["multiattach"], &shown["size"]), (&json!(false), &json!(1)));
    let created = shown["created_at"].as_str().unwrap_or_default();
    assert!(
        created.len() == "2026-01-01T00:00:00.000000".len() && !created.contains('Z'),
        "{created}"
    );
    // no target serves several volumes, so that no host must lock any
    assert_eq!(shown["shared_targets"], false);
    let older = client.with_version("volume 3.68").get(&format!("/volumes/{volume}")).await?.body;
    assert_eq!(older["volume"]["shared_targets"], false);
    cluster.finish(&[]).await
}
