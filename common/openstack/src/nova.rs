//! Nova, the compute service: it is asked about servers, and told what has happened to their volumes.

use crate::http_client;
use crate::own_token::OwnAccess;
use configuration::NovaConfig;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The type by which the catalogue knows Nova.
const SERVICE_TYPE: &str = "compute";
/// Where it takes events.
const EVENTS: &str = "os-server-external-events";

/// What has happened to a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventName {
    /// It has grown under its server.
    VolumeExtended,
    /// It has another content, or could not get it.
    VolumeReimaged,
}

impl EventName {
    /// The version of Nova's API that knows it.
    const fn version(self) -> &'static str {
        match self {
            Self::VolumeExtended => "2.51",
            Self::VolumeReimaged => "2.93",
        }
    }
}

/// Something that a server is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// What it is.
    pub name: EventName,
    /// Which server.
    pub server_uuid: Uuid,
    /// Which volume.
    pub tag: Uuid,
    /// Whether it has succeeded.
    pub status: EventStatus,
}

/// Whether what a server is told has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// It has.
    Completed,
    /// It has not.
    Failed,
}

/// Nova's answers to events.
#[derive(Deserialize)]
struct Answer {
    events: Vec<Answered>,
}

#[derive(Deserialize)]
struct Answered {
    server_uuid: Uuid,
    code: Option<u16>,
}

/// Nova's API.
pub struct Nova {
    client: Client,
    /// Its address; where there is none, that of the catalogue.
    endpoint: Option<String>,
}

impl Nova {
    /// As the configuration says; `None` when Nova is neither asked nor told anything.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn new(config: &NovaConfig) -> anyhow::Result<Option<Self>> {
        if !config.is_set() {
            return Ok(None);
        }
        let client = http_client::new("nova", config.ca_file.as_deref(), config.timeout())?;
        Ok(Some(Self { client, endpoint: config.endpoint.clone() }))
    }

    /// A request of this version of the API; `None` where Nova is neither configured nor at an address in the catalogue, `found`.
    #[must_use]
    pub fn request(
        &self,
        method: Method,
        path: &str,
        version: &str,
        found: Option<&str>,
    ) -> Option<RequestBuilder> {
        let address = self.endpoint.as_deref().or(found)?.trim_end_matches('/');
        let asked = self.client.request(method, format!("{address}/{path}"));
        let asked = asked.header("OpenStack-API-Version", format!("compute {version}"));
        Some(asked.header("X-OpenStack-Nova-API-Version", version))
    }

    /// Tells servers what has happened, all the same kind of thing; returns those of which Nova knows nothing, or that are on no host.
    ///
    /// # Errors
    /// When Nova does not take it.
    pub async fn tell(
        &self,
        name: EventName,
        events: &[Event],
        own: Option<&OwnAccess>,
    ) -> anyhow::Result<Vec<Uuid>> {
        let found = own.and_then(|own| own.address(SERVICE_TYPE));
        let asked = self.request(Method::POST, EVENTS, name.version(), found);
        let asked = asked.ok_or_else(|| anyhow::anyhow!("Nova is not in the catalogue"))?;
        let mut asked = asked.json(&json!({ "events": events }));
        if let Some(own) = own {
            asked = asked.header("X-Auth-Token", own.token.expose());
        }
        let answered = asked.send().await?;
        let status = answered.status();
        // none of the servers
        if status == StatusCode::NOT_FOUND {
            return Ok(events.iter().map(|event| event.server_uuid).collect());
        }
        anyhow::ensure!(status.is_success(), "Nova answers {status}");
        let answer: Answer = answered.json().await?;
        let not_told = answer.events.into_iter().filter(|one| one.code != Some(200));
        Ok(not_told.map(|one| one.server_uuid).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_called_as_nova_calls_them() {
        let event = Event {
            name: EventName::VolumeReimaged,
            server_uuid: Uuid::nil(),
            tag: Uuid::nil(),
            status: EventStatus::Failed,
        };
        let told = json!(event);
        assert_eq!((&told["name"], &told["status"]), (&json!("volume-reimaged"), &json!("failed")));
        assert_eq!(json!(EventName::VolumeExtended), json!("volume-extended"));
    }
}
