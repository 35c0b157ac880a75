//! python-cinderclient and python-openstackclient, unchanged, in a disaster.

use harness::Cluster;
use harness::replication::{replicated, service, volume, wait_for_replication};
use std::process::Command;

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<String> {
    let program = harness::files::run_directory().join("client/bin").join(program);
    anyhow::ensure!(program.exists(), "the clients are not installed: `make client`");
    let output =
        Command::new(program).args(arguments).envs(environment.iter().copied()).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    anyhow::ensure!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    Ok(text(&output.stdout))
}

fn cinder(cluster: &Cluster, line: &str) -> anyhow::Result<String> {
    let endpoint = format!("{}/v3", cluster.endpoint());
    let environment = [
        ("OS_AUTH_TYPE", "noauth"),
        ("OS_ENDPOINT", endpoint.as_str()),
        ("CINDER_ENDPOINT", endpoint.as_str()),
        ("OS_PROJECT_ID", harness::PROJECT),
        ("OS_USER_ID", "admin"),
    ];
    run("cinder", &line.split(' ').collect::<Vec<_>>(), &environment)
}

fn openstack(cluster: &Cluster, line: &str) -> anyhow::Result<String> {
    let endpoint = format!("{}/v3", cluster.endpoint());
    let mut arguments = vec![
        "--os-auth-type",
        "none",
        "--os-endpoint",
        &endpoint,
        "--os-volume-api-version",
        "3.71",
    ];
    arguments.extend(line.split(' '));
    run("openstack", &arguments, &[])
}

#[tokio::test]
async fn the_cinder_command_fails_over_and_back() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    volume(&client, "replicated", "").await?;
    cinder(&cluster, "freeze-host host@a")?;
    cinder(&cluster, "failover-host host@a --backend_id b")?;
    wait_for_replication(&client, "failed-over").await?;
    let listed = cinder(&cluster, "service-list --withreplication")?;
    assert!(listed.contains("failed-over") && listed.contains("| b "), "{listed}");
    cinder(&cluster, "thaw-host host@a")?;
    cinder(&cluster, "failover-host host@a --backend_id default")?;
    wait_for_replication(&client, "enabled").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_openstack_command_fails_over_freezes_and_thaws() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    openstack(&cluster, "volume host failover host@a --volume-backend c")?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(service(&client).await?["active_backend_id"], "c");
    openstack(&cluster, "volume host set --disable host@a")?;
    assert_eq!(service(&client).await?["frozen"], true);
    openstack(&cluster, "volume host set --enable host@a")?;
    assert_eq!(service(&client).await?["frozen"], false);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_cinder_command_sees_and_operates_clusters() -> anyhow::Result<()> {
    let backend = harness::BackendSpec {
        name: "a".to_owned(),
        driver: "fake",
        settings: "cluster = 'site'\n".to_owned(),
    };
    let cluster = harness::ClusterBuilder::for_test().await?.backend(backend).start().await?;
    assert!(
        cinder(&cluster, "--os-volume-api-version 3.71 cluster-list --detailed")?
            .contains("site@a")
    );
    assert!(
        cinder(&cluster, "--os-volume-api-version 3.71 cluster-show site@a")?.contains("num_hosts")
    );
    let disabled =
        cinder(&cluster, "--os-volume-api-version 3.71 cluster-disable --reason fire site@a")?;
    assert!(disabled.contains("disabled") && disabled.contains("fire"), "{disabled}");
    cinder(&cluster, "--os-volume-api-version 3.71 cluster-enable site@a")?;
    cluster.finish(&[]).await
}
