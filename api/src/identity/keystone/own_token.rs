//! The service's own token, with which it asks about those of others.

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

/// The service's own token.
pub(super) struct OwnToken {
    url: String,
    /// What Keystone is told to get one; it has a password in it.
    credentials: Credentials,
    current: Mutex<Option<Held>>,
}

struct Held {
    token: Secret,
    expires_at: OffsetDateTime,
}

struct Credentials(Value);

#[derive(Deserialize)]
struct Issued {
    token: Expiry,
}

#[derive(Deserialize)]
struct Expiry {
    #[serde(with = "rfc3339")]
    expires_at: OffsetDateTime,
}

impl OwnToken {
    /// None yet, of the account in the configuration.
    pub fn new(url: &str, config: &KeystoneConfig) -> anyhow::Result<Self> {
        Ok(Self {
            url: format!("{url}/auth/tokens"),
            credentials: Credentials::of(config)?,
            current: Mutex::default(),
        })
    }

    /// A token that is good for some time. One request at a time asks for a new one.
    pub async fn get(&self, client: &Client) -> anyhow::Result<Secret> {
        let mut current = self.current.lock().await;
        if let Some(held) = &*current
            && held.expires_at - OffsetDateTime::now_utc() > RENEWED_BEFORE
        {
            return Ok(held.token.clone());
        }
        let held = self.authenticate(client).await.context("the service's own token")?;
        let token = held.token.clone();
        *current = Some(held);
        Ok(token)
    }

    /// Keystone refuses this token, although it should be good.
    pub async fn forget(&self, token: &Secret) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|held| held.token.expose() == token.expose()) {
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
        let Issued { token: Expiry { expires_at } } = answer.json().await?;
        Ok(Held { token, expires_at })
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
