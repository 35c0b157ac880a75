//! Which backend a request means: by its host, or, in later versions, by its cluster. A backend has one name, which is both.

use crate::fields::required;
use crate::request::RequestContext;
use model::{Error, Result};

/// The name, where exactly one of both is given; versions before 3.`cluster_since` do not know the cluster.
///
/// # Errors
/// For none, and for both.
pub(crate) fn host_or_cluster(
    context: &RequestContext,
    cluster_since: u16,
    host: Option<String>,
    cluster: Option<String>,
) -> Result<String> {
    let cluster = cluster.filter(|_| context.version.0 >= cluster_since);
    match (host, cluster) {
        (Some(name), None) | (None, Some(name)) => Ok(name),
        (Some(_), Some(_)) => Err(Error::bad_request("Only one of host and cluster can be given.")),
        (None, None) => Err(required("host")),
    }
}
