//! `/os-quota-sets`, `/os-quota-class-sets` and `/limits`: how much a project may have.

pub(crate) mod limits;
pub(crate) mod reset_quota;
pub(crate) mod show;
pub(crate) mod update_quota;
pub(crate) mod update_quota_class;

use crate::app::App;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use database::quotas::{self, DEFAULT_CLASS, Quota, Usage};
use model::quota::{LIMITED, LIMITED_BY_TYPE, Limits};
use model::{Error, Result};
use serde_json::json;
use std::collections::BTreeMap;

/// Everything that is limited, as clients name it, each with the name under which it is remembered.
fn names(quota: &Quota) -> Vec<(String, String)> {
    let overall = LIMITED.iter().map(|name| ((*name).to_owned(), (*name).to_owned()));
    let by_type = quota.types.iter().flat_map(|(type_name, id)| {
        LIMITED_BY_TYPE
            .iter()
            .map(move |name| (format!("{name}_{type_name}"), format!("{name}_{id}")))
    });
    overall.chain(by_type).collect()
}

/// A limit as it holds, and what is used of it.
struct EffectiveQuota {
    limit: i64,
    usage: Usage,
}

/// What holds for a project: its own limits, those of its class, or the configured ones.
fn effective_quota(app: &App, quota: &Quota, with_own: bool) -> BTreeMap<String, EffectiveQuota> {
    let limit = |key: &str| {
        let own = quota.limits.get(key).filter(|_| with_own);
        let limit = own.or_else(|| quota.class_limits.get(key)).copied();
        limit.unwrap_or_else(|| app.quota.default_limit(key))
    };
    let named = names(quota).into_iter();
    named
        .map(|(name, key)| {
            let usage = quota.usage.get(&key).copied().unwrap_or_default();
            (name, EffectiveQuota { limit: limit(&key), usage })
        })
        .collect()
}

/// The quota of a project.
async fn find(app: &App, project: &str) -> Answer<Quota> {
    Ok(quotas::of(&app.database, project, DEFAULT_CLASS).await?)
}

/// The limits in a body, under the names by which they are remembered.
fn limits(fields: &mut Fields, quota: &Quota) -> Result<Limits> {
    let mut limits = Limits::new();
    for (name, key) in names(quota) {
        let Some(value) = fields.value(&name) else { continue };
        let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        match number {
            Some(limit) if (-1..=i64::from(i32::MAX)).contains(&limit) => {
                limits.insert(key, limit);
            }
            _ => {
                let complaint = "is not a whole number from -1 (no limit) to 2147483647";
                return Err(invalid(&name, &json!(value), complaint));
            }
        }
    }
    if limits.is_empty() {
        return Err(Error::bad_request("Bad key(s) in quota set: name at least one limit."));
    }
    Ok(limits)
}
