//! `os-volume_upload_image`: makes an image without data, and submits `upload_volume`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::volumes;
use crate::submit::submit;
use crate::views::timestamp;
use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Result, Volume};
use openstack::glance::{Image, is_base_property};
use operation::UploadVolume;
use serde_json::{Map, Value, json};

const UPLOAD: &str = "os-volume_upload_image";
/// Since 3.1 it is said who sees the image, and who may remove it.
const VISIBILITY_SINCE: u16 = 1;
const DISK_FORMATS: [&str; 6] = ["raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx"];
const VISIBILITIES: [&str; 4] = ["private", "shared", "community", "public"];
/// What a volume knows of its image that says nothing of another one, and that whoever makes an image can give it.
const OF_ANOTHER_IMAGE: [&str; 3] = ["image_id", "image_name", "signature_verified"];
/// Beginnings of properties that the image service keeps to itself, or that vouch for other data.
const NOT_GIVEN_ON: [&str; 2] = ["os_glance", "img_signature"];

/// What is asked for.
struct Asked {
    name: String,
    disk_format: String,
    container_format: String,
    visibility: Option<String>,
    protected: Option<bool>,
}

pub(super) async fn upload(mut action: VolumeAction<'_>) -> Answer {
    let (app, context) = (action.app, action.context);
    let arguments = action.body.object(UPLOAD)?.ok_or_else(|| required(UPLOAD))?;
    let asked = Asked::read(arguments, context)?;
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let images = app.images.on_behalf_of(&app.identification, context.token.as_ref()).await?;
    let image = images.create(&asked.describe(&volume)).await?;
    let disk_format = asked.disk_format.clone();
    let operation = UploadVolume { volume_id: action.id, image_id: image.id, disk_format };
    if let Err(refused) = submit(app, context, operation).await {
        images.delete(image.id).await;
        return Err(refused.into());
    }
    Ok((StatusCode::ACCEPTED, Json(json!({ UPLOAD: asked.view(&volume, &image) }))).into_response())
}

impl Asked {
    fn read(mut arguments: Fields, context: &RequestContext) -> Result<Self> {
        let word = |arguments: &mut Fields, key: &str, known: &[&str]| match arguments
            .text(key)?
            .flatten()
        {
            Some(word) if !known.contains(&word.as_str()) => {
                Err(invalid(key, &json!(word), &format!("is not one of {known:?}")))
            }
            word => Ok(word),
        };
        let name = arguments.required_text("image_name")?;
        // a volume that is in use is not uploaded, whoever wants to: Cinder's default of `enable_force_upload`
        arguments.boolean("force")?;
        let disk_format = word(&mut arguments, "disk_format", &DISK_FORMATS)?;
        let container_format = word(&mut arguments, "container_format", &["bare"])?;
        let (mut visibility, mut protected) = (None, None);
        if context.version.0 >= VISIBILITY_SINCE {
            visibility = word(&mut arguments, "visibility", &VISIBILITIES)?;
            protected = arguments.boolean("protected")?;
        }
        arguments.refuse_rest()?;
        if visibility.as_deref() == Some("public") {
            context.require(Rule::VolumeUploadPublic)?;
        }
        Ok(Self {
            name,
            disk_format: disk_format.unwrap_or_else(|| "raw".to_owned()),
            container_format: container_format.unwrap_or_else(|| "bare".to_owned()),
            visibility,
            protected,
        })
    }

    /// The image, as Glance is told.
    fn describe(&self, volume: &Volume) -> Value {
        let is_given_on = |name: &str| {
            !OF_ANOTHER_IMAGE.contains(&name)
                && !is_base_property(name)
                && !NOT_GIVEN_ON.iter().any(|beginning| name.starts_with(beginning))
        };
        let known = volume.image_metadata.iter().filter(|(name, _)| is_given_on(name));
        let mut image: Map<String, Value> =
            known.map(|(name, value)| (name.clone(), json!(value))).collect();
        image.insert("name".to_owned(), json!(self.name));
        image.insert("disk_format".to_owned(), json!(self.disk_format));
        image.insert("container_format".to_owned(), json!(self.container_format));
        if let Some(visibility) = &self.visibility {
            image.insert("visibility".to_owned(), json!(visibility));
        }
        if let Some(protected) = self.protected {
            image.insert("protected".to_owned(), json!(protected));
        }
        Value::Object(image)
    }

    fn view(&self, volume: &Volume, image: &Image) -> Value {
        let mut view = json!({
            "id": volume.id,
            "updated_at": timestamp(volume.updated_at),
            "status": "uploading",
            "display_description": volume.description,
            "size": volume.size_gb,
            "volume_type": { "id": volume.volume_type_id, "name": volume.volume_type_name },
            "image_id": image.id,
            "container_format": self.container_format,
            "disk_format": self.disk_format,
            "image_name": self.name,
        });
        if let Some(visibility) = &self.visibility {
            view["visibility"] = json!(visibility);
        }
        if let Some(protected) = self.protected {
            view["protected"] = json!(protected);
        }
        view
    }
}
