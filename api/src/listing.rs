//! What every list has in common: page, filters, projects, count and the link to the next page.

use crate::app::App;
use crate::fault::Answer;
use crate::filters::{Known, filters};
use crate::paging::{Page, Parameters, list_error};
use crate::request::RequestContext;
use axum::Json;
use axum::response::IntoResponse;
use database::listing::{self, Filter, ListQuery, Listed};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Since 3.45 `with_count` asks for the number of all that match.
const COUNT_SINCE: u16 = 45;

/// What a resource's list can be asked for.
pub(crate) struct Listing {
    /// The key of the list in the answer.
    pub key: &'static str,
    /// The key of the link to the next page; `None` where Cinder gives none.
    pub links_key: Option<&'static str>,
    /// The sort keys and their columns.
    pub sort_keys: &'static [(&'static str, &'static str)],
    /// The filters.
    pub filters: &'static [Known],
}

/// A list as one request asks for it.
pub(crate) struct Asked<'a> {
    listing: &'a Listing,
    context: &'a RequestContext,
    page: Page,
    matching: ListQuery,
    with_count: bool,
    query: Option<&'a str>,
}

impl Listing {
    /// Reads the query of a request.
    pub fn ask<'a>(
        &'a self,
        app: &App,
        context: &'a RequestContext,
        query: Option<&'a str>,
    ) -> model::Result<Asked<'a>> {
        let mut parameters = Parameters::parse(query)?;
        let page = Page::take(&mut parameters, self.sort_keys, app.config.max_page)?;
        let with_count = context.version.0 >= COUNT_SINCE && parameters.flag("with_count")?;
        let matching = self.matching(parameters, context)?;
        Ok(Asked { listing: self, context, page, matching, with_count, query })
    }

    /// What the parameters ask for, page aside.
    pub fn matching(
        &self,
        mut parameters: Parameters,
        context: &RequestContext,
    ) -> model::Result<ListQuery> {
        let all_projects = parameters.flag("all_tenants")? && context.caller.is_admin;
        let mut filters = filters(parameters.rest(), self.filters, context)?;
        if !all_projects {
            // without all_tenants even an admin sees only the own project, whatever project_id says
            filters.retain(|filter| !matches!(filter, Filter::OneOf("project_id", _)));
        }
        let project_id = (!all_projects).then(|| context.caller.project_id.clone());
        Ok(ListQuery { project_id, filters, ..ListQuery::default() })
    }
}

impl Asked<'_> {
    /// Reads the page, at the address `collection`.
    pub async fn read<T: Listed>(&self, app: &App, collection: &str) -> Answer<Found<T>> {
        let page = self.page.query(self.matching.clone());
        let found: Vec<T> = listing::page(&app.database, &page).await.map_err(list_error)?;
        let count = match self.with_count {
            true => Some(listing::count::<T>(&app.database, &self.matching).await?),
            false => None,
        };
        let ids = found.iter().map(Listed::id);
        let next = self.page.next_link(&self.context.links, collection, self.query, ids);
        let links = self.listing.links_key.zip(next);
        Ok(Found { key: self.listing.key, found, links, count })
    }
}

/// A page as it was read.
pub(crate) struct Found<T> {
    key: &'static str,
    found: Vec<T>,
    links: Option<(&'static str, Value)>,
    count: Option<i64>,
}

impl<T> Found<T> {
    /// The answer: each resource of the page as `view` shows it.
    pub fn answer<'a, V: Serialize>(&'a self, view: impl Fn(&'a T) -> V) -> Answer {
        let Self { key, found, links, count } = self;
        let views = found.iter().map(view).collect();
        Ok(Json(List { key, views, links: links.as_ref(), count: *count }).into_response())
    }
}

/// The body of the answer.
struct List<'a, V> {
    key: &'static str,
    views: Vec<V>,
    links: Option<&'a (&'static str, Value)>,
    count: Option<i64>,
}

impl<V: Serialize> Serialize for List<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.key, &self.views)?;
        if let Some((key, links)) = self.links {
            map.serialize_entry(key, links)?;
        }
        if let Some(count) = self.count {
            map.serialize_entry("count", &count)?;
        }
        map.end()
    }
}
