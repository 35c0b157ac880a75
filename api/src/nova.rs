//! Nova, OpenStack's compute service: asked whether a server uses a volume.

use configuration::{NovaConfig, Secret};
use model::{Attachment, Error, ErrorKind, Result};
use openstack::http_client;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// The version of Nova's API that tells which attachment a server's volume has.
const VERSION: &str = "2.89";

/// Nova's API.
pub(crate) struct Nova {
    client: Client,
    /// Its address; where there is none, that of the catalogue.
    endpoint: Option<String>,
}

/// On whose behalf Nova is asked.
pub(crate) struct OnBehalfOf<'a> {
    /// The token of who asks: Nova shows servers to whoever may see them.
    pub user: &'a Secret,
    /// The token of this service, with which the other one may have expired.
    pub service: &'a Secret,
}

/// Where Nova's answer names the attachment, and where it says that there is none: a 404 of somebody else's means nothing.
const ATTACHMENT: &str = "/volumeAttachment/attachment_id";
const NOT_FOUND: &str = "/itemNotFound";

impl Nova {
    /// As the configuration says; `None` when Nova is not to be asked.
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

    /// Whether a server uses its volume through this attachment. `found` is Nova's address in the catalogue.
    pub async fn uses(
        &self,
        server: Uuid,
        attachment: &Attachment,
        asks: OnBehalfOf<'_>,
        found: Option<&str>,
    ) -> Result<bool> {
        let volume = attachment.volume_id;
        let endpoint = self.endpoint.as_deref().or(found);
        let endpoint = endpoint.ok_or_else(|| unavailable("Nova is not in the catalogue"))?;
        let endpoint = endpoint.trim_end_matches('/');
        let path = format!("{endpoint}/servers/{server}/os-volume_attachments/{volume}");
        let answer = self
            .client
            .get(path)
            .header("X-Auth-Token", asks.user.expose())
            .header("X-Service-Token", asks.service.expose())
            .header("OpenStack-API-Version", format!("compute {VERSION}"))
            .header("X-OpenStack-Nova-API-Version", VERSION)
            .send()
            .await
            .map_err(unavailable)?;
        let status = answer.status();
        if status == StatusCode::FORBIDDEN {
            let text = "Nova does not tell you whether the server uses the volume.";
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        let body: Value = answer.json().await.unwrap_or_default();
        match (status, body.pointer(ATTACHMENT), body.pointer(NOT_FOUND)) {
            (StatusCode::OK, Some(used), _) => Ok(*used == json!(attachment.id)),
            (StatusCode::NOT_FOUND, _, Some(_)) => Ok(false),
            _ => Err(unavailable(format!("Nova's answer is {status}, and not understood"))),
        }
    }
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let text =
        "Nova does not tell whether the server uses the volume. Nothing was changed; try again.";
    Error::unavailable(text).caused_by(cause)
}
