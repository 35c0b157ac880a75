//! Where a backup is: the names are Cinder's. Those that come from a database or from a user are not trusted, since whatever begins with a
//! prefix is removed with it.

use crate::error::StoreError;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// What a database keeps of where a backup is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// A directory below that of the store, or a bucket; Cinder's `container`.
    pub container: String,
    /// What the names of its objects begin with; Cinder's `service_metadata`.
    pub prefix: String,
}

/// How a kind of store names its backups.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    /// In directories.
    Posix,
    /// In a bucket: that which is taken when none is named, and the zone that stands in the names.
    Bucket { default: String, zone: String },
}

impl Layout {
    /// Where a new backup will be.
    pub fn place(
        &self,
        (id, volume_id): (Uuid, Uuid),
        created_at: OffsetDateTime,
        container: Option<&str>,
    ) -> Result<Stored, StoreError> {
        let at = stamp(created_at)?;
        let stored = match self {
            Self::Posix => Stored {
                container: container.map_or_else(|| own_directory(id), str::to_owned),
                prefix: format!("volume_{volume_id}_{at}_backup_{id}"),
            },
            Self::Bucket { default, zone } => Stored {
                container: container.unwrap_or(default).to_owned(),
                prefix: format!("volume_{volume_id}/{at}/az_{zone}_backup_{id}"),
            },
        };
        // only the store itself makes directories of several levels
        if container.is_some_and(|container| container.contains('/')) {
            return Err(refused("container", &stored.container));
        }
        self.check(&stored)?;
        Ok(stored)
    }

    /// Refuses what no backup of this kind of store is called.
    pub fn check(&self, stored: &Stored) -> Result<(), StoreError> {
        let Stored { container, prefix } = stored;
        let (is_container, is_prefix) = match self {
            Self::Posix => {
                (is_plain(container) || is_own_directory(container), is_prefix_of_files(prefix))
            }
            Self::Bucket { .. } => (is_bucket(container), is_prefix_of_keys(prefix)),
        };
        match (is_container, is_prefix) {
            (true, true) => Ok(()),
            (false, _) => Err(refused("container", container)),
            (true, false) => Err(refused("place", prefix)),
        }
    }
}

fn refused(what: &str, name: &str) -> StoreError {
    StoreError::Invalid(format!("{name:?} is not the {what} of a backup"))
}

/// The name of a backup's object, by its number, from 1.
pub(crate) fn object_name(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number:05}")
}

/// Whether it is the name of one of a backup's objects.
pub(crate) fn is_object_name(prefix: &str, name: &str) -> bool {
    let number = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| (5..=19).contains(&number.len()) && is_digits(number))
}

/// The name of the object that describes a backup.
pub(crate) fn metadata_name(prefix: &str) -> String {
    format!("{prefix}_metadata")
}

/// The name of the object with the hashes of the volume's blocks.
pub(crate) fn hashes_name(prefix: &str) -> String {
    format!("{prefix}_sha256file")
}

fn stamp(at: OffsetDateTime) -> Result<String, StoreError> {
    let form = format_description!("[year][month][day][hour][minute][second]");
    at.to_offset(time::UtcOffset::UTC)
        .format(form)
        .map_err(|error| StoreError::Invalid(format!("the time of a backup: {error}")))
}

fn own_directory(id: Uuid) -> String {
    let id = id.to_string();
    let (first, rest) = id.split_at(2);
    let (second, _) = rest.split_at(2);
    format!("{first}/{second}/{id}")
}

fn is_own_directory(container: &str) -> bool {
    let id = container.rsplit('/').next().and_then(|id| Uuid::try_parse(id).ok());
    id.is_some_and(|id| own_directory(id) == container)
}

/// Whether a file or directory of this name is where it seems to be, and is not hidden.
fn is_plain(name: &str) -> bool {
    let is_short = (1..=255).contains(&name.len());
    is_short && !name.starts_with('.') && !name.contains(|c: char| c == '/' || c.is_control())
}

fn is_bucket(name: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (3..=255).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_known)
}

fn is_prefix_of_files(prefix: &str) -> bool {
    let mut parts = prefix.split('_');
    parts.next() == Some("volume")
        && parts.next().is_some_and(is_id)
        && parts.next().is_some_and(is_stamp)
        && parts.next() == Some("backup")
        && parts.next().is_some_and(is_id)
        && parts.next().is_none()
}

fn is_prefix_of_keys(prefix: &str) -> bool {
    let mut parts = prefix.split('/');
    parts.next().and_then(|volume| volume.strip_prefix("volume_")).is_some_and(is_id)
        && parts.next().is_some_and(is_stamp)
        && parts.next().is_some_and(is_end_of_key)
        && parts.next().is_none()
}

fn is_end_of_key(end: &str) -> bool {
    let of_zone = end.strip_prefix("az_").and_then(|end| end.rsplit_once("_backup_"));
    of_zone.is_some_and(|(zone, id)| is_id(id) && is_zone(zone))
}

fn is_zone(zone: &str) -> bool {
    zone.len() <= 255 && !zone.contains(|c: char| c == '/' || c.is_control())
}

fn is_stamp(text: &str) -> bool {
    text.len() == 14 && is_digits(text)
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const ID: Uuid = Uuid::from_u128(0x8c14_c5d1_0a5c_4e3c_93a5_9a1e_4d6b_1d11);
    const VOLUME: Uuid = Uuid::from_u128(1);

    fn bucket() -> Layout {
        Layout::Bucket { default: "volumebackups".to_owned(), zone: "nova".to_owned() }
    }

    #[test]
    fn backups_are_where_cinder_puts_them() {
        let at = datetime!(2026-01-02 05:04:05.678 +02:00);
        let posix = Layout::Posix.place((ID, VOLUME), at, None).unwrap();
        assert_eq!(posix.container, "8c/14/8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11");
        let prefix = "volume_00000000-0000-0000-0000-000000000001_20260102030405_backup_8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11";
        assert_eq!(posix.prefix, prefix);
        let key = bucket().place((ID, VOLUME), at, None).unwrap();
        assert_eq!(key.container, "volumebackups");
        let prefix = "volume_00000000-0000-0000-0000-000000000001/20260102030405/az_nova_backup_8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11";
        assert_eq!(key.prefix, prefix);
        let named = bucket().place((ID, VOLUME), at, Some("others")).unwrap();
        assert_eq!(named.container, "others");
    }

    #[test]
    fn a_container_leads_nowhere_else() {
        let at = datetime!(2026-01-02 03:04:05 UTC);
        for container in ["", ".", "..", ".hidden", "a/b", "../x", "/etc", "a\0b", "a\nb"] {
            for layout in [Layout::Posix, bucket()] {
                let placed = layout.place((ID, VOLUME), at, Some(container));
                assert!(matches!(placed, Err(StoreError::Invalid(_))), "{container:?}");
            }
        }
        let own = Layout::Posix.place((ID, VOLUME), at, None).unwrap();
        for container in ["8c/14/..", "8c/../8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11", "8c/15/x"] {
            let stored = Stored { container: container.to_owned(), ..own.clone() };
            assert!(Layout::Posix.check(&stored).is_err(), "{container}");
        }
        Layout::Posix.check(&own).unwrap();
    }

    #[test]
    fn a_prefix_is_that_of_one_backup() {
        let at = datetime!(2026-01-02 03:04:05 UTC);
        for layout in [Layout::Posix, bucket()] {
            let own = layout.place((ID, VOLUME), at, None).unwrap();
            let whole = own.prefix.as_str();
            for prefix in [
                "",
                "volume_",
                "../x",
                &whole[..whole.len() - 1],
                &format!("{whole}-00001"),
                &format!("x/{whole}"),
                &format!("../{whole}"),
                &whole.replacen("2026", "../.", 1),
                &whole.replacen("_backup", "/../_backup", 1),
                &whole.replacen("nova", "a\0b", 1).replacen("volume", "\0", 1),
            ] {
                let stored = Stored { prefix: prefix.to_owned(), ..own.clone() };
                assert!(layout.check(&stored).is_err(), "{prefix}");
            }
        }
    }

    #[test]
    fn objects_have_numbers_of_five_digits_or_more() {
        assert_eq!(object_name("p", 7), "p-00007");
        for name in ["p-00001", "p-123456"] {
            assert!(is_object_name("p", name));
        }
        for name in ["p-1", "p-0000x", "q-00001", "p-00001/../x", "p_metadata", "p"] {
            assert!(!is_object_name("p", name), "{name}");
        }
    }
}
