//! Keystone's answers about tokens, and how long they count.

use crate::identity::token::{Answer, Token};
use anyhow::{Context as _, anyhow, bail};
use configuration::KeystoneConfig;
use moka::Expiry;
use moka::future::Cache;
use openstack::http_client;
use openstack::own_token::{OwnAccess, OwnToken};
use reqwest::{Client, StatusCode};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::sync::Semaphore;

/// How long a token that Keystone does not know stays unknown: a client that repeats itself is not asked about each time.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// The most tokens that Keystone is asked about at once.
const MOST_QUESTIONS: usize = 100;
/// The pause before Keystone is asked again that could not be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The hash of a token, and whether it may have expired: tokens themselves are not kept.
type Key = [u8; 32];

/// What Keystone says of a token.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It is one.
    Valid(Arc<Token>),
    /// It is none, or not any more.
    Unknown,
}

/// Keystone's answers. Of several requests with one token that is not known, one asks.
pub(super) struct Validations {
    client: Client,
    url: String,
    own: OwnToken,
    cache: Cache<Key, Verdict>,
    /// How long a question may take, the service's own token included.
    timeout: Duration,
    /// A permit for each question at once.
    questions: Semaphore,
}

impl Validations {
    pub fn new(config: &KeystoneConfig) -> anyhow::Result<Self> {
        let url = config.auth_url.as_ref().context("keystone.auth_url is missing")?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self {
            client: http_client::new("keystone", config.ca_file.as_deref(), config.timeout())?,
            own: OwnToken::new(&url, config)?,
            cache: Cache::builder()
                .max_capacity(config.cached_tokens)
                .expire_after(CacheTime(config.cache_time()))
                .build(),
            timeout: config.timeout(),
            questions: Semaphore::new(MOST_QUESTIONS),
            url,
        })
    }

    /// What Keystone says, or has said a short time ago, of a token.
    pub async fn of(&self, token: &str, may_be_expired: bool) -> anyhow::Result<Verdict> {
        let key = Sha256::new().chain_update([u8::from(may_be_expired)]).chain_update(token);
        let asking = async {
            // while Keystone hangs, strangers must not take the place of those who are known
            let _question = self.questions.try_acquire().context("too many unknown tokens")?;
            let asked = tokio::time::timeout(self.timeout, self.ask(token, may_be_expired)).await;
            asked.context("Keystone does not answer")?
        };
        let verdict = self.cache.try_get_with(key.finalize().into(), asking).await;
        verdict.map_err(|error: Arc<anyhow::Error>| anyhow!("{error:#}"))
    }

    /// With what this service asks others on its own account.
    pub async fn own_access(&self) -> anyhow::Result<OwnAccess> {
        self.own.get(&self.client).await
    }

    /// What Keystone says when the bearer of a token asks for a project. An id has letters, digits and dashes: anything else is
    /// none.
    pub async fn project(&self, id: &str, bearer: &str) -> reqwest::Result<StatusCode> {
        if !id.chars().all(|character| character.is_ascii_alphanumeric() || character == '-') {
            return Ok(StatusCode::NOT_FOUND);
        }
        let url = format!("{}/projects/{id}", self.url);
        Ok(self.client.get(url).header("X-Auth-Token", bearer).send().await?.status())
    }

    async fn ask(&self, token: &str, may_be_expired: bool) -> anyhow::Result<Verdict> {
        let own = self.own.get(&self.client).await?.token;
        let answer = match self.send(token, may_be_expired, own.expose()).await {
            // the connection was closed meanwhile, or Keystone is about to be there again
            Err(error) if !error.is_timeout() => {
                tokio::time::sleep(RETRY_PAUSE).await;
                self.send(token, may_be_expired, own.expose()).await?
            }
            answer => answer?,
        };
        if answer.status() != StatusCode::UNAUTHORIZED {
            return verdict(answer).await;
        }
        self.own.forget(&own).await;
        let own = self.own.get(&self.client).await?.token;
        verdict(self.send(token, may_be_expired, own.expose()).await?).await
    }

    async fn send(
        &self,
        token: &str,
        may_be_expired: bool,
        own: &str,
    ) -> reqwest::Result<reqwest::Response> {
        let expired = if may_be_expired { "&allow_expired=1" } else { "" };
        self.client
            .get(format!("{}/auth/tokens?nocatalog{expired}", self.url))
            .header("X-Auth-Token", own)
            .header("X-Subject-Token", token)
            // whoever understands access rules gets tokens that have some
            .header("OpenStack-Identity-Access-Rules", "1")
            .send()
            .await
    }
}

async fn verdict(answer: reqwest::Response) -> anyhow::Result<Verdict> {
    match answer.status() {
        StatusCode::OK => {
            let Answer { token } = answer.json().await.context("Keystone's answer")?;
            Ok(Verdict::Valid(Arc::new(token)))
        }
        StatusCode::NOT_FOUND => Ok(Verdict::Unknown),
        StatusCode::UNAUTHORIZED => bail!("Keystone does not accept the service's own token"),
        StatusCode::FORBIDDEN => bail!("the service's account may not validate tokens"),
        other => bail!("Keystone answers {other}"),
    }
}

/// An answer counts no longer than the token it is about.
struct CacheTime(Duration);

impl Expiry<Key, Verdict> for CacheTime {
    fn expire_after_create(&self, _: &Key, verdict: &Verdict, _: Instant) -> Option<Duration> {
        Some(match verdict {
            Verdict::Unknown => self.0.min(UNKNOWN_FOR),
            Verdict::Valid(token) => {
                let left = token.expires_at - OffsetDateTime::now_utc();
                // an expired one was asked about on behalf of a service
                Duration::try_from(left).unwrap_or(self.0).min(self.0)
            }
        })
    }
}
