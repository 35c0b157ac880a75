//! The service's own token, with which it asks about those of others, and what Keystone's catalogue says to it.

use crate::http_client;
use anyhow::{Context as _, ensure};
use configuration::{KeystoneConfig, Secret};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::serde::rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

/// A token is renewed this long before it ends.
const RENEWED_BEFORE: Duration = Duration::minutes(2);

/// The service's own token.
pub struct OwnToken {
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

/// The service's account, with which it asks other services.
pub struct OwnAccount {
    client: Client,
    token: OwnToken,
}

impl OwnAccount {
    /// As the configuration says; `None` where there is no Keystone.
    ///
    /// # Errors
    /// When the account is not described, or a certificate cannot be read.
    pub fn new(config: &KeystoneConfig) -> anyhow::Result<Option<Self>> {
        let Some(url) = &config.auth_url else { return Ok(None) };
        let client = http_client::new("keystone", config.ca_file.as_deref(), config.timeout())?;
        let token = OwnToken::new(url.trim_end_matches('/'), config)?;
        Ok(Some(Self { client, token }))
    }

    /// With what other services are asked.
    ///
    /// # Errors
    /// When Keystone gives no token.
    pub async fn access(&self) -> anyhow::Result<OwnAccess> {
        self.token.get(&self.client).await
    }

    /// A service refuses this token, although it should be good.
    pub async fn forget(&self, token: &Secret) {
        self.token.forget(token).await;
    }
}

/// With what the service asks others on its own account.
#[derive(Clone)]
pub struct OwnAccess {
    /// The token.
    pub token: Secret,
    /// The addresses of the services in the catalogue, by their types.
    addresses: BTreeMap<String, String>,
}

impl OwnAccess {
    /// The address of a service of this type, `compute` or `image`, if it is in the catalogue.
    #[must_use]
    pub fn address(&self, service_type: &str) -> Option<&str> {
        self.addresses.get(service_type).map(String::as_str)
    }
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
    /// None yet, of the account in the configuration; `url` is Keystone's address.
    ///
    /// # Errors
    /// When the account is not described.
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
    ///
    /// # Errors
    /// When Keystone does not give one.
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
        Ok(Held { access: OwnAccess { token, addresses: self.addresses(catalog) }, expires_at })
    }

    /// The addresses in a catalogue, of the configured region and interface.
    fn addresses(&self, catalogue: Vec<CatalogueEntry>) -> BTreeMap<String, String> {
        let is_meant = |endpoint: &Endpoint| {
            endpoint.interface == self.interface
                && (self.region.is_none() || endpoint.region_id == self.region)
        };
        let address = |entry: CatalogueEntry| {
            let endpoint = entry.endpoints.into_iter().find(is_meant)?;
            Some((entry.service_type, endpoint.url))
        };
        catalogue.into_iter().filter_map(address).collect()
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
