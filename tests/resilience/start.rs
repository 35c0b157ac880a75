//! Processes that cannot start.

use harness::ClusterBuilder;

#[tokio::test]
async fn a_process_whose_address_is_taken_says_so_and_ends() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let taken = cluster.endpoint().replace("http://", "");
    let taken = taken.as_str();
    let refusals = [
        ("api.listen", cluster.add_api(&[("CINDERBLOCK__API__LISTEN", taken)]).await),
        (
            "scheduler.health_listen",
            cluster.add_scheduler(&[("CINDERBLOCK__SCHEDULER__HEALTH_LISTEN", taken)]).await,
        ),
        (
            "volume.health_listen",
            cluster.add_worker(&[("CINDERBLOCK__VOLUME__HEALTH_LISTEN", taken)]).await,
        ),
    ];
    for (setting, started) in refusals {
        let refusal = started.expect_err(setting).to_string();
        assert!(refusal.contains(&format!("{setting}: {taken}")), "{refusal}");
    }
    cluster.finish(&[]).await
}
