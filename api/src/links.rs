//! The addresses that answers give of things.

use crate::project_url::UrlProject;
use crate::server::Peer;
use axum::http::request::Parts;
use configuration::ApiConfig;
use serde::Serialize;
use serde_json::{Value, json};

/// The links of one thing.
#[derive(Serialize)]
pub(crate) struct ItemLinks([Link; 2]);

#[derive(Serialize)]
struct Link {
    rel: &'static str,
    href: String,
}

/// Where the API is, as the client sees it.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// Scheme and authority, with what a proxy puts before the path.
    root: String,
    /// `/<project>` when the request named one.
    project: String,
}

impl Links {
    /// The addresses as they were in the request, unless the configuration knows better.
    pub fn of(parts: &Parts, config: &ApiConfig) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let peer = parts.extensions.get::<Peer>();
        let by_proxy = peer.is_some_and(|Peer(address)| config.trusted_proxies.contains(address));
        // the last one is what the nearest proxy says
        let forwarded = |name: &str| {
            let last = parts.headers.get_all(name).iter().next_back().filter(|_| by_proxy)?;
            last.to_str().ok()?.rsplit(',').next().map(str::trim)
        };
        let root = match &config.public_endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => {
                let host = forwarded("x-forwarded-host").or_else(|| header("host"));
                let scheme = match forwarded("x-forwarded-proto") {
                    Some("https") => "https",
                    _ => "http",
                };
                format!("{scheme}://{}", host.unwrap_or("localhost"))
            }
        };
        let project = parts.extensions.get::<UrlProject>();
        let project = project.map(|UrlProject(id)| format!("/{id}")).unwrap_or_default();
        Self { root, project }
    }

    /// The root of all versions.
    pub fn root(&self) -> String {
        format!("{}/v3/", self.root)
    }

    /// The links of one thing, as Cinder gives them: `self` with the version, `bookmark` without.
    pub fn of_item(&self, collection: &str, id: impl std::fmt::Display) -> ItemLinks {
        let Self { root, project } = self;
        ItemLinks([
            Link { rel: "self", href: format!("{root}/v3{project}/{collection}/{id}") },
            Link { rel: "bookmark", href: format!("{root}{project}/{collection}/{id}") },
        ])
    }

    /// The link to the next page of a collection.
    pub fn next_page(&self, collection: &str, query: &str) -> Value {
        let Self { root, project } = self;
        json!([{ "rel": "next", "href": format!("{root}/v3{project}/{collection}?{query}") }])
    }
}
