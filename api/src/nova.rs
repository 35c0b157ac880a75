//! Nova, OpenStack's compute service: asked whether a server uses a volume.

use crate::http_client;
use configuration::{NovaConfig, Secret};
use model::{Attachment, Error, ErrorKind, Result};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use uuid::Uuid;

/// The version of Nova's API that tells which attachment a server's volume has.
const VERSION: &str = "2.89";

/// Nova's API.
pub(crate) struct Nova {
    client: Client,
    endpoint: String,
}

/// On whose behalf Nova is asked.
pub(crate) struct OnBehalfOf<'a> {
    /// The token of who asks: Nova shows servers to whoever may see them.
    pub user: &'a Secret,
    /// The token of this service, with which the other one may have expired.
    pub service: &'a Secret,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "volumeAttachment")]
    attachment: Used,
}

#[derive(Deserialize)]
struct Used {
    attachment_id: Option<Uuid>,
}

impl Nova {
    /// As the configuration says; `None` when Nova is not to be asked.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn new(config: &NovaConfig) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let client = http_client::new("nova", config.ca_file.as_deref(), config.timeout())?;
        Ok(Some(Self { client, endpoint: endpoint.trim_end_matches('/').to_owned() }))
    }

    /// Whether a server uses its volume through this attachment.
    pub async fn uses(
        &self,
        server: Uuid,
        attachment: &Attachment,
        asks: OnBehalfOf<'_>,
    ) -> Result<bool> {
        let volume = attachment.volume_id;
        let path = format!("{}/servers/{server}/os-volume_attachments/{volume}", self.endpoint);
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
        match answer.status() {
            StatusCode::OK => {
                let found: Found = answer.json().await.map_err(unavailable)?;
                Ok(found.attachment.attachment_id == Some(attachment.id.0))
            }
            StatusCode::NOT_FOUND => Ok(false),
            StatusCode::UNAUTHORIZED => Err(refused(ErrorKind::Unauthorized)),
            StatusCode::FORBIDDEN => Err(refused(ErrorKind::Forbidden)),
            other => Err(unavailable(format!("Nova answers {other}"))),
        }
    }
}

fn refused(kind: ErrorKind) -> Error {
    Error::new(
        kind,
        "Nova does not tell whether the server uses the volume: it refuses the request.",
    )
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let text =
        "Nova does not tell whether the server uses the volume. Nothing was changed; try again.";
    Error::unavailable(text).caused_by(cause)
}
