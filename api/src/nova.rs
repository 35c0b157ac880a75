//! Nova, OpenStack's compute service: asked whether a server uses a volume.

use configuration::Secret;
use model::{Attachment, Error, ErrorKind, Result};
use openstack::nova::Nova;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// The version of Nova's API that tells which attachment a server's volume has.
const VERSION: &str = "2.89";

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

/// Whether a server uses its volume through this attachment. `found` is Nova's address in the catalogue.
pub(crate) async fn uses(
    nova: &Nova,
    server: Uuid,
    attachment: &Attachment,
    asks: OnBehalfOf<'_>,
    found: Option<&str>,
) -> Result<bool> {
    let volume = attachment.volume_id;
    let path = format!("servers/{server}/os-volume_attachments/{volume}");
    let answer = nova
        .request(Method::GET, &path, VERSION, found)
        .ok_or_else(|| unavailable("Nova is not in the catalogue"))?
        .header("X-Auth-Token", asks.user.expose())
        .header("X-Service-Token", asks.service.expose())
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

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let text =
        "Nova does not tell whether the server uses the volume. Nothing was changed; try again.";
    Error::unavailable(text).caused_by(cause)
}
