//! What a backup keeps of its volume beside the content, in Cinder's form (`volume_meta`, version 2).

use model::{Backup, Metadata, Volume};
use operation::change::MOST_ITEMS;
use operation::contract::Columns;
use serde_json::{Value, json};

/// What restored volumes are called that nobody has named.
const UNNAMED: &str = "restore_backup_";
/// The key of a volume's metadata that names the backup whose content it has, where that is of another volume.
const SOURCE: &str = "src_backup_id";
/// The most characters of a text that is restored.
const LONGEST: usize = 255;
/// The same for what is known of images.
const LONGEST_OF_IMAGE: usize = 65535;

/// What is kept of a volume.
pub(crate) fn of(volume: &Volume) -> Value {
    json!({
        "version": 2,
        "volume-base-metadata": {
            "id": volume.id,
            "project_id": volume.project_id,
            "user_id": volume.user_id,
            "display_name": volume.name,
            "display_description": volume.description,
            "size": volume.size_gb,
            "volume_type_id": volume.volume_type_id,
            "bootable": volume.bootable,
            "multiattach": volume.multiattach,
            "availability_zone": volume.availability_zone,
            "encryption_key_id": null,
        },
        "volume-metadata": volume.metadata,
        "volume-glance-metadata": volume.image_metadata,
    })
}

/// The columns of a volume that has got the content of a backup. As Cinder does, a volume that nobody has named gets the name of
/// the one that the backup is of; and what was known of that takes the place of what was known of it.
pub(crate) fn restored(meta: &Value, volume: &Volume, backup: &Backup) -> Columns {
    let mut metadata = entries(&meta["volume-metadata"], LONGEST);
    if volume.id != backup.volume_id {
        metadata.insert(SOURCE.to_owned(), backup.id.to_string());
    }
    let mut columns = json!({ "metadata": metadata });
    let image = entries(&meta["volume-glance-metadata"], LONGEST_OF_IMAGE);
    if !image.is_empty() {
        columns["image_metadata"] = json!(image);
        columns["bootable"] = json!(true);
    }
    let is_unnamed = volume.name.as_deref().is_none_or(|name| name.starts_with(UNNAMED));
    if is_unnamed {
        let base = &meta["volume-base-metadata"];
        for (column, key) in [("name", "display_name"), ("description", "display_description")] {
            if let Some(text) = base[key].as_str().filter(|text| fits(text, LONGEST)) {
                columns[column] = json!(text);
            }
        }
    }
    Columns::set(columns)
}

/// The entries of a map that a volume can have; the store is not believed.
fn entries(map: &Value, longest: usize) -> Metadata {
    let entries = map.as_object().into_iter().flatten();
    let texts = entries.filter_map(|(key, value)| {
        let value = value.as_str()?;
        (!key.is_empty() && fits(key, LONGEST) && fits(value, longest))
            .then(|| (key.clone(), value.to_owned()))
    });
    texts.take(MOST_ITEMS).collect()
}

/// PostgreSQL has no text with a NUL in it.
fn fits(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.contains('\0')
}
