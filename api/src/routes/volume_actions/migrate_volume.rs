//! `os-migrate_volume`: submits `migrate_volume`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::host_or_cluster::host_or_cluster;
use crate::routes::volumes;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::{backends, volume_types};
use model::Error;
use operation::MigrateVolume;
use operation::placement::Origin;

/// Since 3.16 the destination may be a cluster.
const CLUSTER_SINCE: u16 = 16;
const NAME: &str = "os-migrate_volume";

pub(super) async fn migrate(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let (host, cluster) = (arguments.text("host")?.flatten(), arguments.text("cluster")?.flatten());
    let host = host_or_cluster(action.context, CLUSTER_SINCE, host, cluster)?;
    // every migration is a copy by the hosts, and no migration shares its volume
    arguments.boolean("force_host_copy")?;
    arguments.boolean("lock_volume")?;
    arguments.refuse_rest()?;
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let (name, pool) = match host.split_once('#') {
        Some((name, pool)) => (name, Some(pool.to_owned())),
        None => (host.as_str(), None),
    };
    let known = backends::list(&app.database).await?;
    let Some(destination) = known.into_iter().find(|backend| backend.name == name) else {
        return Err(Error::bad_request(format!(
            "Invalid host: No available service named '{host}'"
        ))
        .into());
    };
    if destination.id == volume.backend_id {
        return Err(Error::bad_request(format!(
            "Invalid volume: Volume {} is already on {name}: the destination must be another backend.",
            volume.id
        ))
        .into());
    }
    let type_id = volume.volume_type_id.to_string();
    let volume_type = volume_types::find(&app.database, &type_id, None).await?;
    let operation = MigrateVolume {
        volume_id: volume.id,
        size_gb: volume.size_gb,
        extra_specs: volume_type.map(|found| found.extra_specs).unwrap_or_default(),
        origin: Origin {
            backend_id: volume.backend_id,
            pool: volume.pool,
            may_stay: false,
            may_leave: true,
        },
        to: destination.id,
        to_pool: pool,
    };
    submit(app, context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
