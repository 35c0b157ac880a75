//! Processes that cannot start.

use database::DatabaseRole;
use harness::{ClusterBuilder, Servers};

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

/// A service that may not prepare the database says what it needs: where nothing is prepared, and where its own role may call nothing.
#[tokio::test]
async fn a_process_whose_database_is_not_prepared_says_so_and_ends() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let empty = Servers::of_this_run()?.database("postgres");
    let refused = cluster.add_api(&[("CINDERBLOCK__DATABASE__URL", &empty)]).await;
    let refusal = refused.expect_err("no functions").to_string();
    assert!(refusal.contains("run `cinderblock-manage db sync`"), "{refusal}");

    let role = Servers::as_role(&cluster.database, DatabaseRole::Api);
    let name = role.split("://").nth(1).and_then(|rest| rest.split('@').next()).unwrap_or_default();
    let schema = database::statements::search_path();
    let schema = schema.split(',').next().unwrap_or_default();
    let owner = cluster.database().await?;
    owner.batch_execute(&format!("revoke usage on schema {schema} from {name}")).await?;
    let refused = cluster.add_api(&[]).await;
    let refusal = refused.expect_err("no rights").to_string();
    assert!(refusal.contains("run `cinderblock-manage db sync`"), "{refusal}");
    owner.batch_execute(&format!("grant usage on schema {schema} to {name}")).await?;
    cluster.finish(&[]).await
}
