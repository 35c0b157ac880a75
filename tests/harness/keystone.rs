//! A private Keystone: the real one, with a database of its own.

use crate::process::Process;
use crate::wait::until;
use crate::{Cluster, Service, files, http, openstack, ports};
use anyhow::Context as _;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long it may take to start; it is written in Python.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running Keystone.
pub struct Keystone {
    directory: PathBuf,
    port: u16,
    process: Process,
    http: Client,
}

impl Keystone {
    /// Starts one, as it is after its installation, in `directory`. Its tokens are good for so many seconds.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start(directory: &Path, token_seconds: u32) -> anyhow::Result<Self> {
        let template = installation().join("template");
        anyhow::ensure!(template.exists(), "Keystone is not installed: `make keystone`");
        copy(&template, directory)?;
        let file = directory.join("keystone.conf");
        let settings = std::fs::read_to_string(&file)?;
        let settings =
            settings.replace("[token]\n", &format!("[token]\nexpiration = {token_seconds}\n"));
        std::fs::write(&file, settings)?;
        let port = ports::free()?;
        let process = serve(directory, port)?;
        let mut keystone = Self { directory: directory.to_owned(), port, process, http: http() };
        keystone.wait_until_ready().await?;
        keystone.register_endpoint("identity", &keystone.url()).await?;
        Ok(keystone)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        until("Keystone answers", START_TIMEOUT, || async {
            self.http.get(self.url()).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await
        .with_context(|| self.process.end_of_log())?;
        self.process.require_running()
    }

    /// The address of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v3", self.port)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`Self::kill`].
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = serve(&self.directory, self.port)?;
        self.wait_until_ready().await
    }

    /// Asks as the administrator; returns the body.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn ask(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        // a new one each time: tokens may live for seconds
        let token = self.token("admin", "admin", "admin").await?;
        self.ask_as(&token, method, path, body).await
    }

    /// Asks with a token; returns the body.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn ask_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> anyhow::Result<Value> {
        let request = self.http.request(method, format!("{}{path}", self.url()));
        let request = request.header("X-Auth-Token", token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        anyhow::ensure!(
            status.is_success(),
            "{path}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn create(&self, path: &str, key: &str, body: Value) -> anyhow::Result<String> {
        let made = self.ask(Method::POST, path, json!({ key: body })).await?;
        Ok(made[key]["id"].as_str().context("an id")?.to_owned())
    }

    /// Makes a project; returns its id.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn create_project(&self, name: &str) -> anyhow::Result<String> {
        self.create("/projects", "project", json!({ "name": name, "domain_id": "default" })).await
    }

    /// Makes a user with its name as password, and a role in a project; returns its id.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn create_user(
        &self,
        name: &str,
        role: &str,
        project: &str,
    ) -> anyhow::Result<String> {
        let user = json!({ "name": name, "password": name, "domain_id": "default" });
        let user = self.create("/users", "user", user).await?;
        let role = self.role(role).await?;
        let path = format!("/projects/{project}/users/{user}/roles/{role}");
        self.ask(Method::PUT, &path, Value::Null).await?;
        Ok(user)
    }

    /// Makes the user of a service, in the project of services.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn create_service_user(&self, name: &str) -> anyhow::Result<()> {
        let found = self.ask(Method::GET, "/projects?name=service", Value::Null).await?;
        let project = match found["projects"][0]["id"].as_str() {
            Some(id) => id.to_owned(),
            None => self.create_project("service").await?,
        };
        self.create_user(name, "service", &project).await.map(drop)
    }

    async fn role(&self, name: &str) -> anyhow::Result<String> {
        let found = self.ask(Method::GET, &format!("/roles?name={name}"), Value::Null).await?;
        match found["roles"][0]["id"].as_str() {
            Some(id) => Ok(id.to_owned()),
            None => self.create("/roles", "role", json!({ "name": name })).await,
        }
    }

    /// One more API of a cluster, which believes this Keystone, with the account that it needs there.
    ///
    /// # Errors
    /// When Keystone refuses, or the API does not start.
    pub async fn add_api(&self, cluster: &mut Cluster) -> anyhow::Result<String> {
        self.create_service_user("cinderblock").await?;
        let url = self.url();
        let environment =
            [&[("CINDERBLOCK__API__IDENTITY", "keystone")], &account(&url)[..]].concat();
        cluster.add_api(&environment).await?;
        cluster.apis.last().map(Service::endpoint).context("an API")
    }

    /// A worker in place of those of a cluster, which asks Glance with the account of [`Self::add_api`]: that may see all images.
    ///
    /// # Errors
    /// When Keystone refuses, or the worker does not start.
    pub async fn replace_workers(&self, cluster: &mut Cluster) -> anyhow::Result<()> {
        let found = self.ask(Method::GET, "/projects?name=service", Value::Null).await?;
        let project = found["projects"][0]["id"].as_str().context("the project of services")?;
        let found = self.ask(Method::GET, "/users?name=cinderblock", Value::Null).await?;
        let user = found["users"][0]["id"].as_str().context("the account")?;
        let role = self.role("admin").await?;
        let path = format!("/projects/{project}/users/{user}/roles/{role}");
        self.ask(Method::PUT, &path, Value::Null).await?;
        cluster.workers.clear();
        cluster.add_serving_worker(&account(&self.url())).await
    }

    /// Makes the service and its endpoint known in the catalogue.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn register_endpoint(&self, service_type: &str, url: &str) -> anyhow::Result<()> {
        let service = json!({ "type": service_type, "name": "cinderblock" });
        let service = self.create("/services", "service", service).await?;
        let endpoint =
            json!({ "service_id": service, "interface": "public", "region": "region", "url": url });
        self.create("/endpoints", "endpoint", endpoint).await.map(drop)
    }

    /// A token of a user for a project, both by name.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn token(&self, user: &str, password: &str, project: &str) -> anyhow::Result<String> {
        let scope = json!({ "project": { "name": project, "domain": { "id": "default" } } });
        let identity = json!({ "methods": ["password"], "password": { "user": {
            "name": user, "password": password, "domain": { "id": "default" },
        } } });
        self.authenticate(json!({ "identity": identity, "scope": scope })).await
    }

    /// A token for what this body says.
    ///
    /// # Errors
    /// When Keystone refuses.
    pub async fn authenticate(&self, auth: Value) -> anyhow::Result<String> {
        let url = format!("{}/auth/tokens", self.url());
        let answer = self.http.post(url).json(&json!({ "auth": auth })).send().await?;
        anyhow::ensure!(answer.status() == StatusCode::CREATED, "{}", answer.status());
        let token = answer.headers().get("x-subject-token").context("a token")?;
        Ok(token.to_str()?.to_owned())
    }
}

fn installation() -> PathBuf {
    files::run_directory().join("keystone")
}

fn serve(directory: &Path, port: u16) -> anyhow::Result<Process> {
    let (module, function) = ("keystone.server.wsgi", "initialize_public_application");
    let mut command = openstack::server(&installation(), module, function, port);
    // the database's and the keys' paths are relative
    command.current_dir(directory);
    command.env("OS_KEYSTONE_CONFIG_DIR", directory);
    command.env("OS_KEYSTONE_CONFIG_FILES", "keystone.conf");
    Process::start("keystone", &mut command, &directory.join("keystone.log"), true)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
            std::fs::set_permissions(&target, entry.metadata()?.permissions())?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The account of cinderblock, and where what it asks with it is found.
fn account(url: &str) -> [(&'static str, &str); 4] {
    [
        ("CINDERBLOCK__KEYSTONE__AUTH_URL", url),
        ("CINDERBLOCK__KEYSTONE__USERNAME", "cinderblock"),
        ("CINDERBLOCK__KEYSTONE__PASSWORD", "cinderblock"),
        ("CINDERBLOCK__GLANCE__FIND_IN_CATALOGUE", "true"),
    ]
}
