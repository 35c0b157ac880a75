//! `/v3/{project_id}/…` and `/v3/…` are the same: the project leaves the path before it is routed.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The project that a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlProject(pub String);

/// Moves the project from the path into the request's extensions. A first segment that is no resource
/// of the API, with more behind it, is a project; Cinder's default would only take hexadecimal ones.
pub(crate) fn take_project<B>(mut request: Request<B>, resources: &[&str]) -> Request<B> {
    if let Some((project, path)) = split(request.uri().path(), resources) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(rewritten) = PathAndQuery::try_from(format!("{path}{query}")) {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(rewritten);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
                request.extensions_mut().insert(UrlProject(project));
            }
        }
    }
    request
}

fn split(path: &str, resources: &[&str]) -> Option<(String, String)> {
    let (project, rest) = path.strip_prefix("/v3/")?.split_once('/')?;
    let is_project = !project.is_empty() && !rest.is_empty() && !resources.contains(&project);
    is_project.then(|| (project.to_owned(), format!("/v3/{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_leaves_the_path_and_a_resource_stays() {
        let split = |path| split(path, &["volumes", "os-services"]);
        let taken = |project: &str, path: &str| Some((project.to_owned(), path.to_owned()));
        assert_eq!(split("/v3/abc/volumes/detail"), taken("abc", "/v3/volumes/detail"));
        assert_eq!(split("/v3/volumes/detail"), None);
        assert_eq!(split("/v3/volumes"), None);
        assert_eq!(split("/v3/abc"), None);
        assert_eq!(split("/v3/"), None);
        assert_eq!(split("/v3//volumes"), None);
        assert_eq!(split("/healthcheck"), None);
    }
}
