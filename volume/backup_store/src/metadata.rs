//! The object that describes a backup.

use crate::backup::NewBackup;
use crate::compression::Compression;
use crate::error::StoreError;
use crate::layout::{Stored, is_object_name};
use crate::{python_json, untrusted_json};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::HashSet;
use std::io::Read;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

/// The version of the format.
pub(crate) const VERSION: &str = "1.0.0";
/// The largest text that is read or written, in bytes: a million objects.
const MOST: usize = 256 << 20;
/// How much of it an object takes beside its name, in bytes, numbers being as long as they can be.
const OF_ONE_OBJECT: usize = 256;

/// What is known of a stored backup, by what stands beside its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The id that it had when it was written.
    pub id: Uuid,
    /// The volume of which it was made.
    pub volume_id: Uuid,
    /// What it was called.
    pub name: Option<String>,
    /// What it was described as.
    pub description: Option<String>,
    /// When it was made, by its record, to the second.
    pub created_at: OffsetDateTime,
    /// The backup on which it stands, when it is an increment.
    pub parent_id: Option<Uuid>,
    /// What was known of the volume; null when nothing.
    pub volume_meta: Value,
    /// Its objects, in the order of the volume.
    pub objects: Vec<StoredObject>,
}

/// A part of a volume's content, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// What the object is called.
    pub name: String,
    /// Where its data are in the volume, in bytes.
    pub offset: u64,
    /// How long they are, not compressed, in bytes.
    pub length: u64,
    /// Their MD5, not compressed.
    pub md5: [u8; 16],
    /// How they are compressed.
    pub compression: Compression,
}

impl StoredObject {
    /// Where its data end in the volume, in bytes.
    #[must_use]
    pub const fn end(&self) -> u64 {
        // what is read is checked, and what is written ends with the volume
        self.offset.saturating_add(self.length)
    }
}

#[derive(Deserialize, Serialize)]
struct Text {
    #[serde(default)]
    backup_description: Option<String>,
    backup_id: Uuid,
    #[serde(default)]
    backup_name: Option<String>,
    created_at: String,
    objects: Vec<Listed>,
    #[serde(default)]
    parent_id: Option<Uuid>,
    version: String,
    volume_id: Uuid,
    #[serde(default)]
    volume_meta: Option<String>,
}

/// An object's name and what is said of it: a map with one key.
struct Listed(String, TextOfObject);

#[derive(Deserialize, Serialize)]
struct TextOfObject {
    compression: String,
    length: u64,
    md5: String,
    offset: u64,
}

impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0, &self.1)])
    }
}

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneKey;
        impl<'de> Visitor<'de> for OneKey {
            type Value = Listed;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object with its name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listed, A::Error> {
                let first = map.next_entry()?;
                let (Some((name, text)), None) = (first, map.next_key::<IgnoredAny>()?) else {
                    return Err(A::Error::custom("what is listed is not one object each"));
                };
                Ok(Listed(name, text))
            }
        }
        deserializer.deserialize_map(OneKey)
    }
}

/// Whether a backup of so many objects can be described.
pub(crate) fn is_describable(objects: &[StoredObject]) -> bool {
    let each = OF_ONE_OBJECT + objects.first().map_or(0, |object| object.name.len());
    objects.len().saturating_mul(each) < MOST
}

/// The text that describes a backup of these objects.
pub(crate) fn write(new: &NewBackup, objects: &[StoredObject]) -> Result<Vec<u8>, StoreError> {
    let volume_meta = match &new.volume_meta {
        Value::Null => None,
        known @ (Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => Some(known.to_string()),
    };
    Ok(python_json::text(&Text {
        backup_description: new.description.clone(),
        backup_id: new.id,
        backup_name: new.name.clone(),
        created_at: time_text(new.created_at)?,
        objects: objects.iter().map(text_of_object).collect(),
        parent_id: new.parent_id,
        version: VERSION.to_owned(),
        volume_id: new.volume_id,
        volume_meta,
    })?)
}

fn text_of_object(object: &StoredObject) -> Listed {
    let text = TextOfObject {
        compression: object.compression.as_str().to_owned(),
        length: object.length,
        md5: hex::encode(object.md5),
        offset: object.offset,
    };
    Listed(object.name.clone(), text)
}

/// A time as Python writes it, to the second.
pub(crate) fn time_text(at: OffsetDateTime) -> Result<String, StoreError> {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]+00:00");
    at.to_offset(time::UtcOffset::UTC)
        .format(form)
        .map_err(|error| StoreError::Invalid(format!("the time of a backup: {error}")))
}

/// A time that Python has written, with parts of a second or without, with an offset or without one.
fn time_of(text: &str) -> Option<OffsetDateTime> {
    const WITH_OFFSET: &[BorrowedFormatItem<'_>] = format_description!(
        version = 2,
        "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory]:[offset_minute]"
    );
    const WITHOUT: &[BorrowedFormatItem<'_>] = format_description!(
        version = 2,
        "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    let text = text.replacen('T', " ", 1).replacen('Z', "+00:00", 1);
    let whole = OffsetDateTime::parse(&text, WITH_OFFSET);
    whole.or_else(|_| PrimitiveDateTime::parse(&text, WITHOUT).map(|at| at.assume_utc())).ok()
}

/// What a text says of a backup that is here.
pub(crate) fn read(text: impl Read, stored: &Stored) -> Result<Description, StoreError> {
    let text: Text = untrusted_json::read(text, MOST as u64, "its metadata")?;
    if text.version != VERSION {
        let version: String = text.version.chars().take(20).collect();
        return Err(StoreError::Incompatible(format!("the backup is of version {version:?}")));
    }
    let volume_meta = text.volume_meta.as_deref().map(serde_json::from_str).transpose();
    let volume_meta = volume_meta.map_err(|_| damaged("what is known of the volume is no JSON"))?;
    Ok(Description {
        id: text.backup_id,
        volume_id: text.volume_id,
        name: text.backup_name,
        description: text.backup_description,
        created_at: time_of(&text.created_at).ok_or_else(|| damaged("its time is none"))?,
        parent_id: text.parent_id,
        volume_meta: volume_meta.unwrap_or(Value::Null),
        objects: objects_of(text.objects, &stored.prefix)?,
    })
}

fn objects_of(texts: Vec<Listed>, prefix: &str) -> Result<Vec<StoredObject>, StoreError> {
    let objects: Vec<_> =
        texts.into_iter().map(|text| object_of(text, prefix)).collect::<Result<_, _>>()?;
    let mut names = HashSet::new();
    let mut end = 0;
    for object in &objects {
        if !names.insert(&object.name) {
            return Err(damaged("it lists an object twice"));
        }
        if object.offset < end {
            return Err(damaged("its objects overlap, or are not in the volume's order"));
        }
        end = object.end();
    }
    Ok(objects)
}

fn object_of(Listed(name, text): Listed, prefix: &str) -> Result<StoredObject, StoreError> {
    if !is_object_name(prefix, &name) {
        return Err(damaged("it lists what is none of its objects"));
    }
    let mut md5 = [0; 16];
    hex::decode_to_slice(&text.md5, &mut md5).map_err(|_| damaged("an MD5 of its is none"))?;
    if text.length == 0 || text.offset.checked_add(text.length).is_none() {
        return Err(damaged("an object of its is nowhere in a volume"));
    }
    let compression = text.compression.parse().map_err(|_| damaged("a compression is unknown"))?;
    Ok(StoredObject { name, offset: text.offset, length: text.length, md5, compression })
}

fn damaged(how: &str) -> StoreError {
    StoreError::Damaged(how.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_read_as_python_writes_them() {
        let at = datetime!(2026-01-02 03:04:05 UTC);
        assert_eq!(
            time_text(at.to_offset(time::macros::offset!(+2))).unwrap(),
            "2026-01-02 03:04:05+00:00"
        );
        for text in ["2026-01-02 03:04:05+00:00", "2026-01-02 03:04:05", "2026-01-02T03:04:05Z"] {
            assert_eq!(time_of(text), Some(at), "{text}");
        }
        assert_eq!(
            time_of("2026-01-02 03:04:05.678000+00:00"),
            Some(datetime!(2026-01-02 03:04:05.678 UTC))
        );
        assert_eq!(time_of("yesterday"), None);
    }
}
