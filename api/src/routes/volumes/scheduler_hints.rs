//! `OS-SCH-HNT:scheduler_hints`: a new volume goes where others are, or where they are not.

use crate::app::App;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use crate::request::RequestContext;
use futures_util::future::try_join_all;
use model::{BackendId, Error, Result, VolumeId};
use operation::placement::Affinity;
use serde_json::Value;

/// The most volumes that a hint may name.
const MOST_VOLUMES: usize = 100;

/// The hints that decide about the place; others are for filters that are not there, as in Cinder.
pub(super) async fn affinity(
    app: &App,
    context: &RequestContext,
    hints: Option<Fields>,
) -> Answer<Affinity> {
    let Some(mut hints) = hints else { return Ok(Affinity::default()) };
    let (same, different) = (named(&mut hints, "same_host")?, named(&mut hints, "different_host")?);
    Ok(Affinity {
        same: match same {
            Some(volumes) => Some(backends_of(app, context, volumes).await?),
            None => None,
        },
        different: backends_of(app, context, different.unwrap_or_default()).await?,
    })
}

/// One volume's id, or several.
fn named(hints: &mut Fields, key: &str) -> Result<Option<Vec<VolumeId>>> {
    let texts = match hints.value(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(texts)) => texts,
        Some(text) => vec![text],
    };
    if texts.len() > MOST_VOLUMES {
        let message = format!("The hint {key} may name {MOST_VOLUMES} volumes at most.");
        return Err(Error::bad_request(message));
    }
    let id = |text: &Value| {
        let parsed = text.as_str().and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| invalid(key, text, "is not a 'uuid'"))
    };
    texts.iter().map(id).collect::<Result<_>>().map(Some)
}

async fn backends_of(
    app: &App,
    context: &RequestContext,
    ids: Vec<VolumeId>,
) -> Answer<Vec<BackendId>> {
    let scope = context.caller.project_scope();
    let backend = async |id| -> Answer<BackendId> {
        let found = app.volumes.find(id, scope).await?.ok_or_else(|| {
            Error::bad_request(format!(
                "Invalid input received: volume {id} in the scheduler hints does not exist."
            ))
        })?;
        Ok(found.backend_id)
    };
    try_join_all(ids.into_iter().map(backend)).await
}
