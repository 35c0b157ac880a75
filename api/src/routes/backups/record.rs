//! Records of backups, with which another installation, or Cinder, makes them known: JSON in Base64.

use crate::views::timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Backup, BackupId, Error, Metadata, Result, SnapshotId, VolumeId};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use uuid::Uuid;

/// What Cinder calls the driver whose format the data have.
const SERVICE: &str = "cinder.backup.drivers.posix.PosixBackupDriver";
/// The largest record that is read, in bytes.
const LARGEST: usize = 1 << 16;
/// The longest text of a record.
const LONGEST: usize = 255;

/// The record of a backup.
pub(super) fn exported(backup: &Backup) -> Value {
    let time = |time: Option<OffsetDateTime>| timestamp(time).map(|text| with_zone(&text));
    let record = json!({
        "driver_info": {},
        "id": backup.id,
        "user_id": backup.user_id,
        "project_id": backup.project_id,
        "volume_id": backup.volume_id,
        "host": null,
        "availability_zone": backup.availability_zone,
        "container": backup.container,
        "parent_id": backup.parent_id,
        "status": backup.status,
        "fail_reason": backup.fail_reason,
        "size": backup.size_gb,
        "display_name": backup.name,
        "display_description": backup.description,
        "service_metadata": backup.service_metadata,
        "service": SERVICE,
        "object_count": backup.object_count,
        "temp_volume_id": null,
        "temp_snapshot_id": null,
        "num_dependent_backups": i32::from(backup.has_dependent_backups),
        "snapshot_id": backup.snapshot_id,
        "data_timestamp": time(Some(backup.data_timestamp)),
        "restore_volume_id": null,
        "metadata": backup.metadata,
        "encryption_key_id": null,
        "created_at": time(Some(backup.created_at)),
        "updated_at": time(backup.updated_at),
        "deleted_at": null,
        "deleted": false,
    });
    json!({ "backup_service": SERVICE, "backup_url": STANDARD.encode(record.to_string()) })
}

/// Records have whole seconds, and a zone.
fn with_zone(text: &str) -> String {
    format!("{}Z", text.split('.').next().unwrap_or(text))
}

/// What a record says of a backup; what it does not need is not read.
#[derive(Deserialize)]
pub(super) struct Record {
    pub id: BackupId,
    pub volume_id: Option<VolumeId>,
    pub snapshot_id: Option<SnapshotId>,
    pub parent_id: Option<BackupId>,
    pub size: i32,
    pub display_name: Option<String>,
    pub display_description: Option<String>,
    pub container: String,
    pub service_metadata: String,
    pub object_count: i32,
    #[serde(default)]
    pub metadata: Option<Metadata>,
    #[serde(default)]
    data_timestamp: Option<String>,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(url: &str) -> Result<Self> {
        let no_record = || Error::bad_request("Invalid input received: Can't parse backup record.");
        if url.len() > LARGEST {
            return Err(no_record());
        }
        let text = STANDARD.decode(url.trim()).map_err(|_| no_record())?;
        let record: Self = serde_json::from_slice(&text).map_err(|_| no_record())?;
        if record.is_plausible() { Ok(record) } else { Err(no_record()) }
    }

    fn is_plausible(&self) -> bool {
        let Self { display_name, display_description, container, service_metadata, .. } = self;
        let texts = [display_name.as_deref(), display_description.as_deref()];
        let texts =
            texts.into_iter().flatten().chain([container.as_str(), service_metadata.as_str()]);
        let metadata = self.metadata.iter().flatten();
        let mut all = texts.chain(metadata.flat_map(|(key, value)| [key.as_str(), value.as_str()]));
        self.size > 0
            && self.object_count >= 0
            && all.all(|text| text.chars().count() <= LONGEST && !text.contains('\0'))
    }

    /// The volume that it is of; the nil one where the record does not say.
    pub fn volume(&self) -> VolumeId {
        self.volume_id.unwrap_or(VolumeId(Uuid::nil()))
    }

    /// As of when its content is, in RFC 3339; `None` where the record does not say it in any form that Cinder has.
    pub fn data_time(&self) -> Option<String> {
        let naive = format_description!(
            "[year]-[month]-[day][optional [T]][optional [ ]][hour]:[minute]:[second][optional [.[subsecond]]]"
        );
        let text = self.data_timestamp.as_deref()?;
        let time = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| {
            time::PrimitiveDateTime::parse(text, naive).map(time::PrimitiveDateTime::assume_utc)
        });
        time.ok()?.format(&Rfc3339).ok()
    }
}
