//! A client of the REST API that shows everything of an answer.

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a volume may take to reach a status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(20);

/// A caller in a project.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    project: String,
    user: &'static str,
    token: Option<String>,
    service_token: Option<String>,
    roles: &'static str,
    version: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The body; null when there is none or it is no JSON.
    pub body: Value,
    /// The headers, by lower-case name.
    pub headers: reqwest::header::HeaderMap,
}

impl Answered {
    /// The text of a fault: whatever its key, its `message`.
    #[must_use]
    pub fn fault(&self) -> &str {
        let fault = self.body.as_object().and_then(|body| body.values().next());
        fault.and_then(|fault| fault["message"].as_str()).unwrap_or_default()
    }

    /// The answer itself when it has this status.
    ///
    /// # Errors
    /// When it has another one; the error shows the body.
    pub fn expect_status(self, status: u16) -> anyhow::Result<Self> {
        anyhow::ensure!(
            self.status == status,
            "expected {status}, got {}: {}",
            self.status,
            self.body
        );
        Ok(self)
    }
}

impl Client {
    /// An admin of the project, asking for the newest version; `endpoint` is `http://host:port`.
    #[must_use]
    pub fn new(endpoint: &str, project: &str) -> Self {
        Self {
            http: crate::http(),
            endpoint: endpoint.to_owned(),
            project: project.to_owned(),
            user: "tester",
            token: None,
            service_token: None,
            roles: "admin",
            version: "volume 3.71".to_owned(),
        }
    }

    /// The same caller with other roles.
    #[must_use]
    pub fn with_roles(&self, roles: &'static str) -> Self {
        Self { roles, ..self.clone() }
    }

    /// Whoever has this token, for an API that asks Keystone.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A service that has this token asks on the caller's behalf.
    #[must_use]
    pub fn with_service_token(&self, token: &str) -> Self {
        Self { service_token: Some(token.to_owned()), ..self.clone() }
    }

    /// Another user of the same project.
    #[must_use]
    pub fn as_user(&self, user: &'static str) -> Self {
        Self { user, ..self.clone() }
    }

    /// A caller of another project.
    #[must_use]
    pub fn in_project(&self, project: &str) -> Self {
        Self { project: project.to_owned(), ..self.clone() }
    }

    /// The same caller with another version header; without one, if it is empty.
    #[must_use]
    pub fn with_version(&self, version: &str) -> Self {
        Self { version: version.to_owned(), ..self.clone() }
    }

    /// The same caller at another API process.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), ..self.clone() }
    }

    /// The URL of a path below `/v3/<project>`; one that starts with `!` is taken from the root.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        match path.strip_prefix('!') {
            Some(path) => format!("{}{path}", self.endpoint),
            None => format!("{}/v3/{}{path}", self.endpoint, self.project),
        }
    }

    /// A request with this caller's headers.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, self.url(path)).timeout(Duration::from_secs(60));
        let request = match &self.token {
            Some(token) => request.header("X-Auth-Token", token),
            None => request
                .header("X-Auth-Token", format!("{}:{}", self.user, self.project))
                .header("X-Roles", self.roles),
        };
        let request = match &self.service_token {
            Some(token) => request.header("X-Service-Token", token),
            None => request,
        };
        if self.version.is_empty() {
            return request;
        }
        request.header("OpenStack-API-Version", &self.version)
    }

    /// Reads a path to the end of the answer, whatever it says; returns its HTTP status.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn read(&self, path: &str) -> anyhow::Result<u16> {
        let answer = self.request(Method::GET, path).send().await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok(status)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(request: reqwest::RequestBuilder) -> anyhow::Result<Answered> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answered { status: status.as_u16(), body, headers })
    }

    /// GET
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answered> {
        Self::send(self.request(Method::GET, path)).await
    }

    /// DELETE
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answered> {
        Self::send(self.request(Method::DELETE, path)).await
    }

    /// POST
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Answered> {
        Self::send(self.request(Method::POST, path).json(&body)).await
    }

    /// PUT
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, path: &str, body: Value) -> anyhow::Result<Answered> {
        Self::send(self.request(Method::PUT, path).json(&body)).await
    }

    /// Creates a volume and returns its id, whatever becomes of it.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn create_volume(&self, volume: Value) -> anyhow::Result<String> {
        let answered =
            self.post("/volumes", json!({ "volume": volume })).await?.expect_status(202)?;
        let id = answered.body["volume"]["id"].as_str();
        Ok(id.context("the answer has no id")?.to_owned())
    }

    /// Creates a volume of so many GiB, waits until it is available and returns its id.
    ///
    /// # Errors
    /// When it does not become available.
    pub async fn available_volume(&self, size_gb: i32) -> anyhow::Result<String> {
        let id = self.create_volume(json!({ "size": size_gb })).await?;
        self.wait_for_status(&id, "available").await?;
        Ok(id)
    }

    /// Creates a snapshot, waits until it is available and returns its id.
    ///
    /// # Errors
    /// When it does not become available.
    pub async fn create_snapshot(&self, volume: &str) -> anyhow::Result<String> {
        let body = json!({ "snapshot": { "volume_id": volume } });
        let answered = self.post("/snapshots", body).await?.expect_status(202)?;
        let id = answered.body["snapshot"]["id"].as_str().context("the answer has no id")?;
        self.wait_until(&format!("/snapshots/{id}"), "snapshot", "available").await?;
        Ok(id.to_owned())
    }

    /// Backs a volume up, waits until the backup is available and returns its id.
    ///
    /// # Errors
    /// When it does not become available.
    pub async fn create_backup(&self, volume: &str) -> anyhow::Result<String> {
        self.back_up(json!({ "volume_id": volume })).await
    }

    /// The same, for a backup that is described.
    ///
    /// # Errors
    /// When it does not become available.
    pub async fn back_up(&self, backup: Value) -> anyhow::Result<String> {
        let answered = self.post("/backups", json!({ "backup": backup })).await?;
        let answered = answered.expect_status(202)?;
        let id = answered.body["backup"]["id"].as_str().context("the answer has no id")?;
        self.wait_until(&format!("/backups/{id}"), "backup", "available").await?;
        Ok(id.to_owned())
    }

    /// The record of a backup, under another id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn record_of_another(&self, backup: &str) -> anyhow::Result<Value> {
        let path = format!("/backups/{backup}/export_record");
        let mut exported = self.get(&path).await?.expect_status(200)?.body;
        let record = &mut exported["backup-record"]["backup_url"];
        let text = STANDARD.decode(record.as_str().context("a record is a text")?)?;
        let mut read: Value = serde_json::from_slice(&text)?;
        read["id"] = json!(Uuid::new_v4());
        *record = json!(STANDARD.encode(read.to_string()));
        Ok(exported)
    }

    /// Offers a volume to whoever has the key; returns the transfer's id, and the key.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn offer_volume(&self, volume: &str) -> anyhow::Result<(String, String)> {
        let body = json!({ "transfer": { "volume_id": volume } });
        let answered = self.post("/volume-transfers", body).await?.expect_status(202)?;
        let text = |key: &str| answered.body["transfer"][key].as_str().map(str::to_owned);
        Ok((text("id").context("an id")?, text("auth_key").context("a key")?))
    }

    /// Makes a volume type with these other fields; returns its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_volume_type(&self, name: &str, fields: Value) -> anyhow::Result<String> {
        let mut volume_type = fields;
        volume_type["name"] = json!(name);
        let body = json!({ "volume_type": volume_type });
        let answer = self.post("/types", body).await?.expect_status(200)?;
        Ok(answer.body["volume_type"]["id"].as_str().context("an id")?.to_owned())
    }

    /// Makes a QoS specification; returns its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_qos_specs(&self, name: &str) -> anyhow::Result<String> {
        let body = json!({ "qos_specs": { "name": name, "consumer": "front-end" } });
        let answer = self.post("/qos-specs", body).await?.expect_status(200)?;
        Ok(answer.body["qos_specs"]["id"].as_str().context("an id")?.to_owned())
    }

    /// Lets the fake driver fail to make a volume; returns the id of the message about that.
    ///
    /// # Errors
    /// When there is no message.
    pub async fn message_of_a_failure(&self) -> anyhow::Result<String> {
        let failing = json!({ "size": 1, "metadata": { "fake:fail": "create_volume" } });
        let volume = self.create_volume(failing).await?;
        self.wait_for_status(&volume, "error").await?;
        let listed = self.get(&format!("/messages?resource_uuid={volume}")).await?;
        let id = listed.body["messages"][0]["id"].as_str().context("a message")?;
        Ok(id.to_owned())
    }

    /// A backend that does not hold the volume, as `host@backend`.
    ///
    /// # Errors
    /// When there is only one.
    pub async fn other_host(&self, volume: &str) -> anyhow::Result<String> {
        let place = self.host_of(volume).await?;
        let services = self.get("/os-services?binary=cinder-volume").await?.expect_status(200)?;
        let hosts = services.body["services"].as_array().cloned().unwrap_or_default();
        let other = hosts.iter().filter_map(|service| service["host"].as_str());
        let other = other.into_iter().find(|host| *host != place);
        Ok(other.context("there is one backend only")?.to_owned())
    }

    /// The backend that holds a volume, as `host@backend`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn host_of(&self, volume: &str) -> anyhow::Result<String> {
        let shown = self.get(&format!("/volumes/{volume}")).await?.expect_status(200)?;
        let host = shown.body["volume"]["os-vol-host-attr:host"].as_str().context("a host")?;
        Ok(host.split('#').next().unwrap_or(host).to_owned())
    }

    /// Keeps a volume for a server; returns the attachment's id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn reserve(&self, volume: &str, server: Option<Uuid>) -> anyhow::Result<String> {
        let mut attachment = json!({ "volume_uuid": volume });
        if let Some(server) = server {
            attachment["instance_uuid"] = json!(server);
        }
        let body = json!({ "attachment": attachment });
        let answer = self.post("/attachments", body).await?.expect_status(200)?;
        Ok(answer.body["attachment"]["id"].as_str().context("an id")?.to_owned())
    }

    /// Tells an attachment which host the server is on.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn connect(&self, attachment: &str, host: &str) -> anyhow::Result<Answered> {
        let body = json!({ "attachment": { "connector": crate::scene::connector(host) } });
        self.put(&format!("/attachments/{attachment}"), body).await
    }

    /// What the first attachment of a volume was told of how to reach its data.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn connection_info(&self, volume: &str) -> anyhow::Result<Value> {
        let path = format!("/attachments/detail?volume_id={volume}");
        let attachments = self.get(&path).await?.expect_status(200)?.body;
        Ok(attachments["attachments"][0]["connection_info"].clone())
    }

    /// Where the first attachment of a volume finds its data over NBD.
    ///
    /// # Errors
    /// When it was not told.
    pub async fn nbd_uri(&self, volume: &str) -> anyhow::Result<String> {
        let info = self.connection_info(volume).await?;
        let uri = info["uri"].as_str();
        Ok(uri.context("connection information without a URI")?.to_owned())
    }

    /// Does this with the data of an available volume, as a server that comes and goes: qemu-io's
    /// commands.
    ///
    /// # Errors
    /// When it cannot be attached, or a command fails; then the volume stays attached.
    pub async fn access(&self, volume: &str, commands: &[&str]) -> anyhow::Result<()> {
        self.attach(volume, "server-1").await?;
        crate::access_data(&self.connection_info(volume).await?, commands)?;
        self.detach(volume).await
    }

    /// Attaches a server to a volume: reserved, connected, completed.
    ///
    /// # Errors
    /// When one of these is refused.
    pub async fn attach(&self, volume: &str, host: &str) -> anyhow::Result<String> {
        let connector = crate::scene::connector(host);
        let body = json!({ "attachment": { "volume_uuid": volume, "connector": connector } });
        let answer = self.post("/attachments", body).await?.expect_status(200)?;
        let id = answer.body["attachment"]["id"].as_str().context("an id")?.to_owned();
        let complete = json!({ "os-complete": {} });
        self.post(&format!("/attachments/{id}/action"), complete).await?.expect_status(204)?;
        Ok(id)
    }

    /// Attaches a server to a volume by the volume's actions: reserved, connected, attached. Returns the
    /// connection information.
    ///
    /// # Errors
    /// When one of these is refused.
    pub async fn attach_through_actions(&self, volume: &str, host: &str) -> anyhow::Result<Value> {
        self.act(volume, "os-reserve", json!(null)).await?.expect_status(202)?;
        let connector = json!({ "connector": crate::scene::connector(host) });
        let told = self.act(volume, "os-initialize_connection", connector).await?;
        let told = told.expect_status(200)?;
        let arguments = json!({ "host_name": host, "mountpoint": "/dev/vdb" });
        self.act(volume, "os-attach", arguments).await?.expect_status(202)?;
        Ok(told.body["connection_info"].clone())
    }

    /// Ends all attachments of a volume.
    ///
    /// # Errors
    /// When one cannot be ended.
    pub async fn detach(&self, volume: &str) -> anyhow::Result<()> {
        let listed =
            self.get(&format!("/attachments?volume_id={volume}")).await?.expect_status(200)?;
        for attachment in listed.body["attachments"].as_array().into_iter().flatten() {
            let id = attachment["id"].as_str().unwrap_or_default();
            self.delete(&format!("/attachments/{id}")).await?.expect_status(200)?;
        }
        Ok(())
    }

    /// A volume's status; `None` when it is gone.
    ///
    /// # Errors
    /// When there is no answer or a strange one.
    pub async fn volume_status(&self, id: &str) -> anyhow::Result<Option<String>> {
        self.status(&format!("/volumes/{id}"), "volume").await
    }

    /// Waits until a volume has a status; `deleted` when it is gone.
    ///
    /// # Errors
    /// When it does not get there in time; the error shows where it got.
    pub async fn wait_for_status(&self, id: &str, wanted: &str) -> anyhow::Result<()> {
        self.wait_until(&format!("/volumes/{id}"), "volume", wanted).await
    }

    async fn status(&self, path: &str, key: &str) -> anyhow::Result<Option<String>> {
        let answered = self.get(path).await?;
        if answered.status == StatusCode::NOT_FOUND.as_u16() {
            return Ok(None);
        }
        let answered = answered.expect_status(200)?;
        Ok(answered.body[key]["status"].as_str().map(str::to_owned))
    }

    /// Waits until what a path shows has a status; `deleted` when it is gone.
    ///
    /// # Errors
    /// When it does not get there in time; the error shows where it got.
    pub async fn wait_until(&self, path: &str, key: &str, wanted: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let status = self.status(path, key).await?.unwrap_or_else(|| "deleted".to_owned());
            if status == wanted {
                return Ok(());
            }
            anyhow::ensure!(
                started.elapsed() < STATUS_TIMEOUT,
                "{path} should be {wanted}, and is {status}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Posts an action on a volume.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn act(&self, id: &str, action: &str, arguments: Value) -> anyhow::Result<Answered> {
        self.post(&format!("/volumes/{id}/action"), json!({ action: arguments })).await
    }

    /// An operator's decision about a backend.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn operate(&self, decision: &str, host: &str) -> anyhow::Result<Answered> {
        let body = match decision {
            "enable" | "disable" => json!({ "host": host, "binary": "cinder-volume" }),
            _ => json!({ "host": host }),
        };
        self.put(&format!("/os-services/{decision}"), body).await
    }
}
