//! An attachment: a server's use of a volume.

use super::{AttachmentId, BackendId, VolumeId};
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::serde::rfc3339;
use uuid::Uuid;

text_enum! {
    /// Where an attachment stands, in Cinder's words. Nothing here is transitional in our sense: the
    /// servers' side brings about what follows `reserved`, `attaching` and `detaching`.
    pub enum AttachmentStatus {
        /// The volume is kept for the server.
        Reserved = "reserved",
        /// The server knows how to connect.
        Attaching = "attaching",
        /// The server has connected.
        Attached = "attached",
        /// The connection is being closed.
        Detaching = "detaching",
        /// It is over; the row stays for audit until it is purged.
        Detached = "detached",
        /// The connection could not be closed.
        ErrorDetaching = "error_detaching",
    }
}

text_enum! {
    /// What a server may do with the volume.
    pub enum AttachMode {
        /// Read and write.
        ReadWrite = "rw",
        /// Read.
        ReadOnly = "ro",
    }
}

/// What a server's host says of itself, in Cinder's words.
pub type Connector = Map<String, Value>;

/// The host that a connector names, or else its iSCSI initiator. Servers on one host share what it knows of a data path.
#[must_use]
pub fn host_of(connector: &Connector) -> &str {
    let names = ["host", "initiator"].iter().filter_map(|key| connector.get(*key));
    names.filter_map(Value::as_str).find(|name| !name.is_empty()).unwrap_or_default()
}

/// An attachment as the view `attachment_details` shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// The project that owns it.
    pub project_id: String,
    /// The volume.
    pub volume_id: VolumeId,
    /// The backend that holds the volume.
    pub backend_id: BackendId,
    /// The server.
    pub instance_id: Option<Uuid>,
    /// The host that the server is on.
    pub host_name: Option<String>,
    /// The device that it is to the server.
    pub mountpoint: Option<String>,
    /// What the server may do.
    pub attach_mode: AttachMode,
    /// Where it stands.
    pub status: AttachmentStatus,
    /// What the server's host can, as it said itself; `None` before it said so.
    pub connector: Option<Map<String, Value>>,
    /// How the server connects; `None` before it was told.
    pub connection_info: Option<Map<String, Value>>,
    /// Whether it was made by the volume's actions, which do not name it.
    pub through_actions: bool,
    /// When it connected.
    #[serde(with = "rfc3339::option")]
    pub attached_at: Option<OffsetDateTime>,
    /// When it was over.
    #[serde(with = "rfc3339::option")]
    pub detached_at: Option<OffsetDateTime>,
    /// When the row was made.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
}
