//! What servers are told, through Nova, when an operation on their volume has ended.

use database::operation_log::ClaimedOperation;
use database::{Database, attachments};
use model::{Attachment, AttachmentStatus, VolumeId};
use openstack::nova::{Event, EventName, EventStatus, Nova};
use openstack::own_token::OwnAccount;
use operation::{OnBackend, ReimageVolume};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How often Nova is told, if it does not answer.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Tells servers, through Nova, what has happened to their volumes.
pub(crate) struct ServerEvents {
    pub database: Database,
    /// `None` where Nova is not told anything.
    pub nova: Option<Nova>,
    pub account: Option<Arc<OwnAccount>>,
}

impl ServerEvents {
    /// Tells what an operation that has ended comes to for servers. What cannot be told is in the log.
    pub async fn tell(&self, claimed: &ClaimedOperation, status: EventStatus) {
        let Some(nova) = &self.nova else { return };
        let Some((volume, name)) = to_tell(claimed.operation.on_backend(), status) else { return };
        let servers = match self.servers(volume, name).await {
            Ok(servers) if servers.is_empty() => return,
            Ok(servers) => servers,
            Err(error) => return tracing::error!(%error, "servers are not told"),
        };
        let event = |server_uuid: Uuid| Event { name, server_uuid, tag: volume.0, status };
        let events: Vec<_> = servers.into_iter().map(event).collect();
        for attempt in 1..=TRIES {
            match self.try_to_tell(nova, name, &events).await {
                Ok(unknown) if unknown.is_empty() => {
                    return tracing::info!(servers = events.len(), "servers are told");
                }
                Ok(unknown) => {
                    return tracing::warn!(?unknown, "Nova tells nothing to these servers");
                }
                Err(error) if attempt < TRIES => {
                    tracing::warn!(error = format!("{error:#}"), "servers are not told yet");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "servers are not told");
                }
            }
        }
    }

    /// The servers of a volume that it concerns.
    async fn servers(
        &self,
        volume: VolumeId,
        name: EventName,
    ) -> Result<Vec<Uuid>, database::DbError> {
        let attachments = attachments::of_volume(&self.database, volume).await?;
        let is_concerned = |one: &Attachment| match name {
            EventName::VolumeExtended => one.status == AttachmentStatus::Attached,
            EventName::VolumeReimaged => true,
        };
        let concerned = attachments.into_iter().filter(is_concerned);
        Ok(concerned.filter_map(|one| one.instance_id).collect())
    }

    async fn try_to_tell(
        &self,
        nova: &Nova,
        name: EventName,
        events: &[Event],
    ) -> anyhow::Result<Vec<Uuid>> {
        let own = match &self.account {
            Some(account) => Some(account.access().await?),
            None => None,
        };
        nova.tell(name, events, own.as_ref()).await
    }
}

/// Of which volume what is told. A server waits to be told that its volume is reimaged, however that has ended.
fn to_tell(operation: Option<OnBackend<'_>>, status: EventStatus) -> Option<(VolumeId, EventName)> {
    match operation? {
        OnBackend::ExtendVolume(extend) if status == EventStatus::Completed => {
            Some((extend.volume_id, EventName::VolumeExtended))
        }
        OnBackend::ReimageVolume(ReimageVolume { volume_id, reserved: true, .. }) => {
            Some((*volume_id, EventName::VolumeReimaged))
        }
        _ => None,
    }
}
