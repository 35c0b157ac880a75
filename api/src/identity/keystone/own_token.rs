//! The service's own token, with which it asks about those of others, and what Keystone's catalogue says to it.

use anyhow::{Context as _, ensure};
use configuration::{KeystoneConfig, Secret};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use time::serde::rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

/// A token is renewed this long before it ends.
const RENEWED_BEFORE: Duration = Duration::minutes(2);

/// The type by which the catalogue knows Nova.
const COMPUTE: &str = "compute";

/// The service's own token.
pub(super) struct OwnToken {
    url: String,
    region: Option<String>,
    interface: String,
    /// What Keystone is told to get one; it has a password in it.
    credentials: Credentials,
    current: Mutex<Option<Held>>,
}

struct Held {
    access: OwnAccess,
    expires_at: OffsetDateTime,
}

/// With what the service asks others on its own account.
#[derive(Clone)]
pub(crate) struct OwnAccess {
    pub token: Secret,
    /// Nova's address, if it is in the catalogue.
    pub compute: Option<String>,
}

struct Credentials(Value);

#[derive(Deserialize)]
struct Answer {
    token: Issued,
}

#[derive(Deserialize)]
struct Issued {
    #[serde(with = "rfc3339")]
    expires_at: OffsetDateTime,
    #[serde(default)]
    catalog: Vec<CatalogueEntry>,
}

#[derive(Deserialize)]
struct CatalogueEntry {
    #[serde(rename = "type")]
    service_type: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    region_id: Option<String>,
    url: String,
}

impl OwnToken {
    /// None yet, of the account in the configuration.
    pub fn new(url: &str, config: &KeystoneConfig) -> anyhow::Result<Self> {
        Ok(Self {
            url: format!("{url}/auth/tokens"),
            region: config.region.clone(),
            interface: config.interface.clone(),
            credentials: Credentials::of(config)?,
            current: Mutex::default(),
        })
    }

    /// A token that is good for some time. One request at a time asks for a new one.
    pub async fn get(&self, client: &Client) -> anyhow::Result<OwnAccess> {
        let mut current = self.current.lock().await;
        if let Some(held) = &*current
            && held.expires_at - OffsetDateTime::now_utc() > RENEWED_BEFORE
        {
            return Ok(held.access.clone());
        }
        let held = self.authenticate(client).await.context("the service's own token")?;
        let access = held.access.clone();
        *current = Some(held);
        Ok(access)
    }

    /// Keystone refuses this token, although it should be good.
    pub async fn forget(&self, token: &Secret) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|held| held.access.token.expose() == token.expose()) {
            *current = None;
        }
    }

    async fn authenticate(&self, client: &Client) -> anyhow::Result<Held> {
        let Credentials(body) = &self.credentials;
        let answer = client.post(&self.url).json(body).send().await?;
        let status = answer.status();
        ensure!(status == StatusCode::CREATED, "Keystone answers {status}");
        let token = answer.headers().get("x-subject-token").context("no X-Subject-Token")?;
        let token = Secret::from(token.to_str()?);
        let Answer { token: Issued { expires_at, catalog } } = answer.json().await?;
        Ok(Held { access: OwnAccess { token, compute: self.compute_of(catalog) }, expires_at })
    }

    /// Nova's address in a catalogue, of the configured region and interface.
    fn compute_of(&self, catalogue: Vec<CatalogueEntry>) -> Option<String> {
        let compute = catalogue.into_iter().filter(|entry| entry.service_type == COMPUTE);
        let is_meant = |endpoint: &Endpoint| {
            endpoint.interface == self.interface
                && (self.region.is_none() || endpoint.region_id == self.region)
        };
        compute.flat_map(|entry| entry.endpoints).find(is_meant).map(|endpoint| endpoint.url)
    }
}

impl Credentials {
    fn of(config: &KeystoneConfig) -> anyhow::Result<Self> {
        if let Some(id) = &config.application_credential_id {
            let secret = config.application_credential_secret.as_ref();
            let secret = secret.context("keystone.application_credential_secret is missing")?;
            return Ok(Self(json!({ "auth": { "identity": {
                "methods": ["application_credential"],
                "application_credential": { "id": id, "secret": secret.expose() },
            } } })));
        }
        let username = config.username.as_ref().context("keystone.username is missing")?;
        let password = config.password.as_ref().context("keystone.password is missing")?;
        Ok(Self(json!({ "auth": {
            "identity": {
                "methods": ["password"],
                "password": { "user": {
                    "name": username,
                    "domain": { "name": config.user_domain_name },
                    "password": password.expose(),
                } },
            },
            "scope": { "project": {
                "name": config.project_name,
                "domain": { "name": config.project_domain_name },
            } },
        } })))
    }
}
