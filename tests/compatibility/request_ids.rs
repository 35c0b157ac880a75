//! One request id can be followed through all three services.

use harness::{ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_request_leaves_its_id_in_the_logs_of_all_three_services() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let answer = cluster.client().post("/volumes", json!({ "volume": { "size": 1 } })).await?;
    let id = answer.headers["x-openstack-request-id"].to_str()?.to_owned();
    assert!(id.starts_with("req-"));
    assert_eq!(answer.headers["x-compute-request-id"], id.as_str());
    let steps = [
        ("cinderblock-api", "submit"),
        ("cinderblock-scheduler", "admit"),
        ("cinderblock-scheduler", "place"),
        ("cinderblock-scheduler", "dispatch"),
        ("cinderblock-volume", "execute"),
        ("cinderblock-volume", "finish"),
    ];
    until("every step is in the logs", Duration::from_secs(5), || async {
        let logs = cluster.logs();
        let lines: Vec<_> = logs.lines().filter(|line| line.contains(&id)).collect();
        steps.iter().all(|(program, step)| {
            // spans are written one after another: `admit{fields}:place: `
            let spans = [format!(" {step}{{"), format!(":{step}{{"), format!(":{step}: ")];
            lines.iter().any(|line| {
                line.starts_with(program) && spans.iter().any(|span| line.contains(span))
            })
        })
    })
    .await
    .map_err(|error| anyhow::anyhow!("{error}\n{}", cluster.logs()))?;
    cluster.finish(&[]).await
}
