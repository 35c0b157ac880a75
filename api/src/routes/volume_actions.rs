//! `POST /volumes/{id}/action`: the body's only key says which action.

mod attach_volume;
mod begin_detaching;
mod detach;
mod extend_volume;
mod force_delete_volume;
mod initialize_connection;
mod migrate_volume;
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

use super::volumes::parse_id;
use crate::action::{self, Named};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::Rule;
use crate::request::RequestContext;
use axum::extract::{Path, State};
use axum::response::Response;
use model::{Error, VolumeId};

/// An action on a volume, on its way to its file.
pub(crate) struct Action<'a> {
    pub app: &'a App,
    pub context: &'a RequestContext,
    pub volume_id: VolumeId,
    /// The body; the action's arguments are under its name.
    pub body: Fields,
}

#[derive(Clone, Copy)]
enum Which {
    Extend,
    ForceDelete,
    Revert,
    Retype,
    Migrate,
    Unmanage,
    Reserve,
    Unreserve,
    InitializeConnection,
    Attach,
    BeginDetaching,
    RollDetaching,
    TerminateConnection,
    Detach,
    ForceDetach,
    ResetStatus,
    SetReadonly,
    SetBootable,
    SetImageMetadata,
    UnsetImageMetadata,
    ShowImageMetadata,
    UploadImage,
}

const ACTIONS: &[Named<Which>] = &[
    Named::new("os-extend", Rule::Member, Which::Extend),
    Named::new("os-force_delete", Rule::Admin, Which::ForceDelete),
    Named::since("revert", 40, Rule::Member, Which::Revert),
    Named::new("os-retype", Rule::Member, Which::Retype),
    Named::new("os-migrate_volume", Rule::Admin, Which::Migrate),
    Named::new("os-unmanage", Rule::Admin, Which::Unmanage),
    Named::new("os-reserve", Rule::Member, Which::Reserve),
    Named::new("os-unreserve", Rule::Member, Which::Unreserve),
    Named::new("os-initialize_connection", Rule::Member, Which::InitializeConnection),
    Named::new("os-attach", Rule::Member, Which::Attach),
    Named::new("os-begin_detaching", Rule::Member, Which::BeginDetaching),
    Named::new("os-roll_detaching", Rule::Member, Which::RollDetaching),
    Named::new("os-terminate_connection", Rule::Member, Which::TerminateConnection),
    Named::new("os-detach", Rule::Member, Which::Detach),
    Named::new("os-force_detach", Rule::Admin, Which::ForceDetach),
    Named::new("os-reset_status", Rule::Admin, Which::ResetStatus),
    Named::new("os-update_readonly_flag", Rule::Member, Which::SetReadonly),
    Named::new("os-set_bootable", Rule::Member, Which::SetBootable),
    Named::new("os-set_image_metadata", Rule::Member, Which::SetImageMetadata),
    Named::new("os-unset_image_metadata", Rule::Member, Which::UnsetImageMetadata),
    Named::new("os-show_image_metadata", Rule::Reader, Which::ShowImageMetadata),
    Named::new("os-volume_upload_image", Rule::Member, Which::UploadImage),
];

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer<Response> {
    let which = action::which(ACTIONS, &body, &context)?;
    let action = Action {
        app: &app,
        context: &context,
        volume_id: parse_id(&id)?,
        body: Fields::of_body(body),
    };
    match which {
        Which::Extend => extend_volume::extend(action).await,
        Which::ForceDelete => force_delete_volume::force_delete(action).await,
        Which::Revert => revert_volume::revert(action).await,
        Which::Retype => retype_volume::retype(action).await,
        Which::Migrate => migrate_volume::migrate(action).await,
        Which::Unmanage => unmanage_volume::unmanage(action).await,
        Which::Reserve => reserve_volume::reserve(action).await,
        Which::Unreserve => reserve_volume::unreserve(action).await,
        Which::InitializeConnection => initialize_connection::initialize(action).await,
        Which::Attach => attach_volume::attach(action).await,
        Which::BeginDetaching => begin_detaching::begin(action).await,
        Which::RollDetaching => roll_detaching::roll(action).await,
        Which::TerminateConnection => terminate_connection::terminate(action).await,
        Which::Detach => detach::detach(action).await,
        Which::ForceDetach => detach::force_detach(action).await,
        Which::ResetStatus => reset_volume_status::reset(action).await,
        Which::SetReadonly => set_volume_readonly::set_readonly(action).await,
        Which::SetBootable => set_volume_bootable::set_bootable(action).await,
        Which::SetImageMetadata => update_image_metadata::set(action).await,
        Which::UnsetImageMetadata => update_image_metadata::unset(action).await,
        Which::ShowImageMetadata => update_image_metadata::show(action).await,
        Which::UploadImage => {
            Err(Error::bad_request("There is no image service to upload the volume to.").into())
        }
    }
}
