//! Every URL, a function for each group of resources.

use crate::app::App;
use crate::fault::Fault;
use crate::policy::{admin, member, reader};
use crate::routes::{
    attachments, availability_zones, clusters, default_types, extensions, hosts, manageable,
    messages, pools, qos_specs, quotas, resource_filters, services, snapshot_actions, snapshots,
    types, versions, volume_actions, volumes, workers,
};
use crate::{identity, microversion, observe, project_url};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post, put};
use model::Error;
use process::health::Health;
use tower::Service;
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;

/// The first segments of paths that are resources; anything else there is a project.
const RESOURCES: &[&str] = &[
    "volumes",
    "snapshots",
    "attachments",
    "types",
    "os-quota-sets",
    "os-quota-class-sets",
    "limits",
    "messages",
    "scheduler-stats",
    "capabilities",
    "os-availability-zone",
    "os-services",
    "os-hosts",
    "clusters",
    "workers",
    "os-volume-manage",
    "os-snapshot-manage",
    "manageable_volumes",
    "manageable_snapshots",
    "qos-specs",
    "default-types",
    "extensions",
    "resource_filters",
];

/// What existing storage can be looked at and taken over by, under a path of its time.
fn manageable(volumes: &str, snapshots: &str) -> Router<App> {
    Router::new()
        .route(
            volumes,
            admin(get(manageable::list::volumes))
                .merge(admin(post(manageable::manage_volume::manage))),
        )
        .route(&format!("{volumes}/detail"), admin(get(manageable::list::volumes_in_detail)))
        .route(
            snapshots,
            admin(get(manageable::list::snapshots))
                .merge(admin(post(manageable::manage_snapshot::manage))),
        )
        .route(&format!("{snapshots}/detail"), admin(get(manageable::list::snapshots_in_detail)))
}

/// Everything below `/v3`.
fn v3() -> Router<App> {
    Router::new()
        .merge(volume_routes())
        .merge(snapshot_routes())
        .merge(attachment_routes())
        .merge(type_routes())
        .merge(quota_routes())
        .merge(operator_routes())
        .merge(description_routes())
        .merge(manageable("/os-volume-manage", "/os-snapshot-manage"))
        .merge(
            manageable("/manageable_volumes", "/manageable_snapshots")
                .layer(from_fn(microversion::since::<8>)),
        )
}

/// Volumes, their metadata and their actions.
fn volume_routes() -> Router<App> {
    Router::new()
        .route(
            "/volumes",
            reader(get(volumes::list::summary)).merge(member(post(volumes::create_volume::create))),
        )
        .route("/volumes/detail", reader(get(volumes::list::detail)))
        .route("/volumes/summary", reader(get(volumes::summary::summary)))
        .route(
            "/volumes/{volume_id}",
            reader(get(volumes::show::show))
                .merge(member(put(volumes::update_volume::update)))
                .merge(member(delete(volumes::delete_volume::delete))),
        )
        .route(
            "/volumes/{volume_id}/metadata",
            reader(get(volumes::metadata::show))
                .merge(member(post(volumes::metadata::merge)))
                .merge(member(put(volumes::metadata::replace))),
        )
        .route(
            "/volumes/{volume_id}/metadata/{key}",
            reader(get(volumes::metadata::show_item))
                .merge(member(put(volumes::metadata::set_item)))
                .merge(member(delete(volumes::metadata::remove_item))),
        )
        .route("/volumes/{volume_id}/encryption", reader(get(volumes::encryption::show)))
        .route("/volumes/{volume_id}/encryption/{key}", reader(get(volumes::encryption::show_item)))
        // each action has its own rule
        .route("/volumes/{volume_id}/action", reader(post(volume_actions::act)))
}

/// Snapshots, their metadata and their actions.
fn snapshot_routes() -> Router<App> {
    Router::new()
        .route(
            "/snapshots",
            reader(get(snapshots::list::summary))
                .merge(member(post(snapshots::create_snapshot::create))),
        )
        .route("/snapshots/detail", reader(get(snapshots::list::detail)))
        .route(
            "/snapshots/{snapshot_id}",
            reader(get(snapshots::show::show))
                .merge(member(put(snapshots::update_snapshot::update)))
                .merge(member(delete(snapshots::delete_snapshot::delete))),
        )
        .route(
            "/snapshots/{snapshot_id}/metadata",
            reader(get(snapshots::metadata::show))
                .merge(member(post(snapshots::metadata::merge)))
                .merge(member(put(snapshots::metadata::replace))),
        )
        .route(
            "/snapshots/{snapshot_id}/metadata/{key}",
            reader(get(snapshots::metadata::show_item))
                .merge(member(put(snapshots::metadata::set_item)))
                .merge(member(delete(snapshots::metadata::remove_item))),
        )
        .route("/snapshots/{snapshot_id}/action", member(post(snapshot_actions::act)))
}

/// Attachments.
fn attachment_routes() -> Router<App> {
    Router::new()
        .route(
            "/attachments",
            reader(get(attachments::list::summary))
                .merge(member(post(attachments::create_attachment::create))),
        )
        .route("/attachments/detail", reader(get(attachments::list::detail)))
        .route(
            "/attachments/{attachment_id}",
            reader(get(attachments::show::show))
                .merge(member(put(attachments::update_attachment::update)))
                .merge(member(delete(attachments::delete_attachment::delete))),
        )
        .route(
            "/attachments/{attachment_id}/action",
            member(post(attachments::complete_attachment::act)),
        )
}

/// Volume types, default types and QoS specs.
fn type_routes() -> Router<App> {
    Router::new()
        .route(
            "/types",
            reader(get(types::list::list)).merge(admin(post(types::create_volume_type::create))),
        )
        .route(
            "/types/{type_id}",
            reader(get(types::show::show))
                .merge(admin(put(types::update_volume_type::update)))
                .merge(admin(delete(types::delete_volume_type::delete))),
        )
        .route(
            "/types/{type_id}/extra_specs",
            reader(get(types::update_extra_specs::show))
                .merge(admin(post(types::update_extra_specs::merge))),
        )
        .route(
            "/types/{type_id}/extra_specs/{key}",
            reader(get(types::update_extra_specs::show_item))
                .merge(admin(put(types::update_extra_specs::set_item)))
                .merge(admin(delete(types::update_extra_specs::remove_item))),
        )
        .route(
            "/types/{type_id}/os-volume-type-access",
            admin(get(types::update_type_access::show)),
        )
        .route(
            "/types/{type_id}/encryption",
            admin(get(types::update_type_encryption::show))
                .merge(admin(post(types::update_type_encryption::create))),
        )
        .route(
            "/types/{type_id}/encryption/{key}",
            admin(get(types::update_type_encryption::show_item))
                .merge(admin(put(types::update_type_encryption::update)))
                .merge(admin(delete(types::update_type_encryption::delete))),
        )
        .route("/default-types", admin(get(default_types::list)))
        .route(
            "/default-types/{project}",
            admin(get(default_types::show))
                .merge(admin(put(default_types::set_default_type::set)))
                .merge(admin(delete(default_types::set_default_type::unset))),
        )
        .route(
            "/qos-specs",
            admin(get(qos_specs::list::list))
                .merge(admin(post(qos_specs::create_qos_specs::create))),
        )
        .route(
            "/qos-specs/{qos_specs_id}",
            admin(get(qos_specs::show::show))
                .merge(admin(put(qos_specs::update_qos_specs::update)))
                .merge(admin(delete(qos_specs::delete_qos_specs::delete))),
        )
        .route(
            "/qos-specs/{qos_specs_id}/delete_keys",
            admin(put(qos_specs::update_qos_specs::delete_keys)),
        )
        .route(
            "/qos-specs/{qos_specs_id}/associations",
            admin(get(qos_specs::associate_qos_specs::associations)),
        )
        .route(
            "/qos-specs/{qos_specs_id}/associate",
            admin(get(qos_specs::associate_qos_specs::associate)),
        )
        .route(
            "/qos-specs/{qos_specs_id}/disassociate",
            admin(get(qos_specs::disassociate_qos_specs::disassociate)),
        )
        .route(
            "/qos-specs/{qos_specs_id}/disassociate_all",
            admin(get(qos_specs::disassociate_qos_specs::disassociate_all)),
        )
        .route("/types/{type_id}/action", admin(post(types::update_type_access::act)))
}

/// Quotas and limits.
fn quota_routes() -> Router<App> {
    Router::new()
        .route(
            "/os-quota-sets/{project}",
            reader(get(quotas::show::show))
                .merge(admin(put(quotas::update_quota::update)))
                .merge(admin(delete(quotas::reset_quota::reset))),
        )
        .route("/os-quota-sets/{project}/defaults", reader(get(quotas::show::defaults)))
        .route(
            "/os-quota-class-sets/{class}",
            admin(get(quotas::show::class)).merge(admin(put(quotas::update_quota_class::update))),
        )
        .route("/limits", reader(get(quotas::limits::show)))
}

/// Services, clusters, hosts, pools: what operators see and decide.
fn operator_routes() -> Router<App> {
    Router::new()
        .route("/scheduler-stats/get_pools", admin(get(pools::list)))
        .route("/capabilities/{host}", admin(get(pools::capabilities)))
        .route("/clusters", admin(get(clusters::list)))
        .route("/clusters/detail", admin(get(clusters::detail)))
        .route("/clusters/enable", admin(put(clusters::enable)))
        .route("/clusters/disable", admin(put(clusters::disable)))
        .route("/clusters/{name}", admin(get(clusters::show)))
        .route("/workers/cleanup", admin(post(workers::cleanup)))
        .route("/os-hosts", admin(get(hosts::list)))
        .route("/os-hosts/{host}", admin(get(hosts::show)).merge(admin(put(hosts::update))))
        .route("/os-services", admin(get(services::list::list)))
        .route("/os-services/enable", admin(put(services::enable_backend::enable)))
        .route("/os-services/disable", admin(put(services::disable_backend::disable)))
        .route(
            "/os-services/disable-log-reason",
            admin(put(services::disable_backend::disable_with_reason)),
        )
        .route("/os-services/freeze", admin(put(services::freeze_backend::freeze)))
        .route("/os-services/failover_host", admin(put(services::failover_backend::failover)))
        .route("/os-services/failover", admin(put(services::failover_backend::failover)))
        .route("/os-services/reset_active_backend", admin(put(services::promote_backend::promote)))
        .route("/os-services/replication_enable", admin(put(services::enable_replication::enable)))
        .route("/os-services/set-log", admin(put(services::log_levels::set)))
        .route("/os-services/get-log", admin(put(services::log_levels::get)))
        .route("/os-services/thaw", admin(put(services::thaw_backend::thaw)))
}

/// What the API says of itself, and messages to users.
fn description_routes() -> Router<App> {
    Router::new()
        .route("/os-availability-zone", reader(get(availability_zones::list)))
        .route("/messages", reader(get(messages::list::list)))
        .route(
            "/messages/{message_id}",
            reader(get(messages::show::show))
                .merge(member(delete(messages::delete_message::delete))),
        )
        .route("/extensions", reader(get(extensions::list)))
        .route("/extensions/{alias}", reader(get(extensions::show)))
        .route("/resource_filters", reader(get(resource_filters::list)))
}

/// The whole API as one service.
pub(crate) fn service(
    app: App,
) -> impl Service<
    Request,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    let health = Health {
        database: app.database.clone(),
        bus: app.bus.clone(),
        stopping: app.stopping.clone(),
        details: None,
    };
    let v3 = v3()
        .layer(from_fn(microversion::negotiate))
        .layer(from_fn_with_state(app.clone(), identity::identify));
    let router = Router::new()
        .route("/", get(versions::choices))
        .route("/v3", get(versions::current))
        .route("/v3/", get(versions::current))
        .nest("/v3", v3)
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(CatchPanicLayer::custom(observe::answer_panic))
        .layer(from_fn(observe::observe))
        // asked all the time, and not worth a line in the log
        .route("/healthcheck", health.route())
        .with_state(app);
    MapRequest::new(router, |request| project_url::take_project(request, RESOURCES))
}

/// Cinder's router knows no methods: a wrong one is as unknown as a wrong path.
async fn not_found() -> Fault {
    Fault(Error::not_found("The resource could not be found."))
}
