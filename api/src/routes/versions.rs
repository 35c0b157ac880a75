//! `GET /` and `GET /v3/`: which versions there are. Clients ask before they know who they are.

use crate::app::App;
use crate::links::Links;
use crate::views;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;

impl FromRequestParts<App> for Links {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts, &app.config))
    }
}

/// All versions, as a choice.
pub(crate) async fn choices(State(_): State<App>, links: Links) -> Response {
    (StatusCode::MULTIPLE_CHOICES, Json(views::version::versions(&links))).into_response()
}

/// The only version.
pub(crate) async fn current(links: Links) -> Response {
    Json(views::version::versions(&links)).into_response()
}
