//! Resources as Cinder's clients see them, version by version.

use time::OffsetDateTime;
use time::macros::format_description;

pub(crate) mod attachment;
pub(crate) mod backup;
pub(crate) mod cluster;
pub(crate) mod message;
pub(crate) mod qos_specs;
pub(crate) mod service;
pub(crate) mod snapshot;
pub(crate) mod transfer;
pub(crate) mod version;
pub(crate) mod volume;
pub(crate) mod volume_type;

/// UTC without a zone, always with microseconds; clients fail on anything else.
pub(crate) fn timestamp(time: Option<OffsetDateTime>) -> Option<String> {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    time?.to_offset(time::UtcOffset::UTC).format(format).ok()
}
