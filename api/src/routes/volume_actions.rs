//! `POST /volumes/{id}/action`: the body's only key says which action.

mod attach_volume;
mod begin_detaching;
mod complete_extension;
mod complete_swap;
mod detach;
mod extend_volume;
mod force_delete_volume;
mod initialize_connection;
mod migrate_volume;
mod reimage_volume;
mod reserve_volume;
mod reset_volume_status;
mod retype_volume;
mod revert_volume;
mod roll_detaching;
mod set_volume_bootable;
mod set_volume_readonly;
mod terminate_connection;
mod unmanage_volume;
mod update_image_metadata;
mod upload_volume;

use super::volumes::parse_id;
use crate::action::{self, ActionEntry};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::policy::{Object, Rule};
use crate::request::RequestContext;
use axum::extract::{Path, State};
use model::VolumeId;

const ACTIONS: &[ActionEntry<VolumeId>] = &[
    ActionEntry::new("os-extend", &[Rule::VolumeExtend], |action| {
        Box::pin(extend_volume::extend(action))
    }),
    ActionEntry::new("os-force_delete", &[Rule::VolumeActionForceDelete], |action| {
        Box::pin(force_delete_volume::force_delete(action))
    }),
    ActionEntry::new("revert", &[Rule::VolumeRevert], |action| {
        Box::pin(revert_volume::revert(action))
    })
    .since(40),
    ActionEntry::new("os-retype", &[Rule::VolumeRetype], |action| {
        Box::pin(retype_volume::retype(action))
    }),
    ActionEntry::new("os-migrate_volume", &[Rule::VolumeMigrate], |action| {
        Box::pin(migrate_volume::migrate(action))
    }),
    ActionEntry::new("os-migrate_volume_completion", &[Rule::VolumeMigrateCompletion], |action| {
        Box::pin(complete_swap::complete(action))
    }),
    ActionEntry::new("os-extend_volume_completion", &[Rule::VolumeExtendCompletion], |action| {
        Box::pin(complete_extension::complete(action))
    }),
    ActionEntry::new("os-unmanage", &[Rule::VolumeUnmanage], |action| {
        Box::pin(unmanage_volume::unmanage(action))
    }),
    ActionEntry::new("os-reserve", &[Rule::VolumeReserve], |action| {
        Box::pin(reserve_volume::reserve(action))
    }),
    ActionEntry::new("os-unreserve", &[Rule::VolumeUnreserve], |action| {
        Box::pin(reserve_volume::unreserve(action))
    }),
    ActionEntry::new("os-initialize_connection", &[Rule::VolumeInitializeConnection], |action| {
        Box::pin(initialize_connection::initialize(action))
    }),
    ActionEntry::new("os-attach", &[Rule::VolumeAttach], |action| {
        Box::pin(attach_volume::attach(action))
    }),
    ActionEntry::new("os-begin_detaching", &[Rule::VolumeBeginDetaching], |action| {
        Box::pin(begin_detaching::begin(action))
    }),
    ActionEntry::new("os-roll_detaching", &[Rule::VolumeRollDetaching], |action| {
        Box::pin(roll_detaching::roll(action))
    }),
    ActionEntry::new(
        "os-terminate_connection",
        &[Rule::VolumeTerminateConnection, Rule::VolumeUnreserve],
        |action| Box::pin(terminate_connection::terminate(action)),
    ),
    ActionEntry::new("os-detach", &[Rule::VolumeDetach], |action| Box::pin(detach::detach(action))),
    ActionEntry::new(
        "os-force_detach",
        &[Rule::VolumeForceDetach, Rule::VolumeTerminateConnection, Rule::VolumeDetach],
        |action| Box::pin(detach::force_detach(action)),
    ),
    ActionEntry::new("os-reset_status", &[Rule::VolumeResetStatus], |action| {
        Box::pin(reset_volume_status::reset(action))
    }),
    ActionEntry::new("os-update_readonly_flag", &[Rule::VolumeUpdateReadonly], |action| {
        Box::pin(set_volume_readonly::set_readonly(action))
    }),
    ActionEntry::new("os-set_bootable", &[Rule::VolumeUpdate], |action| {
        Box::pin(set_volume_bootable::set_bootable(action))
    }),
    ActionEntry::new("os-set_image_metadata", &[Rule::VolumeImageMetadataSet], |action| {
        Box::pin(update_image_metadata::set(action))
    }),
    ActionEntry::new("os-unset_image_metadata", &[Rule::VolumeImageMetadataRemove], |action| {
        Box::pin(update_image_metadata::unset(action))
    }),
    ActionEntry::new("os-show_image_metadata", &[Rule::VolumeGetMetadata], |action| {
        Box::pin(update_image_metadata::show(action))
    }),
    ActionEntry::new("os-volume_upload_image", &[Rule::VolumeUploadImage], |action| {
        Box::pin(upload_volume::upload(action))
    }),
    ActionEntry::new("os-reimage", &[Rule::VolumeReimage], |action| {
        Box::pin(reimage_volume::reimage(action))
    })
    .since(68),
];

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    action::act(ACTIONS, &app, &context, Object::Volume(&id), parse_id(&id), body).await
}
