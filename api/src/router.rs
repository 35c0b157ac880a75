//! Every URL, a function for each group of resources.

use crate::app::App;
use crate::fault::Fault;
use crate::policy::Rule;
use crate::routes::{
    attachments, availability_zones, backup_actions, backups, clusters, default_types, extensions,
    hosts, manageable, messages, pools, qos_specs, quotas, resource_filters, services,
    snapshot_actions, snapshots, transfers, types, versions, volume_actions, volumes, workers,
};
use crate::routing::{ANYONE, Routes};
use crate::{identify, microversion, nul, observe, overload, project_url};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
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
    "os-volume-transfer",
    "volume-transfers",
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
fn manageable(app: &App, volumes: &str, snapshots: &str) -> Routes {
    Routes::new(app)
        .get(volumes, Rule::VolumeListManageable, manageable::list::volumes)
        .post(volumes, Rule::VolumeManage, manageable::manage_volume::manage)
        .get(
            &format!("{volumes}/detail"),
            Rule::VolumeListManageable,
            manageable::list::volumes_in_detail,
        )
        .get(snapshots, Rule::SnapshotListManageable, manageable::list::snapshots)
        .post(snapshots, Rule::SnapshotManage, manageable::manage_snapshot::manage)
        .get(
            &format!("{snapshots}/detail"),
            Rule::SnapshotListManageable,
            manageable::list::snapshots_in_detail,
        )
}

/// Everything below `/v3`.
fn v3(app: &App) -> Routes {
    Routes::new(app)
        .merge(volume_routes(app))
        .merge(snapshot_routes(app))
        .merge(backup_routes(app))
        .merge(attachment_routes(app))
        .merge(type_routes(app))
        .merge(quota_routes(app))
        .merge(operator_routes(app))
        .merge(description_routes(app))
        .merge(transfer_routes(app, "/os-volume-transfer"))
        .merge(transfer_routes(app, "/volume-transfers"))
        .merge(manageable(app, "/os-volume-manage", "/os-snapshot-manage"))
        .merge(manageable(app, "/manageable_volumes", "/manageable_snapshots").since::<8>())
}

/// Volumes, their metadata and their actions.
fn volume_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/volumes", Rule::VolumeGetAll, volumes::list::summary)
        .post("/volumes", Rule::VolumeCreate, volumes::create_volume::create)
        .get("/volumes/detail", Rule::VolumeGetAll, volumes::list::detail)
        .get("/volumes/summary", Rule::VolumeGetAll, volumes::summary::summary)
        .get("/volumes/{volume_id}", Rule::VolumeGet, volumes::show::show)
        .put(
            "/volumes/{volume_id}",
            [Rule::VolumeGet, Rule::VolumeUpdate],
            volumes::update_volume::update,
        )
        // what force asks for comes before the rule of every deletion
        .delete("/volumes/{volume_id}", Rule::VolumeGet, volumes::delete_volume::delete)
        .get(
            "/volumes/{volume_id}/metadata",
            [Rule::VolumeGet, Rule::VolumeGetMetadata],
            volumes::metadata::show,
        )
        .post(
            "/volumes/{volume_id}/metadata",
            [Rule::VolumeGet, Rule::VolumeCreateMetadata],
            volumes::metadata::merge,
        )
        .put(
            "/volumes/{volume_id}/metadata",
            [Rule::VolumeGet, Rule::VolumeUpdateMetadata],
            volumes::metadata::replace,
        )
        .get(
            "/volumes/{volume_id}/metadata/{key}",
            [Rule::VolumeGet, Rule::VolumeGetMetadata],
            volumes::metadata::show_item,
        )
        .put(
            "/volumes/{volume_id}/metadata/{key}",
            [Rule::VolumeGet, Rule::VolumeUpdateMetadata],
            volumes::metadata::set_item,
        )
        .delete(
            "/volumes/{volume_id}/metadata/{key}",
            [Rule::VolumeGet, Rule::VolumeDeleteMetadata],
            volumes::metadata::remove_item,
        )
        .get(
            "/volumes/{volume_id}/encryption",
            Rule::VolumeEncryptionMetadata,
            volumes::encryption::show,
        )
        .get(
            "/volumes/{volume_id}/encryption/{key}",
            Rule::VolumeEncryptionMetadata,
            volumes::encryption::show_item,
        )
        // each action has its own rule
        .post("/volumes/{volume_id}/action", Rule::VolumeGet, volume_actions::act)
}

/// Backups and their actions.
fn backup_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/backups", Rule::BackupGetAll, backups::list::summary)
        .post("/backups", Rule::BackupCreate, backups::create_backup::create)
        .get("/backups/detail", Rule::BackupGetAll, backups::list::detail)
        .post("/backups/import_record", Rule::BackupImport, backups::import_backup::import)
        .get("/backups/{backup_id}", Rule::BackupGet, backups::show::show)
        .delete(
            "/backups/{backup_id}",
            [Rule::BackupGet, Rule::BackupDelete],
            backups::delete_backup::delete,
        )
        .post(
            "/backups/{backup_id}/restore",
            [Rule::BackupGet, Rule::BackupRestore],
            backups::restore_backup::restore,
        )
        .get(
            "/backups/{backup_id}/export_record",
            [Rule::BackupGet, Rule::BackupExport],
            backups::export_record::export,
        )
        .post("/backups/{backup_id}/action", Rule::BackupGet, backup_actions::act)
        .merge(
            Routes::new(app)
                .put(
                    "/backups/{backup_id}",
                    [Rule::BackupGet, Rule::BackupUpdate],
                    backups::update_backup::update,
                )
                .since::<9>(),
        )
}

/// Snapshots, their metadata and their actions.
fn snapshot_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/snapshots", Rule::SnapshotGetAll, snapshots::list::summary)
        .post("/snapshots", Rule::SnapshotCreate, snapshots::create_snapshot::create)
        .get("/snapshots/detail", Rule::SnapshotGetAll, snapshots::list::detail)
        .get("/snapshots/{snapshot_id}", Rule::SnapshotGet, snapshots::show::show)
        .put(
            "/snapshots/{snapshot_id}",
            [Rule::SnapshotGet, Rule::SnapshotUpdate],
            snapshots::update_snapshot::update,
        )
        .delete(
            "/snapshots/{snapshot_id}",
            [Rule::SnapshotGet, Rule::SnapshotDelete],
            snapshots::delete_snapshot::delete,
        )
        .get(
            "/snapshots/{snapshot_id}/metadata",
            [Rule::SnapshotGet, Rule::SnapshotGetMetadata],
            snapshots::metadata::show,
        )
        .post(
            "/snapshots/{snapshot_id}/metadata",
            [Rule::SnapshotGet, Rule::SnapshotUpdateMetadata],
            snapshots::metadata::merge,
        )
        .put(
            "/snapshots/{snapshot_id}/metadata",
            [Rule::SnapshotGet, Rule::SnapshotUpdateMetadata],
            snapshots::metadata::replace,
        )
        .get(
            "/snapshots/{snapshot_id}/metadata/{key}",
            [Rule::SnapshotGet, Rule::SnapshotGetMetadata],
            snapshots::metadata::show_item,
        )
        .put(
            "/snapshots/{snapshot_id}/metadata/{key}",
            [Rule::SnapshotGet, Rule::SnapshotUpdateMetadata],
            snapshots::metadata::set_item,
        )
        .delete(
            "/snapshots/{snapshot_id}/metadata/{key}",
            [Rule::SnapshotGet, Rule::SnapshotDeleteMetadata],
            snapshots::metadata::remove_item,
        )
        .post("/snapshots/{snapshot_id}/action", Rule::SnapshotGet, snapshot_actions::act)
}

/// Attachments.
fn attachment_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/attachments", ANYONE, attachments::list::summary)
        .post("/attachments", Rule::AttachmentCreate, attachments::create_attachment::create)
        .get("/attachments/detail", ANYONE, attachments::list::detail)
        .get("/attachments/{attachment_id}", ANYONE, attachments::show::show)
        .put(
            "/attachments/{attachment_id}",
            Rule::AttachmentUpdate,
            attachments::update_attachment::update,
        )
        .delete(
            "/attachments/{attachment_id}",
            Rule::AttachmentDelete,
            attachments::delete_attachment::delete,
        )
        .post("/attachments/{attachment_id}/action", ANYONE, attachments::complete_attachment::act)
}

/// Volume types, default types and QoS specs.
fn type_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/types", Rule::TypeGetAll, types::list::list)
        .post("/types", Rule::TypeCreate, types::create_volume_type::create)
        .get("/types/{type_id}", Rule::TypeGet, types::show::show)
        .put("/types/{type_id}", Rule::TypeUpdate, types::update_volume_type::update)
        .delete("/types/{type_id}", Rule::TypeDelete, types::delete_volume_type::delete)
        .get("/types/{type_id}/extra_specs", Rule::ExtraSpecsIndex, types::update_extra_specs::show)
        .post(
            "/types/{type_id}/extra_specs",
            Rule::ExtraSpecsCreate,
            types::update_extra_specs::merge,
        )
        .get(
            "/types/{type_id}/extra_specs/{key}",
            Rule::ExtraSpecsShow,
            types::update_extra_specs::show_item,
        )
        .put(
            "/types/{type_id}/extra_specs/{key}",
            Rule::ExtraSpecsUpdate,
            types::update_extra_specs::set_item,
        )
        .delete(
            "/types/{type_id}/extra_specs/{key}",
            Rule::ExtraSpecsDelete,
            types::update_extra_specs::remove_item,
        )
        .get(
            "/types/{type_id}/os-volume-type-access",
            Rule::TypeGetAccess,
            types::update_type_access::show,
        )
        .get(
            "/types/{type_id}/encryption",
            Rule::EncryptionGet,
            types::update_type_encryption::show,
        )
        .post(
            "/types/{type_id}/encryption",
            Rule::EncryptionCreate,
            types::update_type_encryption::create,
        )
        .get(
            "/types/{type_id}/encryption/{key}",
            Rule::EncryptionGet,
            types::update_type_encryption::show_item,
        )
        .put(
            "/types/{type_id}/encryption/{key}",
            Rule::EncryptionUpdate,
            types::update_type_encryption::update,
        )
        .delete(
            "/types/{type_id}/encryption/{key}",
            Rule::EncryptionDelete,
            types::update_type_encryption::delete,
        )
        .get("/default-types", Rule::DefaultTypeGetAll, default_types::list)
        .get("/default-types/{project}", Rule::DefaultTypeGet, default_types::show)
        .put("/default-types/{project}", Rule::DefaultTypeSet, default_types::set_default_type::set)
        .delete(
            "/default-types/{project}",
            Rule::DefaultTypeUnset,
            default_types::set_default_type::unset,
        )
        .get("/qos-specs", Rule::QosSpecsGetAll, qos_specs::list::list)
        .post("/qos-specs", Rule::QosSpecsCreate, qos_specs::create_qos_specs::create)
        .get("/qos-specs/{qos_specs_id}", Rule::QosSpecsGet, qos_specs::show::show)
        .put("/qos-specs/{qos_specs_id}", Rule::QosSpecsUpdate, qos_specs::update_qos_specs::update)
        .delete(
            "/qos-specs/{qos_specs_id}",
            Rule::QosSpecsDelete,
            qos_specs::delete_qos_specs::delete,
        )
        .put(
            "/qos-specs/{qos_specs_id}/delete_keys",
            Rule::QosSpecsDelete,
            qos_specs::update_qos_specs::delete_keys,
        )
        .get(
            "/qos-specs/{qos_specs_id}/associations",
            Rule::QosSpecsGetAll,
            qos_specs::associate_qos_specs::associations,
        )
        .get(
            "/qos-specs/{qos_specs_id}/associate",
            Rule::QosSpecsUpdate,
            qos_specs::associate_qos_specs::associate,
        )
        .get(
            "/qos-specs/{qos_specs_id}/disassociate",
            Rule::QosSpecsUpdate,
            qos_specs::disassociate_qos_specs::disassociate,
        )
        .get(
            "/qos-specs/{qos_specs_id}/disassociate_all",
            Rule::QosSpecsUpdate,
            qos_specs::disassociate_qos_specs::disassociate_all,
        )
        .post("/types/{type_id}/action", ANYONE, types::update_type_access::act)
}

/// Quotas and limits.
fn quota_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/os-quota-sets/{project}", Rule::QuotaShow, quotas::show::show)
        .put("/os-quota-sets/{project}", Rule::QuotaUpdate, quotas::update_quota::update)
        .delete("/os-quota-sets/{project}", Rule::QuotaDelete, quotas::reset_quota::reset)
        .get("/os-quota-sets/{project}/defaults", Rule::QuotaShow, quotas::show::defaults)
        .get("/os-quota-class-sets/{class}", Rule::QuotaClassGet, quotas::show::class)
        .put(
            "/os-quota-class-sets/{class}",
            Rule::QuotaClassUpdate,
            quotas::update_quota_class::update,
        )
        .get("/limits", ANYONE, quotas::limits::show)
}

/// Services, clusters, hosts, pools: what operators see and decide.
fn operator_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/scheduler-stats/get_pools", Rule::Pools, pools::list)
        .get("/capabilities/{host}", Rule::Capabilities, pools::capabilities)
        .get("/clusters", Rule::ClustersGetAll, clusters::list)
        .get("/clusters/detail", Rule::ClustersGetAll, clusters::detail)
        .put("/clusters/enable", Rule::ClustersUpdate, clusters::enable)
        .put("/clusters/disable", Rule::ClustersUpdate, clusters::disable)
        .get("/clusters/{name}", Rule::ClustersGet, clusters::show)
        .post("/workers/cleanup", Rule::WorkersCleanup, workers::cleanup)
        .get("/os-hosts", Rule::Hosts, hosts::list)
        .get("/os-hosts/{host}", Rule::Hosts, hosts::show)
        .put("/os-hosts/{host}", Rule::Hosts, hosts::update)
        .get("/os-services", Rule::ServicesIndex, services::list::list)
        .get(
            "/os-services/protection",
            [Rule::ServicesIndex, Rule::FailoverHost],
            services::protection::show,
        )
        .put("/os-services/enable", Rule::ServicesUpdate, services::enable_backend::enable)
        .put("/os-services/disable", Rule::ServicesUpdate, services::disable_backend::disable)
        .put(
            "/os-services/disable-log-reason",
            Rule::ServicesUpdate,
            services::disable_backend::disable_with_reason,
        )
        .put(
            "/os-services/freeze",
            [Rule::ServicesUpdate, Rule::FreezeHost],
            services::freeze_backend::freeze,
        )
        .put(
            "/os-services/failover_host",
            [Rule::ServicesUpdate, Rule::FailoverHost],
            services::failover_backend::failover,
        )
        .put(
            "/os-services/failover",
            [Rule::ServicesUpdate, Rule::FailoverHost],
            services::failover_backend::failover,
        )
        .put(
            "/os-services/reset_active_backend",
            [Rule::ServicesUpdate, Rule::FailoverHost],
            services::promote_backend::promote,
        )
        .put(
            "/os-services/replication_enable",
            [Rule::ServicesUpdate, Rule::FailoverHost],
            services::enable_replication::enable,
        )
        .put(
            "/os-services/verify_replicas",
            [Rule::ServicesUpdate, Rule::FailoverHost],
            services::verify_replicas::verify,
        )
        .put(
            "/os-services/begin_drill",
            [Rule::ServicesUpdate, Rule::FailoverHost],
            services::begin_drill::begin,
        )
        .put(
            "/os-services/end_drill",
            [Rule::ServicesUpdate, Rule::FailoverHost],
            services::end_drill::end,
        )
        .put("/os-services/set-log", Rule::ServicesUpdate, services::log_levels::set)
        .put("/os-services/get-log", Rule::ServicesUpdate, services::log_levels::get)
        .put(
            "/os-services/thaw",
            [Rule::ServicesUpdate, Rule::ThawHost],
            services::thaw_backend::thaw,
        )
}

/// Volumes that go from one project to another, under a path of its time.
fn transfer_routes(app: &App, collection: &str) -> Routes {
    let one = format!("{collection}/{{transfer_id}}");
    Routes::new(app)
        .get(collection, Rule::TransferGetAll, transfers::list::summary)
        .post(collection, Rule::TransferCreate, transfers::create_transfer::create)
        .get(&format!("{collection}/detail"), Rule::TransferGetAll, transfers::list::detail)
        .get(&one, Rule::TransferGet, transfers::show::show)
        .delete(&one, Rule::TransferDelete, transfers::delete_transfer::delete)
        .post(&format!("{one}/accept"), Rule::TransferAccept, transfers::accept_transfer::accept)
}

/// What the API says of itself, and messages to users.
fn description_routes(app: &App) -> Routes {
    Routes::new(app)
        .get("/os-availability-zone", ANYONE, availability_zones::list)
        .get("/messages", Rule::MessageGetAll, messages::list::list)
        .get("/messages/{message_id}", Rule::MessageGet, messages::show::show)
        .delete("/messages/{message_id}", Rule::MessageDelete, messages::delete_message::delete)
        .get("/extensions", ANYONE, extensions::list)
        .get("/extensions/{alias}", ANYONE, extensions::show)
        .get("/resource_filters", ANYONE, resource_filters::list)
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
    let v3 = v3(&app)
        .into_router()
        .layer(from_fn(microversion::negotiate))
        .layer(from_fn_with_state(app.clone(), identify::identify));
    let router = Router::new()
        .route("/", get(versions::choices))
        .route("/v3", get(versions::current))
        .route("/v3/", get(versions::current))
        .nest("/v3", v3)
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(from_fn(nul::refuse_in_url))
        .layer(CatchPanicLayer::custom(observe::answer_panic))
        .layer(from_fn_with_state(app.clone(), overload::shed))
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
