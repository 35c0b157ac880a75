//! Quality of service: limits that servers or backends keep to.

use super::{Metadata, QosSpecsId};
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

text_enum! {
    /// Who keeps to a QoS specification, in Cinder's words.
    pub enum QosConsumer {
        /// The servers.
        FrontEnd = "front-end",
        /// The backend.
        BackEnd = "back-end",
        /// Both.
        Both = "both",
    }
}

/// A quality of service.
#[derive(Clone, Debug, Deserialize)]
pub struct QosSpecs {
    /// Its id.
    pub id: QosSpecsId,
    /// Its unique name.
    pub name: String,
    /// Who keeps to it.
    pub consumer: QosConsumer,
    /// What there is to keep to.
    pub specs: Metadata,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
}

/// What servers keep to for a volume of this size: a limit per GiB becomes one for the volume, and not less
/// than its least value (`…_per_gb_min`).
#[must_use]
pub fn for_size(specs: &Metadata, size_gb: i32) -> Metadata {
    let number = |key: &str| specs.get(key).and_then(|text| text.parse::<i64>().ok());
    let mut limits = Metadata::new();
    for (key, value) in specs {
        match key.strip_suffix("_per_gb") {
            Some(limit) => {
                let least = number(&format!("{key}_min")).unwrap_or(0);
                let whole = number(key).unwrap_or(0).saturating_mul(size_gb.into()).max(least);
                limits.insert(limit.to_owned(), whole.to_string());
            }
            None if key.ends_with("_per_gb_min") => {}
            None => {
                limits.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_per_gib_grows_with_the_volume_from_its_least_value() {
        let specs = [
            ("read_iops_sec", "100"),
            ("total_iops_sec_per_gb", "30"),
            ("total_iops_sec_per_gb_min", "100"),
        ];
        let specs: Metadata =
            specs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let of = |size_gb| for_size(&specs, size_gb);
        assert_eq!(of(2)["total_iops_sec"], "100");
        assert_eq!(of(10)["total_iops_sec"], "300");
        assert_eq!(of(10)["read_iops_sec"], "100");
        assert_eq!(of(10).len(), 2);
    }
}
