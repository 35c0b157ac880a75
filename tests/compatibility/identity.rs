//! `noauth`: whoever callers say they are.

use harness::ClusterBuilder;
use serde_json::json;
use std::process::Command;

#[tokio::test]
async fn roles_decide_what_a_caller_may_do_and_see() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let admin = cluster.client();
    let (member, reader) = (admin.with_roles("member"), admin.with_roles("reader"));
    let id = member.create_volume(json!({ "size": 1 })).await?;
    member.wait_for_status(&id, "available").await?;
    assert_eq!(reader.get("/volumes").await?.status, 200);
    assert_eq!(reader.post("/volumes", json!({ "volume": { "size": 1 } })).await?.status, 403);
    assert_eq!(reader.delete(&format!("/volumes/{id}")).await?.status, 403);
    assert_eq!(admin.with_roles("guest").get("/volumes").await?.status, 403);
    for (method, path) in [("list", "/os-services"), ("freeze", "/os-services/freeze")] {
        let answer = match method {
            "list" => member.get(path).await?,
            _ => member.put(path, json!({ "host": "host@a" })).await?,
        };
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.body["forbidden"]["code"], 403);
    }
    let shown = member.get(&format!("/volumes/{id}")).await?;
    for hidden in ["os-vol-host-attr:host", "migration_status", "provider_id", "cluster_name"] {
        assert!(shown.body["volume"].get(hidden).is_none(), "{hidden}");
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_admin_sees_other_projects_only_on_request() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    client.create_volume(json!({ "size": 1, "name": "mine" })).await?;
    client.in_project("other").create_volume(json!({ "size": 1, "name": "theirs" })).await?;
    let count = |answer: harness::Answered| answer.body["volumes"].as_array().map_or(0, Vec::len);
    assert_eq!(count(client.get("/volumes").await?), 1);
    assert_eq!(count(client.get("/volumes?all_tenants=1").await?), 2);
    assert_eq!(count(client.get("/volumes?all_tenants=1&project_id=other").await?), 1);
    assert_eq!(count(client.with_roles("member").get("/volumes?all_tenants=1").await?), 1);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_caller_without_a_token_is_admin_and_the_oldest_clients_get_one() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let http = harness::http();
    let url = format!("{}/v3/volumes", cluster.endpoint());
    assert_eq!(http.get(&url).send().await?.status(), 200);
    let greeted =
        http.get(&url).header("X-Auth-User", "me").header("X-Auth-Project-Id", "p").send().await?;
    assert_eq!(greeted.status(), 204);
    assert_eq!(greeted.headers()["x-auth-token"], "me:p");
    cluster.finish(&[]).await
}

#[test]
fn noauth_must_be_stated_and_keeps_to_loopback() -> anyhow::Result<()> {
    let check = |environment: &[(&str, &str)]| -> anyhow::Result<(bool, String)> {
        let mut command = Command::new(harness::files::program("cinderblock-api")?);
        let output = command.arg("--check-config").envs(environment.iter().copied()).output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let (passes, said) = check(&[])?;
    assert!(!passes && said.contains("api.identity"), "{said}");
    let noauth = ("CINDERBLOCK__API__IDENTITY", "noauth");
    assert!(check(&[noauth])?.0);
    let open = ("CINDERBLOCK__API__LISTEN", "0.0.0.0:8776");
    let (passes, said) = check(&[noauth, open])?;
    assert!(!passes && said.contains("only loopback is allowed"), "{said}");
    assert!(check(&[noauth, open, ("CINDERBLOCK__API__NOAUTH_BEYOND_LOOPBACK", "true")])?.0);
    Ok(())
}
