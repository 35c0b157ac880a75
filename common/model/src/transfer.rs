//! A transfer: the offer of a volume to whoever has its key.

use super::{TransferId, VolumeId};
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// A transfer as its table has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// The volume that it offers.
    pub volume_id: VolumeId,
    /// The project that offers it.
    pub project_id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Whether the volume's snapshots stay where they are.
    pub no_snapshots: bool,
    /// With what the key was hashed.
    pub salt: String,
    /// What is kept of the key.
    pub crypt_hash: String,
    /// The project that has taken the volume over.
    pub destination_project_id: Option<String>,
    /// Whether one has.
    pub accepted: bool,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
}
