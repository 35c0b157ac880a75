//! `set-log` and `get-log`, on live processes.

use harness::{ClusterBuilder, until};
use serde_json::{Value, json};
use std::time::Duration;

fn level(answer: &Value, binary: &str, part: &str) -> Option<String> {
    let lines = answer["log_levels"].as_array()?;
    let line = lines.iter().find(|line| line["binary"] == binary)?;
    Some(line["levels"][part].as_str()?.to_owned())
}

#[tokio::test]
async fn processes_log_more_when_they_are_told_and_less_again() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client();
    let levels =
        || async { client.put("/os-services/get-log", json!({})).await.map(|answer| answer.body) };
    let before = levels().await?;
    for (binary, part) in [
        ("cinder-api", "cinderblock_api"),
        ("cinder-scheduler", "cinderblock_scheduler"),
        ("cinder-volume", "cinderblock_volume"),
        ("cinder-volume", "cinderblock_steps"),
        ("cinder-backup", "cinderblock_backup"),
    ] {
        assert_eq!(level(&before, binary, part).as_deref(), Some("INFO"), "{before}");
    }
    let set = |binary: &str, level: &str| json!({ "binary": binary, "prefix": "cinderblock_common", "level": level });
    assert!(!cluster.logs().contains("DEBUG"));
    let path = "/os-services/set-log";
    client.put(path, set("cinder-volume", "debug")).await?.expect_status(202)?;
    let shows = |wanted: &'static str| async move {
        let levels = levels().await.unwrap_or_default();
        level(&levels, "cinder-volume", "cinderblock_common").as_deref() == Some(wanted)
    };
    until("the worker logs more", Duration::from_secs(5), || shows("DEBUG")).await?;
    let now = levels().await?;
    assert_eq!(level(&now, "cinder-volume", "cinderblock_volume").as_deref(), Some("INFO"));
    assert_eq!(level(&now, "cinder-api", "cinderblock_common").as_deref(), Some("INFO"));
    client.put(path, set("*", "INFO")).await?.expect_status(202)?;
    until("the worker logs less", Duration::from_secs(5), || shows("INFO")).await?;
    // a restarted process is as configured, and so is what is shown of it
    for wrong in [
        json!({ "level": "loud" }),
        json!({}),
        json!({ "level": "DEBUG", "binary": "nova" }),
        json!({ "level": "DEBUG", "prefix": "a=trace,b" }),
    ] {
        assert_eq!(client.put(path, wrong.clone()).await?.status, 400, "{wrong}");
    }
    let older = client.with_version("volume 3.31");
    assert_eq!(older.put(path, set("", "INFO")).await?.status, 404);
    let one = json!({ "server": "host@a", "prefix": "cinderblock_v" });
    let one = client.put("/os-services/get-log", one).await?.body;
    assert_eq!(one["log_levels"].as_array().map(Vec::len), Some(2), "{one}");
    cluster.finish(&[]).await
}
