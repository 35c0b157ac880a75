//! `GET /scheduler-stats/get_pools` and `GET /capabilities/{host}`: what backends can take.

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Column, Known};
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::routes::types;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use database::backends;
use model::{Backend, BackendReport, Error, PoolReport, extra_specs};
use serde_json::{Value, json};

/// By what pools can be looked for. Each has its own way of comparing.
pub(crate) const FILTERS: &[Known] = &[
    Known::open("name", Column::Absent).since(28),
    Known::open("volume_type", Column::Absent).since(35),
];
/// Since 3.31 other filters are refused.
const STRICT_SINCE: u16 = 31;

/// The pools of the backends that take something new now.
pub(crate) async fn list(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut parameters = Parameters::parse(query.as_deref())?;
    let with_capabilities = parameters.flag("detail")?;
    let mut filter =
        |known: &Known| parameters.take(known.name).filter(|_| context.version.0 >= known.since);
    let (name, volume_type) = (filter(&FILTERS[0]), filter(&FILTERS[1]));
    let wanted = match volume_type {
        Some(name) => Some(types::find(&app, &context, &name).await?.extra_specs),
        None => None,
    };
    if let Some((unknown, _)) = parameters.rest().first()
        && context.version.0 >= STRICT_SINCE
    {
        let message = format!("Invalid filters {unknown} are found in query options.");
        return Err(Error::bad_request(message).into());
    }
    let known = backends::list_with_allocation(&app.database).await?;
    let pools: Vec<Value> = known
        .iter()
        .filter(|backend| backend.conditions.is_empty())
        .filter_map(|backend| Some((backend, backend.report.as_ref()?)))
        .flat_map(|(backend, report)| report.pools.iter().map(move |pool| (backend, report, pool)))
        .filter(|(backend, _, pool)| name.as_ref().is_none_or(|name| *name == host(backend, pool)))
        .filter(|(_, report, pool)| {
            wanted.as_ref().is_none_or(|specs| extra_specs::fits(report, pool, specs))
        })
        .map(|(backend, report, pool)| view(backend, report, pool, with_capabilities))
        .collect();
    Ok(Json(json!({ "pools": pools })).into_response())
}

fn host(backend: &Backend, pool: &PoolReport) -> String {
    format!("{}#{}", backend.name, pool.name)
}

fn view(
    backend: &Backend,
    report: &BackendReport,
    pool: &PoolReport,
    with_capabilities: bool,
) -> Value {
    let mut view = json!({ "name": host(backend, pool) });
    if with_capabilities {
        let allocated = backend.allocated_gb.get(&pool.name).copied().unwrap_or_default();
        view["capabilities"] = json!({
            "pool_name": pool.name,
            "volume_backend_name": report.volume_backend_name,
            "vendor_name": report.vendor_name,
            "driver_version": report.driver_version,
            "storage_protocol": report.storage_protocol,
            "total_capacity_gb": pool.total_capacity_gb,
            "free_capacity_gb": pool.free_capacity_gb,
            "allocated_capacity_gb": allocated,
            "provisioned_capacity_gb": pool.provisioned_capacity_gb,
            "reserved_percentage": pool.reserved_percentage,
            "max_over_subscription_ratio": pool.max_over_subscription_ratio,
            "thin_provisioning_support": pool.thin_provisioning_support,
            "thick_provisioning_support": !pool.thin_provisioning_support,
            "multiattach": report.multiattach,
            "online_extend_support": report.online_extend_support,
            "QoS_support": false,
            "replication_enabled": report.replication_enabled,
            "replication_targets": report.replication_targets,
            "total_volumes": pool.total_volumes,
            "backend_state": "up",
        });
    }
    view
}

/// What one backend can do, whatever its condition.
pub(crate) async fn capabilities(State(app): State<App>, Path(host): Path<String>) -> Answer {
    let name = host.split('#').next().unwrap_or_default();
    let known = backends::list(&app.database).await?;
    let found = known.iter().find(|backend| backend.name == name);
    let report = found.and_then(|backend| backend.report.as_ref()).ok_or_else(|| {
        Error::not_found(format!("Service cinder-volume could not be found on host {host}."))
    })?;
    let view = json!({
        "namespace": format!("OS::Storage::Capabilities::{name}"),
        "vendor_name": report.vendor_name,
        "volume_backend_name": report.volume_backend_name,
        "pool_name": report.pools.first().map(|pool| &pool.name),
        "driver_version": report.driver_version,
        "storage_protocol": report.storage_protocol,
        "display_name": null,
        "description": null,
        "visibility": "public",
        "replication_targets": report.replication_targets,
        "properties": {
            "thin_provisioning": {
                "title": "Thin Provisioning",
                "description": "Volumes take room only as they are written to.",
                "type": "boolean",
            },
        },
    });
    Ok(Json(view).into_response())
}
