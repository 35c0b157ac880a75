//! `GET /manageable_volumes` and `GET /manageable_snapshots`

use super::{backend, reference_view, stored};
use crate::app::App;
use crate::fault::Answer;
use crate::host_or_cluster::host_or_cluster;
use crate::paging::Parameters;
use crate::request::RequestContext;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use model::{Error, Manageable, Result, StoredObject};
use serde_json::{Value, json};

/// Since 3.17 it may be a cluster's backend.
const CLUSTER_SINCE: u16 = 17;

pub(crate) async fn volumes(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), Manageable::Volumes, false).await
}

pub(crate) async fn volumes_in_detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), Manageable::Volumes, true).await
}

pub(crate) async fn snapshots(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), Manageable::Snapshots, false).await
}

pub(crate) async fn snapshots_in_detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    list(&app, &context, query.as_deref(), Manageable::Snapshots, true).await
}

async fn list(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
    what: Manageable,
    in_detail: bool,
) -> Answer {
    let mut parameters = Parameters::parse(query)?;
    let (host, cluster) = (parameters.take("host"), parameters.take("cluster"));
    let host = host_or_cluster(context, CLUSTER_SINCE, host, cluster)?;
    let page = Page::take(&mut parameters, app.config.max_page)?;
    let backend = backend(app, &host).await?;
    let stored = page.of(stored(app, context, &backend, what).await?)?;
    let views: Vec<Value> = stored.iter().map(|object| view(object, what, in_detail)).collect();
    Ok(Json(json!({ format!("manageable-{what}"): views })).into_response())
}

fn view(object: &StoredObject, what: Manageable, in_detail: bool) -> Value {
    let mut view = json!({
        "reference": reference_view(&object.name),
        "size": object.size_gb,
        "safe_to_manage": object.id.is_none(),
    });
    if what == Manageable::Snapshots {
        let volume = object.volume_id.map(|id| format!("volume-{id}"));
        view["source_reference"] = reference_view(volume.as_deref().unwrap_or_default());
    }
    if in_detail {
        view["reason_not_safe"] = json!(object.id.map(|_| "already managed"));
        view["cinder_id"] = json!(object.id);
        view["extra_info"] = Value::Null;
    }
    view
}

/// A page of what the worker said: the database does not know it.
struct Page {
    by_size: bool,
    descending: bool,
    marker: Option<String>,
    offset: usize,
    limit: usize,
}

impl Page {
    fn take(parameters: &mut Parameters, most: i64) -> Result<Self> {
        let number = |text: Option<String>, name: &str| match text {
            None => Ok(None),
            Some(text) => text.parse::<usize>().map(Some).map_err(|_| {
                Error::bad_request(format!("{name} param must be a positive integer"))
            }),
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let sort = parameters.take("sort").unwrap_or_else(|| "reference:desc".to_owned());
        let (key, direction) = sort.split_once(':').unwrap_or((&sort, "desc"));
        let by_size = match key {
            "reference" => false,
            "size" => true,
            _ => return Err(Error::bad_request(format!("Invalid sort keys passed: {key}"))),
        };
        let descending = match direction {
            "desc" => true,
            "asc" => false,
            _ => return Err(Error::bad_request(format!("Invalid sort dirs passed: {direction}"))),
        };
        Ok(Self {
            by_size,
            descending,
            marker: parameters.take("marker"),
            offset: number(parameters.take("offset"), "offset")?.unwrap_or(0),
            limit: number(parameters.take("limit"), "limit")?.unwrap_or(most).min(most),
        })
    }

    fn of(&self, mut stored: Vec<StoredObject>) -> Result<Vec<StoredObject>> {
        stored.sort_by(|left, right| {
            let by_name = left.name.cmp(&right.name);
            if self.by_size { left.size_gb.cmp(&right.size_gb).then(by_name) } else { by_name }
        });
        if self.descending {
            stored.reverse();
        }
        let after_marker = match &self.marker {
            None => 0,
            // the marker is a reference, as JSON or as Python writes it
            Some(marker) => {
                let is_marked = |object: &StoredObject| {
                    *marker == object.name
                        || marker.contains(&format!("'{}'", object.name))
                        || marker.contains(&format!("\"{}\"", object.name))
                };
                let found = stored.iter().position(is_marked);
                1 + found.ok_or_else(|| {
                    Error::bad_request(format!(
                        "Invalid input received: marker not found: {marker}"
                    ))
                })?
            }
        };
        let page = stored.into_iter().skip(after_marker + self.offset).take(self.limit);
        Ok(page.collect())
    }
}
