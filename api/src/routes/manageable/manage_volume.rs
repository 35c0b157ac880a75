//! `POST /manageable_volumes`: submits `manage_volume`.

use super::{backend, reference, referenced};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::host_or_cluster::host_or_cluster;
use crate::request::RequestContext;
use crate::routes::{types, volumes};
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Error, Manageable, VolumeId};
use operation::ManageVolume;
use serde_json::json;

/// Since 3.16 it may be a cluster's backend.
const CLUSTER_SINCE: u16 = 16;

pub(crate) async fn manage(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body, "volume")?;
    let (host, cluster) = (asked.text("host")?.flatten(), asked.text("cluster")?.flatten());
    let host = host_or_cluster(&context, CLUSTER_SINCE, host, cluster)?;
    let source_name = reference(&mut asked)?;
    let asked_type = asked.text("volume_type")?.flatten().filter(|name| !name.is_empty());
    let (name, description) = (asked.text("name")?.flatten(), asked.text("description")?.flatten());
    let bootable = asked.boolean("bootable")?.unwrap_or(false);
    let metadata = asked.metadata("metadata")?.unwrap_or_default();
    // what is there has its zone already
    asked.text("availability_zone")?;
    asked.refuse_rest()?;

    let backend = backend(&app, &host).await?;
    let volume_type = match asked_type {
        Some(name) => types::find(&app, &context, &name).await?,
        None => types::default(&app, &context.caller.project_id).await?.ok_or_else(|| {
            Error::new(model::ErrorKind::Internal, "The default volume type is not there.")
        })?,
    };
    types::refuse_encryption(&volume_type)?;
    let object = referenced(&app, &context, &backend, Manageable::Volumes, &source_name).await?;
    let volume_id = VolumeId::random();
    let operation = ManageVolume {
        volume_id,
        backend_id: backend.id,
        source_name,
        size_gb: object.size_gb,
        name,
        description,
        volume_type_id: volume_type.id,
        multiattach: volume_type.allows_multiattach(),
        extra_specs: volume_type.extra_specs,
        bootable,
        metadata,
    };
    submit(&app, &context, operation).await?;
    let volume = volumes::find(&app, &context, &volume_id.to_string()).await?;
    let view = json!({ "volume": views::volume::created(&volume, &context) });
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}
