//! Callers with tokens, and a real Keystone.

use anyhow::Context as _;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router};
use harness::keystone::Keystone;
use harness::{Answered, Client, Cluster, ClusterBuilder, Service, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use uuid::Uuid;

/// Longer than tokens live in the tests that wait for their end.
const EXPIRY_TIMEOUT: Duration = Duration::from_secs(60);

/// A cluster whose second API believes Keystone, and Keystone with the projects `a` and `b` and some users.
struct Cloud {
    cluster: Cluster,
    keystone: Keystone,
    project_a: String,
    project_b: String,
}

impl Cloud {
    async fn start(token_seconds: u32) -> anyhow::Result<Self> {
        let mut cluster = ClusterBuilder::for_test().await?.start().await?;
        let directory = cluster.directory().join("keystone");
        let keystone = Keystone::start(&directory, token_seconds).await?;
        let project_a = keystone.create_project("a").await?;
        let project_b = keystone.create_project("b").await?;
        keystone.add_api(&mut cluster).await?;
        Ok(Self { cluster, keystone, project_a, project_b })
    }

    /// One more API that believes Keystone, with more settings; returns its address.
    async fn add_api(&mut self, settings: &[(&str, &str)]) -> anyhow::Result<String> {
        let keystone = self.keystone.url();
        let environment = [
            ("CINDERBLOCK__API__IDENTITY", "keystone"),
            ("CINDERBLOCK__KEYSTONE__AUTH_URL", &*keystone),
            ("CINDERBLOCK__KEYSTONE__USERNAME", "cinderblock"),
            ("CINDERBLOCK__KEYSTONE__PASSWORD", "cinderblock"),
        ];
        self.cluster.add_api(&[&environment, settings].concat()).await?;
        self.cluster.apis.last().map(Service::endpoint).context("an API")
    }

    /// Whoever has this token, in the project with this id.
    fn client(&self, project: &str, token: &str) -> Client {
        let client = self.cluster.client().at(&self.cluster.apis[1].endpoint());
        client.in_project(project).with_token(token)
    }

    /// A new user with a role in project `a`.
    async fn user(&self, name: &str, role: &str) -> anyhow::Result<Client> {
        self.keystone.create_user(name, role, &self.project_a).await?;
        let token = self.keystone.token(name, name, "a").await?;
        Ok(self.client(&self.project_a, &token))
    }
}

fn count(answer: &Answered) -> usize {
    answer.body["volumes"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_token_decides_who_asks_and_what_they_may() -> anyhow::Result<()> {
    let cloud = Cloud::start(3600).await?;
    let member = cloud.user("member", "member").await?;
    let reader = cloud.user("reader", "reader").await?;
    let volume = member.create_volume(json!({ "size": 1, "name": "of a" })).await?;
    member.wait_for_status(&volume, "available").await?;
    let path = format!("/volumes/{volume}");
    reader.get(&path).await?.expect_status(200)?;
    let refused = reader.delete(&path).await?.expect_status(403)?;
    assert_eq!(refused.fault(), "Policy doesn't allow volume:delete to be performed.");
    member.put("/os-services/freeze", json!({ "host": "host@a" })).await?.expect_status(403)?;

    cloud.keystone.create_user("stranger", "member", &cloud.project_b).await?;
    let token = cloud.keystone.token("stranger", "stranger", "b").await?;
    let stranger = cloud.client(&cloud.project_b, &token);
    stranger.get(&path).await?.expect_status(404)?;
    let elsewhere = stranger.in_project(&cloud.project_a).get("/volumes").await?;
    assert_eq!(elsewhere.expect_status(400)?.fault(), "Malformed request url");
    // what a client says of itself counts for nothing
    let posing = stranger.request(Method::GET, "/volumes?all_tenants=1").header("X-Is-Admin", "1");
    assert_eq!(count(&Client::send(posing.header("X-Roles", "admin")).await?), 0);

    let auth = json!({
        "identity": { "methods": ["password"], "password": { "user": {
            "name": "admin", "password": "admin", "domain": { "id": "default" } } } },
        "scope": { "system": { "all": true } },
    });
    let operator = cloud.client("", &cloud.keystone.authenticate(auth).await?);
    let all = operator.get("!/v3/volumes?all_tenants=1").await?.expect_status(200)?;
    assert_eq!(count(&all), 1);

    let unscoped = json!({ "identity": { "methods": ["password"], "password": { "user": {
        "name": "stranger", "password": "stranger", "domain": { "id": "default" } } } } });
    let nobody = cloud.client("", &cloud.keystone.authenticate(unscoped).await?);
    nobody.get("!/v3/attachments/detail").await?.expect_status(403)?;
    let of_nobody = json!({ "volume": { "size": 1 } });
    operator.post("!/v3/volumes", of_nobody).await?.expect_status(403)?;

    for token in ["", "nonsense"] {
        let answer = cloud.client(&cloud.project_a, token).get("/volumes").await?;
        let answer = answer.expect_status(401)?;
        assert_eq!(answer.body["error"]["title"], "Unauthorized");
        let challenge = format!("Keystone uri=\"{}\"", cloud.keystone.url());
        assert_eq!(answer.headers["www-authenticate"], challenge.as_str());
    }
    cloud.cluster.finish(&[]).await
}

#[tokio::test]
async fn while_keystone_is_away_known_tokens_go_on_and_others_wait() -> anyhow::Result<()> {
    let mut cloud = Cloud::start(3600).await?;
    let known = cloud.user("known", "member").await?;
    let unknown = cloud.user("unknown", "member").await?;
    known.get("/volumes").await?.expect_status(200)?;
    cloud.keystone.kill();
    known.get("/volumes").await?.expect_status(200)?;
    let refused = unknown.get("/volumes").await?.expect_status(503)?;
    assert!(refused.fault().contains("Keystone"), "{}", refused.body);
    cloud.client(&cloud.project_a, "nonsense").get("/volumes").await?.expect_status(503)?;
    cloud.keystone.start_again().await?;
    unknown.get("/volumes").await?.expect_status(200)?;
    cloud.cluster.finish(&["Keystone cannot be asked"]).await
}

#[tokio::test]
async fn a_service_finishes_what_a_user_has_begun_whose_token_has_expired() -> anyhow::Result<()> {
    let cloud = Cloud::start(10).await?;
    cloud.keystone.create_user("other", "member", &cloud.project_a).await?;
    let user = cloud.user("user", "member").await?;
    user.get("/volumes").await?.expect_status(200)?;
    until("the token has expired", EXPIRY_TIMEOUT, || async {
        user.get("/volumes").await.is_ok_and(|answer| answer.status == 401)
    })
    .await?;
    let with_service = async |name: &str, project: &str| {
        let token = cloud.keystone.token(name, name, project).await?;
        Client::send(user.request(Method::GET, "/volumes").header("X-Service-Token", token)).await
    };
    with_service("cinderblock", "service").await?.expect_status(200)?;
    with_service("other", "a").await?.expect_status(401)?;
    user.get("/volumes").await?.expect_status(401)?;
    cloud.cluster.finish(&[]).await
}

#[tokio::test]
async fn what_a_server_uses_is_detached_by_a_service_alone() -> anyhow::Result<()> {
    let cloud = Cloud::start(3600).await?;
    let member = cloud.user("member", "member").await?;
    let admin = cloud.user("admin-of-a", "admin").await?;
    let volume = member.available_volume(1).await?;
    let server = "7bd9ba7d-7a3b-4ae9-8f6a-1b4bb64e5d71";
    let attach = async |instance: Option<&str>| -> anyhow::Result<String> {
        let connector = json!({ "host": "server", "initiator": "iqn.2026-11.example:server" });
        let body = json!({ "attachment": {
            "volume_uuid": volume, "instance_uuid": instance, "connector": connector } });
        let made = member.post("/attachments", body).await?.expect_status(200)?;
        let id = made.body["attachment"]["id"].as_str().unwrap_or_default().to_owned();
        member.post(&format!("/attachments/{id}/action"), json!({ "os-complete": {} })).await?;
        Ok(id)
    };
    let path = format!("/attachments/{}", attach(Some(server)).await?);
    for client in [&member, &admin] {
        let refused = client.delete(&path).await?.expect_status(409)?;
        let text = format!("Detach volume from instance {server} using the Compute API");
        assert!(refused.fault().contains(&text), "{}", refused.body);
        client.act(&volume, "os-detach", json!({})).await?.expect_status(409)?;
    }
    admin.act(&volume, "os-force_detach", json!({})).await?.expect_status(409)?;
    member.get(&path).await?.expect_status(200)?;
    // a service token that is good, but no service's, spoils the request
    let own = cloud.keystone.token("member", "member", "a").await?;
    let spoilt = member.request(Method::GET, &path).header("X-Service-Token", own);
    Client::send(spoilt).await?.expect_status(401)?;
    let token = cloud.keystone.token("cinderblock", "cinderblock", "service").await?;
    let by_nova = member.request(Method::DELETE, &path).header("X-Service-Token", token);
    Client::send(by_nova).await?.expect_status(200)?;
    // what no server of Nova's has is the user's own
    let path = format!("/attachments/{}", attach(None).await?);
    member.delete(&path).await?.expect_status(200)?;
    cloud.cluster.finish(&[]).await
}

/// What Nova would answer, and with which tokens and versions it was asked.
#[derive(Default)]
struct StandInNova {
    answer: Mutex<(StatusCode, Value)>,
    asked: Mutex<Vec<(String, HeaderMap)>>,
}

impl StandInNova {
    fn will_answer(&self, status: StatusCode, body: Value) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = (status, body);
    }

    /// Serves it; returns its address.
    async fn serve(self: &Arc<Self>) -> anyhow::Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/v2.1", listener.local_addr()?);
        let nova = self.clone();
        let answer = move |request: Request| async move {
            let asked = (request.uri().path().to_owned(), request.headers().clone());
            nova.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            let (status, body) = nova.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (status, Json(body))
        };
        let server = axum::serve(listener, Router::new().fallback(answer));
        tokio::spawn(server.into_future());
        Ok(url)
    }
}

#[tokio::test]
async fn where_nova_is_asked_it_says_what_a_server_uses() -> anyhow::Result<()> {
    let mut cloud = Cloud::start(3600).await?;
    let nova = Arc::new(StandInNova::default());
    let url = nova.serve().await?;
    let told =
        [("CINDERBLOCK__NOVA__ENDPOINT", &*url), ("CINDERBLOCK__NOVA__TIMEOUT_SECONDS", "2")];
    let told = cloud.add_api(&told).await?;
    let member = cloud.user("member", "member").await?.at(&told);
    let volume = member.available_volume(1).await?;
    let server = "7bd9ba7d-7a3b-4ae9-8f6a-1b4bb64e5d71";
    let body = json!({ "attachment": { "volume_uuid": volume, "instance_uuid": server,
        "connector": { "host": "server", "initiator": "iqn.2026-11.example:server" } } });
    let made = member.post("/attachments", body.clone()).await?.expect_status(200)?;
    let id = made.body["attachment"]["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/attachments/{id}");
    let used =
        |id: &str| json!({ "volumeAttachment": { "attachment_id": id, "volumeId": volume } });
    for (status, body, expected) in [
        (StatusCode::OK, used(&id), 409),
        (StatusCode::UNAUTHORIZED, json!({}), 503),
        (StatusCode::FORBIDDEN, json!({}), 403),
        (StatusCode::SERVICE_UNAVAILABLE, json!({}), 503),
        (StatusCode::OK, json!({ "something": "else" }), 503),
        // not Nova's own answer: there is something else at this address
        (StatusCode::NOT_FOUND, json!({ "detail": "no such page" }), 503),
        (StatusCode::TEMPORARY_REDIRECT, json!({}), 503),
    ] {
        nova.will_answer(status, body);
        member.delete(&path).await?.expect_status(expected)?;
        member
            .act(&volume, "os-detach", json!({ "attachment_id": id }))
            .await?
            .expect_status(expected)?;
    }
    member.get(&path).await?.expect_status(200)?;
    // Nova is found in the catalogue, where it is there
    cloud.keystone.register_endpoint("compute", &url).await?;
    nova.will_answer(StatusCode::OK, used(&id));
    for (region, expected) in [("region", 409), ("another", 503)] {
        let found = [
            ("CINDERBLOCK__NOVA__FIND_IN_CATALOGUE", "true"),
            ("CINDERBLOCK__KEYSTONE__REGION", region),
        ];
        let found = cloud.add_api(&found).await?;
        member.at(&found).delete(&path).await?.expect_status(expected)?;
    }
    // the server has it through another attachment, after a migration for instance, or not at all
    let not_found = json!({ "itemNotFound": { "code": 404, "message": "no attachment" } });
    let another = used(&Uuid::new_v4().to_string());
    let mut left = path;
    for (status, answer) in [(StatusCode::OK, another), (StatusCode::NOT_FOUND, not_found)] {
        nova.will_answer(status, answer);
        member.delete(&left).await?.expect_status(200)?;
        let made = member.post("/attachments", body.clone()).await?.expect_status(200)?;
        left =
            format!("/attachments/{}", made.body["attachment"]["id"].as_str().unwrap_or_default());
    }
    let asked = nova.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (asked_path, headers) = asked.last().context("Nova was asked")?;
    assert_eq!(*asked_path, format!("/v2.1/servers/{server}/os-volume_attachments/{volume}"));
    assert_eq!(headers["openstack-api-version"], "compute 2.89");
    assert!(headers.contains_key("x-service-token"));
    assert_ne!(headers["x-auth-token"], headers["x-service-token"]);
    cloud.cluster.finish(&["Nova", "503", "ConflictNova"]).await
}

#[tokio::test]
async fn only_a_project_that_keystone_knows_gets_a_default_type() -> anyhow::Result<()> {
    let cloud = Cloud::start(3600).await?;
    let admin = cloud.user("admin-of-a", "admin").await?.with_version("volume 3.62");
    let body = json!({ "default_type": { "volume_type": "__DEFAULT__" } });
    let set =
        async |project: &str| admin.put(&format!("/default-types/{project}"), body.clone()).await;
    set(&cloud.project_b).await?.expect_status(200)?;
    // no path of Keystone's other than a project's is asked for
    set("%2e%2e%2fusers").await?.expect_status(404)?;
    let unknown = Uuid::new_v4().simple().to_string();
    let refused = set(&unknown).await?.expect_status(404)?;
    assert_eq!(refused.fault(), format!("Project with id {unknown} not found."));
    admin.get(&format!("/default-types/{unknown}")).await?.expect_status(404)?;
    // of a project that is gone it can be taken away
    for project in [&cloud.project_b, &unknown] {
        admin.delete(&format!("/default-types/{project}")).await?.expect_status(204)?;
    }
    let written = "select count(*) from projects where project_id = $1";
    let database = cloud.cluster.database().await?;
    assert_eq!(database.query_one(written, &[&unknown]).await?.get::<_, i64>(0), 0);
    cloud.cluster.finish(&[]).await
}

#[tokio::test]
async fn an_application_credential_is_good_for_its_requests_alone() -> anyhow::Result<()> {
    let cloud = Cloud::start(3600).await?;
    let user = cloud.keystone.create_user("user", "member", &cloud.project_a).await?;
    let token = cloud.keystone.token("user", "user", "a").await?;
    let rule = json!({ "path": "/v3/*/volumes", "method": "GET", "service": "block-storage" });
    let credential =
        json!({ "application_credential": { "name": "lists", "access_rules": [rule] } });
    let path = format!("/users/{user}/application_credentials");
    // Keystone knows the services of its catalogue alone
    cloud.keystone.register_endpoint("block-storage", "http://127.0.0.1:1/v3").await?;
    let made = cloud.keystone.ask_as(&token, Method::POST, &path, credential).await?;
    let secret = |key: &str| made["application_credential"][key].clone();
    let auth = json!({ "identity": {
        "methods": ["application_credential"],
        "application_credential": { "id": secret("id"), "secret": secret("secret") },
    } });
    let limited = cloud.client(&cloud.project_a, &cloud.keystone.authenticate(auth).await?);
    limited.get("/volumes").await?.expect_status(200)?;
    limited.get("/volumes/detail").await?.expect_status(401)?;
    let body = json!({ "volume": { "size": 1 } });
    limited.post("/volumes", body).await?.expect_status(401)?;
    cloud.cluster.finish(&[]).await
}

/// The `openstack` command as a user whose password is its name, in a project. Returns what it prints.
fn openstack(keystone: &Keystone, user: &str, project: &str, line: &str) -> anyhow::Result<String> {
    let program = harness::files::run_directory().join("client/bin/openstack");
    anyhow::ensure!(program.exists(), "the clients are not installed: `make client`");
    let output = Command::new(&program)
        .args(line.split_whitespace().map(|word| word.trim_matches('"')))
        .env("OS_AUTH_URL", keystone.url())
        .envs([("OS_USERNAME", user), ("OS_PASSWORD", user), ("OS_PROJECT_NAME", project)])
        .envs([("OS_USER_DOMAIN_ID", "default"), ("OS_PROJECT_DOMAIN_ID", "default")])
        .env("OS_IDENTITY_API_VERSION", "3")
        .output()?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "openstack {line}: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The first block of commands, and the first of configuration, of the admin guide's chapter about a cloud that is there.
fn chapter_of_the_guide() -> anyhow::Result<(String, String)> {
    let guide = std::fs::read_to_string(harness::files::repository().join("docs/admin-guide.md"))?;
    let chapter = guide.split("\n## ").find(|text| text.starts_with("Beside an existing cloud"));
    let mut blocks = chapter.context("the chapter")?.split("```");
    let (commands, configuration) = (blocks.nth(1), blocks.nth(1));
    let configuration = configuration.and_then(|block| block.strip_prefix("toml"));
    Ok((commands.context("commands")?.to_owned(), configuration.context("TOML")?.to_owned()))
}

/// Who follows the admin guide, word by word but for names and passwords, makes a volume with the `openstack` command.
#[tokio::test]
async fn the_admin_guide_leads_to_a_volume() -> anyhow::Result<()> {
    let (commands, configuration) = chapter_of_the_guide()?;
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let keystone = Keystone::start(&cluster.directory().join("keystone"), 3600).await?;
    let project = keystone.create_project("a").await?;
    keystone.create_project("service").await?;
    let secret = cluster.directory().join("password");
    std::fs::write(&secret, "of-the-service\n")?;

    let own = configuration
        .replace("https://keystone.example/v3", &keystone.url())
        .replace("/etc/cinderblock/keystone", &secret.display().to_string());
    let own: toml::Table = own.parse()?;
    let environment: Vec<(String, String)> = own
        .iter()
        .flat_map(|(section, keys)| {
            let keys = keys.as_table().into_iter().flatten();
            keys.map(move |(key, value)| (section, key, value.as_str().unwrap_or_default()))
        })
        // where nothing changes the address that clients use, there is none to tell
        .filter(|(_, key, _)| *key != "public_endpoint")
        .map(|(section, key, value)| {
            (format!("CINDERBLOCK__{section}__{key}").to_uppercase(), value.to_owned())
        })
        .collect();
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    cluster.add_api(&environment).await?;

    let endpoint = cluster.apis[1].endpoint();
    for line in commands.lines().filter(|line| !line.is_empty()) {
        let line = line
            .replace("REGION", "region")
            .replace("https://block.example", &endpoint)
            .replace("--password-prompt", "--password of-the-service");
        let command = line.strip_prefix("openstack ").context("a command of openstack's")?;
        openstack(&keystone, "admin", "admin", command)?;
    }
    keystone.create_user("member", "member", &project).await?;
    let as_member = |line: &str| openstack(&keystone, "member", "a", line);
    let made: Value = serde_json::from_str(&as_member("volume create --size 1 disk -f json")?)?;
    let token = keystone.token("member", "member", "a").await?;
    let member = cluster.client().at(&endpoint).in_project(&project).with_token(&token);
    member.wait_for_status(made["id"].as_str().unwrap_or_default(), "available").await?;
    let listed: Value = serde_json::from_str(&as_member("volume list -f json")?)?;
    assert_eq!(listed[0]["Name"], "disk");
    assert!(as_member("catalog list")?.contains("block-storage"));
    cluster.finish(&[]).await
}
