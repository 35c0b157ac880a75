//! The step of a request that learns who asks.

use crate::app::App;
use crate::fault::{Answer, Fault};
use crate::identity::keystone::Identified;
use crate::identity::{Identification, noauth};
use crate::project_url::UrlProject;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Caller, Error, ErrorKind};

/// Identifies the caller, and refuses a URL that names another project than the caller's.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let caller = match &app.identification {
        Identification::Noauth => {
            if let Some(greeting) = noauth::legacy_auth_response(&request) {
                return greeting;
            }
            noauth::caller(&request)
        }
        Identification::Keystone(keystone) => {
            let path = asked_path(&request);
            match keystone.caller(request.headers(), request.method().as_str(), &path).await {
                Ok(Identified { caller, token }) => {
                    request.extensions_mut().insert(token);
                    caller
                }
                Err(refusal) => return keystone.answer(refusal),
            }
        }
    };
    match with_rights(&app, &request, caller) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}

/// The caller as the policy sees it, if the URL names no other project.
fn with_rights(app: &App, request: &Request, mut caller: Caller) -> Answer<Caller> {
    let url_project = request.extensions().get::<UrlProject>();
    if url_project.is_some_and(|UrlProject(id)| *id != caller.project_id) {
        return Err(Fault(Error::bad_request("Malformed request url")));
    }
    caller.is_admin = app.policy.current().is_admin(&caller);
    if caller.project_id.is_empty() && !caller.is_admin {
        return Err(Fault(Error::new(ErrorKind::Forbidden, "Not authorized.")));
    }
    Ok(caller)
}

/// The path that the client asked for, the project included.
fn asked_path(request: &Request) -> String {
    // the router has taken the version away, and the project went before
    let path = request.uri().path();
    match request.extensions().get::<UrlProject>() {
        Some(UrlProject(project)) => format!("/v3/{project}{path}"),
        None => format!("/v3{path}"),
    }
}
