//! Identity: the caller of a request. With `noauth`, taken from the headers without a check.

use crate::app::App;
use crate::fault::{Answer, Fault};
use crate::project_url::UrlProject;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use configuration::Identity;
use model::{Caller, Error};

const TOKEN: &str = "x-auth-token";

/// Identifies the caller, and refuses a URL that names another project than the caller's.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match app.config.identity {
        Some(Identity::Noauth) => {}
        None => return Fault(Error::internal("api.identity is not set")).into_response(),
    }
    if let Some(greeting) = legacy_auth_response(&request) {
        return greeting;
    }
    match caller_from_headers(&request) {
        Ok(mut caller) => {
            caller.is_admin = app.policy.current().is_admin(&caller);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}

/// Cinder's noauth answers whoever comes with a name and no token with a token: the first step of the
/// oldest clients.
fn legacy_auth_response(request: &Request) -> Option<Response> {
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
fn caller_from_headers(request: &Request) -> Answer<Caller> {
    let headers = request.headers();
    let url_project = request.extensions().get::<UrlProject>().map(|UrlProject(id)| id.as_str());
    let (user, project) = match text(headers, TOKEN) {
        Some(token) => token.split_once(':').unwrap_or((token, token)),
        None => ("admin", url_project.unwrap_or("admin")),
    };
    if url_project.is_some_and(|url_project| url_project != project) {
        return Err(Error::bad_request("Malformed request url").into());
    }
    let roles = match text(headers, "x-roles") {
        Some(roles) => with_implied(roles.split(',').map(str::trim)),
        None => with_implied(["admin"].into_iter()),
    };
    Ok(Caller { user_id: user.to_owned(), project_id: project.to_owned(), roles, is_admin: false })
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

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}
