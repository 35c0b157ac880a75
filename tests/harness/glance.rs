//! A private Glance: the real one, with a database and a store of its own.

use crate::keystone::Keystone;
use crate::process::Process;
use crate::wait::until;
use crate::{files, http, openstack, ports};
use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long it may take to start; it is written in Python.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running Glance.
pub struct Glance {
    port: u16,
    _process: Process,
}

impl Glance {
    /// Starts one in `directory`, makes it known in the catalogue, and lets it believe this Keystone.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start(directory: &Path, keystone: &Keystone) -> anyhow::Result<Self> {
        let installed = installation();
        anyhow::ensure!(installed.exists(), "Glance is not installed: `make glance`");
        std::fs::create_dir_all(directory)?;
        std::fs::write(directory.join("glance-api.conf"), configuration(directory, keystone))?;
        let prepared = Command::new(installed.join("bin/glance-manage"))
            .args(["--config-file", "glance-api.conf", "db", "sync"])
            .current_dir(directory)
            .output()?;
        let complaint = String::from_utf8_lossy(&prepared.stderr).into_owned();
        anyhow::ensure!(prepared.status.success(), "glance-manage db sync: {complaint}");
        keystone.create_service_user("glance").await?;
        let port = ports::free()?;
        let mut command = openstack::server(&installed, "glance.common.wsgi_app", "init_app", port);
        command.current_dir(directory).env("OS_GLANCE_CONFIG_DIR", directory);
        let log = directory.join("glance.log");
        let mut process = Process::start("glance", &mut command, &log, true)?;
        let http = http();
        let url = format!("http://127.0.0.1:{port}/");
        until("Glance answers", START_TIMEOUT, || async { http.get(&url).send().await.is_ok() })
            .await
            .with_context(|| process.end_of_log())?;
        process.require_running()?;
        keystone.register_endpoint("image", &url).await?;
        Ok(Self { port, _process: process })
    }

    /// Makes a public image with this content; returns its id.
    ///
    /// # Errors
    /// When Glance refuses.
    pub async fn create_image(
        &self,
        keystone: &Keystone,
        name: &str,
        content: Vec<u8>,
    ) -> anyhow::Result<String> {
        let token = keystone.token("admin", "admin", "admin").await?;
        let images = format!("http://127.0.0.1:{}/v2/images", self.port);
        let image = json!({
            "name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public",
        });
        let asked = http().request(Method::POST, &images).header("X-Auth-Token", &token);
        let made = asked.json(&image).send().await?;
        anyhow::ensure!(made.status() == StatusCode::CREATED, "{}", made.status());
        let made: Value = made.json().await?;
        let id = made["id"].as_str().context("an id")?.to_owned();
        let upload = http().put(format!("{images}/{id}/file")).header("X-Auth-Token", token);
        let upload = upload.header("Content-Type", "application/octet-stream").body(content);
        let status = upload.send().await?.status();
        anyhow::ensure!(status == StatusCode::NO_CONTENT, "{status}");
        Ok(id)
    }
}

fn installation() -> PathBuf {
    files::run_directory().join("glance")
}

fn configuration(directory: &Path, keystone: &Keystone) -> String {
    let (url, directory) = (keystone.url(), directory.display());
    let paste = installation().join("etc/glance/glance-api-paste.ini");
    format!(
        "[DEFAULT]
enabled_backends = file:file
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = {directory}/store
[os_glance_staging_store]
filesystem_store_datadir = {directory}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {directory}/tasks
[database]
connection = sqlite:///{directory}/glance.db
[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
interface = public
username = glance
password = glance
project_name = service
user_domain_id = default
project_domain_id = default
[paste_deploy]
flavor = keystone
config_file = {}
[oslo_concurrency]
lock_path = {directory}/locks
",
        paste.display()
    )
}
