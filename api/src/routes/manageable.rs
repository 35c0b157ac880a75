//! `/manageable_volumes`, `/manageable_snapshots` and their older names: what is on a backend and could be a
//! volume or snapshot.

pub(crate) mod list;
pub(crate) mod manage_snapshot;
pub(crate) mod manage_volume;

use crate::app::App;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::request::RequestContext;
use bus::{BackendAnswer, BackendMessage, Queue};
use database::{backends, snapshots};
use model::{Backend, Error, Manageable, Result, SnapshotId, StoredObject, VolumeId};
use serde_json::{Value, json};
use std::time::Duration;

/// How long to wait for the worker's list.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// The backend that a `host` names; a pool in it does not matter.
async fn backend(app: &App, host: &str) -> Answer<Backend> {
    let name = host.split('#').next().unwrap_or(host);
    let known = backends::list(&app.database).await?;
    let found = known.into_iter().find(|backend| backend.name == name);
    Ok(found.ok_or_else(|| {
        Error::bad_request(format!("Service cinder-volume could not be found on host {host}."))
    })?)
}

/// What is on a backend; `id` only where that is a volume or snapshot.
async fn stored(
    app: &App,
    context: &RequestContext,
    backend: &Backend,
    what: Manageable,
) -> Answer<Vec<StoredObject>> {
    let queue = Queue::Backend(backend.name.clone());
    let context = context.for_the_bus().for_the_next(LIST_TIMEOUT);
    let message = BackendMessage::ListStored { what };
    let answer: Result<BackendAnswer> =
        app.bus.call(&queue, context, message).await.map_err(|error| {
            Error::unavailable(format!("{} is down: its worker does not answer.", backend.name))
                .caused_by(error)
        })?;
    let mut stored = match answer? {
        BackendAnswer::Stored(stored) => stored,
        BackendAnswer::Noted => Vec::new(),
    };
    for object in &mut stored {
        let Some(id) = object.id.take() else { continue };
        match what {
            Manageable::Volumes => {
                let found = app.volumes.find(VolumeId(id), None).await?;
                object.id = found.map(|volume| volume.id.0);
            }
            Manageable::Snapshots => {
                if let Some(found) = snapshots::find(&app.database, SnapshotId(id), None).await? {
                    (object.id, object.volume_id) = (Some(found.id.0), Some(found.volume_id.0));
                }
            }
        }
    }
    Ok(stored)
}

/// What a body's `ref` names, if it is there and free.
async fn referenced(
    app: &App,
    context: &RequestContext,
    backend: &Backend,
    what: Manageable,
    reference: &str,
) -> Answer<StoredObject> {
    let stored = stored(app, context, backend, what).await?;
    let found = stored.into_iter().find(|object| object.name == reference).ok_or_else(|| {
        Error::bad_request(format!(
            "Failed to manage existing storage: {} has no {reference} among its {what}.",
            backend.name
        ))
    })?;
    match found.id {
        None => Ok(found),
        Some(id) => Err(Error::bad_request(format!(
            "Unable to manage existing storage: {reference} is already managed as {id}."
        ))
        .into()),
    }
}

/// The name in a body's `ref`: `{"source-name": …}`.
fn reference(body: &mut Fields) -> Result<String> {
    match body.value("ref") {
        None | Some(Value::Null) => Err(required("ref")),
        Some(Value::String(name)) => Ok(name),
        Some(reference) => match reference["source-name"].as_str() {
            Some(name) => Ok(name.to_owned()),
            None => Err(invalid("ref", &reference, "has no 'source-name'")),
        },
    }
}

/// A reference as clients give it back.
fn reference_view(name: &str) -> Value {
    json!({ "source-name": name })
}
