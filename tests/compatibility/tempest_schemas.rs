//! What is answered is what Tempest's own schemas allow, which name every key.

use harness::{Answered, Client, ClusterBuilder, PROJECT, files};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{Seek as _, Write as _};
use std::process::Command;

/// The first version, and those from which on Tempest knows more keys.
const VERSIONS: [u16; 7] = [0, 61, 63, 64, 65, 69, 71];

/// Answers, each with the client and the schema of Tempest's that are meant for it, as its script reads them.
#[derive(Default)]
struct Answers(String);

impl Answers {
    fn add(
        &mut self,
        client: &str,
        schema: &str,
        version: u16,
        answer: &Answered,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(
            answer.status < 300,
            "{client}.{schema}: {} {}",
            answer.status,
            answer.body
        );
        if version > 0 && (client == "snapshots" || schema == "update_volume") {
            // Tempest knows these as they were at first alone
            return Ok(());
        }
        let Answered { status, body, .. } = answer;
        let line = json!({ "client": client, "schema": schema, "version": version, "status": status, "body": body });
        writeln!(self.0, "{line}")?;
        Ok(())
    }

    /// Lets Tempest compare; returns its complaints.
    fn check(&self) -> anyhow::Result<String> {
        let installed = files::run_directory().join("tempest/bin/python");
        anyhow::ensure!(installed.exists(), "Tempest is not installed: `make tempest`");
        let mut answers = tempfile::tempfile()?;
        answers.write_all(self.0.as_bytes())?;
        answers.rewind()?;
        let output = Command::new(installed)
            .arg(files::repository().join("scripts/tempest-schemas.py"))
            .env("PYTHONWARNINGS", "ignore")
            .stdin(answers)
            .output()?;
        let failure = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "{failure}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// What can be read, whatever else there is: Tempest's client and schema, and the path.
const READ: &[(&str, &str, &str)] = &[
    ("volumes", "list_volumes_no_detail", "/volumes"),
    ("volumes", "list_volumes_with_detail", "/volumes/detail"),
    ("volumes", "show_volume", "/volumes/VOLUME"),
    ("volumes", "show_volume_metadata", "/volumes/VOLUME/metadata"),
    ("volumes", "show_volume_metadata_item", "/volumes/VOLUME/metadata/k"),
    ("snapshots", "list_snapshots_no_detail", "/snapshots"),
    ("snapshots", "list_snapshots_with_detail", "/snapshots/detail"),
    ("snapshots", "show_snapshot", "/snapshots/SNAPSHOT"),
    ("snapshots", "show_snapshot_metadata", "/snapshots/SNAPSHOT/metadata"),
    ("types", "list_volume_types", "/types"),
    ("types", "show_volume_type", "/types/TYPE"),
    ("types", "list_volume_types_extra_specs", "/types/TYPE/extra_specs"),
    ("types", "show_volume_types_extra_specs", "/types/TYPE/extra_specs/k"),
    ("encryption_types", "show_encryption_type", "/types/TYPE/encryption"),
    ("qos", "list_qos", "/qos-specs"),
    ("qos", "show_qos", "/qos-specs/QOS"),
    ("qos", "show_association_qos", "/qos-specs/QOS/associations"),
    ("quotas", "show_quota_set", "/os-quota-sets/PROJECT"),
    ("quotas", "show_quota_set_usage", "/os-quota-sets/PROJECT?usage=true"),
    ("quota_classes", "show_quota_classes", "/os-quota-class-sets/default"),
    ("limits", "show_limits", "/limits"),
    ("services", "list_services", "/os-services"),
    ("hosts", "list_hosts", "/os-hosts"),
    ("hosts", "show_host", "/os-hosts/host@a"),
    ("scheduler_stats", "get_pools_no_detail", "/scheduler-stats/get_pools"),
    ("scheduler_stats", "get_pools_with_detail", "/scheduler-stats/get_pools?detail=true"),
    ("capabilities", "show_backend_capabilities", "/capabilities/host@a"),
    ("extensions", "list_extensions", "/extensions"),
];

#[tokio::test]
async fn no_answer_has_a_key_that_tempest_does_not_know() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let mut answers = Answers::default();
    for version in VERSIONS {
        let client = client.with_version(&format!("volume 3.{version}"));
        changes(&client, version, &mut answers).await?;
    }
    let newest = VERSIONS[VERSIONS.len() - 1];
    client.message_of_a_failure().await?;
    let messages = client.get("/messages").await?;
    answers.add("messages", "list_messages", newest, &messages)?;
    let summary = client.get("/volumes/summary").await?;
    answers.add("volumes", "show_volume_summary", newest, &summary)?;
    assert_eq!(answers.check()?, "");

    // what Tempest does not know, it does find
    let mut wrong = Answers::default();
    let mut volume = client.get("/volumes/detail?limit=1").await?;
    volume.body["volumes"][0]["ours"] = json!(1);
    wrong.add("volumes", "list_volumes_with_detail", newest, &volume)?;
    assert!(wrong.check()?.contains("'ours' was unexpected"));
    cluster.finish(&["because fake:fail says so"]).await
}

/// Makes something of each kind, reads it and changes it, at one version.
async fn changes(client: &Client, version: u16, answers: &mut Answers) -> anyhow::Result<()> {
    let mut add =
        |of: &str, schema: &str, answer: &Answered| answers.add(of, schema, version, answer);
    let id = |answer: &Answered, key: &str| -> String {
        answer.body[key]["id"].as_str().unwrap_or_default().to_owned()
    };
    let body = json!({ "volume_type": { "name": "t", "extra_specs": { "k": "v" } } });
    let made = client.post("/types", body).await?;
    add("types", "create_volume_type", &made)?;
    let volume_type = id(&made, "volume_type");
    let path = format!("/types/{volume_type}");
    let put = client.put(&path, json!({ "volume_type": { "description": "d" } })).await?;
    add("types", "update_volume_types", &put)?;
    let body = json!({ "encryption": { "provider": "luks", "control_location": "front-end" } });
    let encrypted = client.post(&format!("{path}/encryption"), body).await?;
    add("encryption_types", "create_encryption_type", &encrypted)?;
    let body = json!({ "qos_specs": { "name": "q", "consumer": "front-end", "k": "v" } });
    let made = client.post("/qos-specs", body).await?;
    add("qos", "show_qos", &made)?;
    let qos = id(&made, "qos_specs");
    let body = json!({ "volume": { "size": 1, "metadata": { "k": "v" } } });
    let made = client.post("/volumes", body).await?;
    add("volumes", "create_volume", &made)?;
    let volume = id(&made, "volume");
    client.wait_for_status(&volume, "available").await?;
    let body = json!({ "volume": { "name": "n" } });
    let put = client.put(&format!("/volumes/{volume}"), body).await?;
    add("volumes", "update_volume", &put)?;
    let made = client.post("/snapshots", json!({ "snapshot": { "volume_id": volume } })).await?;
    add("snapshots", "create_snapshot", &made)?;
    let snapshot = id(&made, "snapshot");
    let snapshot_path = format!("/snapshots/{snapshot}");
    client.wait_until(&snapshot_path, "snapshot", "available").await?;
    let put = client.put(&snapshot_path, json!({ "snapshot": { "name": "n" } })).await?;
    add("snapshots", "update_snapshot", &put)?;
    let names =
        [("VOLUME", &volume), ("SNAPSHOT", &snapshot), ("TYPE", &volume_type), ("QOS", &qos)];
    for (of, schema, path) in READ {
        let path = names
            .iter()
            .fold(path.replace("PROJECT", PROJECT), |path, (name, id)| path.replace(name, id));
        add(of, schema, &client.get(&path).await?)?;
    }
    let limits = json!({ "quota_set": { "volumes": 100 } });
    let put = client.put(&format!("/os-quota-sets/{PROJECT}"), limits).await?;
    add("quotas", "update_quota_set", &put)?;
    for (of, schema, path) in [
        ("snapshots", "delete_snapshot", snapshot_path.as_str()),
        ("qos", "delete_qos", &format!("/qos-specs/{qos}")),
        ("encryption_types", "delete_encryption_type", &format!("{path}/encryption/provider")),
        ("types", "delete_volume_type", &path),
    ] {
        add(of, schema, &client.delete(path).await?)?;
    }
    client.wait_until(&snapshot_path, "snapshot", "deleted").await
}
