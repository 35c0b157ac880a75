//! `GET /limits`

use super::{EffectiveQuota, effective_quota, find};
use crate::app::App;
use crate::fault::Answer;
use crate::paging::Parameters;
use crate::policy::Rule;
use crate::request::RequestContext;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

/// Since 3.39 admins may ask for another project's.
const PROJECT_SINCE: u16 = 39;

/// What is shown: the name of the limit, that of its usage, and what they are of.
const SHOWN: &[(&str, &str, &str)] = &[
    ("maxTotalVolumes", "totalVolumesUsed", "volumes"),
    ("maxTotalSnapshots", "totalSnapshotsUsed", "snapshots"),
    ("maxTotalVolumeGigabytes", "totalGigabytesUsed", "gigabytes"),
    ("maxTotalBackups", "totalBackupsUsed", "backups"),
    ("maxTotalBackupGigabytes", "totalBackupGigabytesUsed", "backup_gigabytes"),
];

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut parameters = Parameters::parse(query.as_deref())?;
    let asked = parameters.take("project_id").or(parameters.take("tenant_id"));
    let asked = asked.filter(|_| context.version.0 >= PROJECT_SINCE && context.caller.is_admin);
    let project = asked.unwrap_or_else(|| context.caller.project_id.clone());
    let held = effective_quota(&app, &find(&app, &project).await?, true);
    let mut absolute = Map::<String, Value>::new();
    for (limit_name, usage_name, of) in SHOWN {
        let Some(EffectiveQuota { limit, usage }) = held.get(*of) else { continue };
        absolute.insert((*limit_name).to_owned(), json!(limit));
        if context.allows(Rule::LimitsUsed) {
            absolute.insert((*usage_name).to_owned(), json!(usage.in_use + usage.reserved));
        }
    }
    Ok(Json(json!({ "limits": { "rate": [], "absolute": absolute } })).into_response())
}
