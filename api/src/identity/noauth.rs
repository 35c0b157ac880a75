//! `noauth`: whoever callers say they are. For development.

use super::headers::text;
use crate::project_url::UrlProject;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::Caller;

const TOKEN: &str = "x-auth-token";

/// Cinder's noauth answers whoever comes with a name and no token with a token: the first step of the
/// oldest clients.
pub(crate) fn legacy_auth_response(request: &Request) -> Option<Response> {
    let headers = request.headers();
    let user = text(headers, "x-auth-user").filter(|_| !headers.contains_key(TOKEN))?;
    let project = text(headers, "x-auth-project-id").unwrap_or("admin");
    let host = text(headers, "host").unwrap_or_default();
    let path = request.uri().path().trim_end_matches('/');
    let headers = [
        ("x-auth-token", format!("{user}:{project}")),
        ("x-server-management-url", format!("http://{host}{path}")),
    ];
    Some((StatusCode::NO_CONTENT, headers).into_response())
}

/// The caller from the token `user:project`, unchecked; without a token, the caller is `admin`. The roles are those
/// in `X-Roles`, or all of them.
pub(crate) fn caller(request: &Request) -> Caller {
    let headers = request.headers();
    let url_project = request.extensions().get::<UrlProject>().map(|UrlProject(id)| id.as_str());
    let (user, project) = match text(headers, TOKEN) {
        Some(token) => token.split_once(':').unwrap_or((token, token)),
        None => ("admin", url_project.unwrap_or("admin")),
    };
    let roles = match text(headers, "x-roles") {
        Some(roles) => with_implied(roles.split(',').map(str::trim)),
        None => with_implied(["admin"].into_iter()),
    };
    Caller { user_id: user.to_owned(), project_id: project.to_owned(), roles, ..Caller::default() }
}

/// Roles, each of which implies those after it, as Keystone has them at first.
const HIERARCHY: [&str; 4] = ["admin", "manager", "member", "reader"];

/// Roles, and those that they imply.
fn with_implied<'a>(roles: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = roles.map(str::to_owned).collect();
    let highest = HIERARCHY.iter().position(|role| all.iter().any(|has| has == role));
    for implied in highest.map_or(&[][..], |position| &HIERARCHY[position..]) {
        if !all.iter().any(|has| has == implied) {
            all.push((*implied).to_owned());
        }
    }
    all
}
