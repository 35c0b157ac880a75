//! `POST /volumes`: submits `create_volume`, or `create_volume_from_backup`.

use super::source::{self, Found, Source};
use super::{after, scheduler_hints};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::image_service::require_usable;
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::types;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::volume_types;
use model::{Error, ErrorKind, Result, VolumeId, VolumeType};
use operation::create_volume::VolumeImage;
use operation::{CreateVolume, CreateVolumeFromBackup};
use serde_json::json;

/// Since 3.53 unknown keys are refused.
const STRICT_SINCE: u16 = 53;

/// The property of an image that names the type of its volumes, where none is asked for.
const IMAGE_TYPE: &str = "cinder_img_volume_type";

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    if context.caller.project_id.is_empty() {
        // it would belong to nobody
        return Err(Error::new(ErrorKind::Forbidden, "Not authorized.").into());
    }
    let mut body = Fields::of_body(body);
    let mut volume = body.object("volume")?.ok_or_else(|| crate::fields::required("volume"))?;
    let hints = body.object("OS-SCH-HNT:scheduler_hints")?;
    body.refuse_rest()?;

    let volume_id = VolumeId::random();
    let asked_type = volume.text("volume_type")?.flatten().filter(|name| !name.is_empty());
    let asked_size = volume.positive("size")?;
    let name = volume.text_or("name", "display_name")?.flatten();
    let description = volume.text_or("description", "display_description")?.flatten();
    let availability_zone = zone(&mut volume)?;
    let metadata = volume.metadata("metadata")?.unwrap_or_default();
    let (source, image, backup) = match source::find(&app, &context, &mut volume).await? {
        Source::Nothing => (None, None, None),
        Source::Clone(source) => (Some(source), None, None),
        Source::Image(image) => (None, Some(image), None),
        Source::Backup(backup) => (None, None, Some(backup)),
    };
    refuse_unsupported(&mut volume)?;
    if context.version.0 >= STRICT_SINCE {
        volume.refuse_rest()?;
    }
    let affinity = scheduler_hints::affinity(&app, &context, hints).await?;
    let asked_type = asked_type.or_else(|| Some(image.as_ref()?.property(IMAGE_TYPE)?.to_owned()));
    let volume_type = volume_type(&app, &context, asked_type, source.as_ref()).await?;
    types::refuse_encryption(&volume_type)?;
    if volume_type.allows_multiattach() {
        context.require(Rule::VolumeMultiattach)?;
    }
    let original = source.as_ref().map(|source| source.size_gb);
    let size_gb = size(asked_size, original.or(backup.as_ref().map(|backup| backup.size_gb)))?;
    if let Some(image) = &image {
        require_usable(image, size_gb)?;
    }
    let operation = CreateVolume {
        volume_id,
        name,
        description,
        size_gb,
        volume_type_id: volume_type.id,
        multiattach: volume_type.allows_multiattach(),
        extra_specs: volume_type.extra_specs,
        availability_zone,
        affinity,
        metadata,
        source: source.map(|source| source.what),
        image: image.map(|image| VolumeImage { image_id: image.id, metadata: image.metadata() }),
    };

    let submitted = match backup {
        None => submit(&app, &context, operation).await?,
        Some(backup) => {
            let operation = CreateVolumeFromBackup { volume: operation, backup_id: backup.id };
            submit(&app, &context, operation).await?
        }
    };
    let volume = after(&app, &context, volume_id, submitted).await?;
    let view = json!({ "volume": views::volume::created(&volume, &context) });
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// The size that is asked for, or the source's; a volume is not smaller than what it is made from.
fn size(asked: Option<i32>, original: Option<i32>) -> Result<i32> {
    match (asked, original) {
        (Some(size), Some(original)) if size < original => Err(Error::bad_request(format!(
            "Invalid input received: Volume size '{size}'GB cannot be smaller than original volume size \
             {original}GB. They must be >= original volume size."
        ))),
        (Some(size), _) => Ok(size),
        (None, Some(original)) => Ok(original),
        (None, None) => Err(Error::bad_request(
            "Invalid input received: Invalid volume size provided for create request: None (size \
             argument must be an integer (or string representation of an integer) and greater than zero).",
        )),
    }
}

fn zone(volume: &mut Fields) -> Result<Option<String>> {
    match volume.text("availability_zone")?.flatten() {
        Some(zone) if zone.is_empty() => {
            Err(crate::fields::invalid("availability_zone", &json!(""), "is too short"))
        }
        zone => Ok(zone),
    }
}

/// The type that is asked for, the source's, or the default.
pub(super) async fn volume_type(
    app: &App,
    context: &RequestContext,
    asked: Option<String>,
    source: Option<&Found>,
) -> Answer<VolumeType> {
    if let Some(name) = asked {
        return types::find(app, context, &name).await;
    }
    // what a project was given it keeps, though the type was taken from it since
    let found = match source {
        Some(source) => {
            volume_types::find(&app.database, &source.volume_type_id.to_string(), None).await?
        }
        None => types::default(app, &context.caller.project_id).await?,
    };
    Ok(found.ok_or_else(|| {
        Error::new(
            ErrorKind::Internal,
            "The request cannot be fulfilled as the default volume type is not there. Please contact \
             the administrator.",
        )
    })?)
}

/// Sources that cinderblock does not offer (yet) are refused rather than ignored: an empty volume in
/// their place would be a wrong answer.
fn refuse_unsupported(volume: &mut Fields) -> Result<()> {
    if volume.boolean("multiattach")? == Some(true) {
        return Err(Error::bad_request(
            "multiattach parameter has been removed. Use a volume type with multiattach instead.",
        ));
    }
    for source in ["consistencygroup_id", "group_id"] {
        if volume.uuid(source)?.is_some() {
            return Err(Error::bad_request(format!(
                "Invalid input received: {source} is not supported."
            )));
        }
    }
    Ok(())
}
