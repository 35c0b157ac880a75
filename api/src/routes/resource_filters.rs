//! `GET /resource_filters`: by what callers who are not admins may filter lists.

use crate::fault::Answer;
use crate::filters::Known;
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::routes::{attachments, messages, pools, snapshots, types, volumes};
use axum::Json;
use axum::extract::RawQuery;
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// Since 3.33 lists say by what they can be filtered.
const SINCE: u16 = 33;

const RESOURCES: &[(&str, &[Known])] = &[
    ("volume", volumes::list::VOLUMES.filters),
    ("snapshot", snapshots::list::SNAPSHOTS.filters),
    ("attachment", attachments::list::ATTACHMENTS.filters),
    ("message", messages::list::MESSAGES.filters),
    ("pool", pools::FILTERS),
    ("volume_type", types::list::FILTERS),
];

pub(crate) async fn list(context: RequestContext, RawQuery(query): RawQuery) -> Answer {
    context.version.require(SINCE)?;
    let wanted = Parameters::parse(query.as_deref())?.take("resource");
    let views: Vec<Value> = RESOURCES
        .iter()
        .filter(|(resource, _)| wanted.as_deref().is_none_or(|wanted| wanted == *resource))
        .map(|(resource, known)| {
            let open = known.iter().filter(|known| known.open);
            let names: Vec<&str> = open.map(|known| known.name).collect();
            json!({ "resource": resource, "filters": names })
        })
        .collect();
    Ok(Json(json!({ "resource_filters": views })).into_response())
}
