//! A service: one process of cinderblock that reports that it is alive.

use super::{BackendId, ServiceId};
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

text_enum! {
    /// The kinds of services that are listed, in the words that Cinder's clients filter by.
    pub enum Binary {
        /// The gate and the choice.
        Scheduler = "cinder-scheduler",
        /// The hands on one backend.
        Volume = "cinder-volume",
    }
}

/// A row of the service registry.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// What kind of service it is.
    pub binary: Binary,
    /// `host` for a scheduler, `host@backend` for a volume service.
    pub host: String,
    /// The backend that it works for.
    pub backend_id: Option<BackendId>,
    /// The zone it serves.
    pub availability_zone: String,
    /// The newest heartbeat; `None` after an orderly stop.
    #[serde(with = "rfc3339::option")]
    pub seen_at: Option<OffsetDateTime>,
    /// Whether the newest heartbeat is recent enough.
    pub is_up: bool,
}
