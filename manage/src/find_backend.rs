//! The backends that commands name.

use crate::session::Session;
use anyhow::Context as _;
use database::backends;
use model::Backend;

/// The backend with this name. Fails with the list of known backends if there is none.
pub async fn find_backend(session: &Session, name: &str) -> anyhow::Result<Backend> {
    let known = backends::list(&session.database).await?;
    let names: Vec<String> = known.iter().map(|backend| backend.name.clone()).collect();
    let found = known.into_iter().find(|backend| backend.name == name);
    found.with_context(|| format!("there is no backend {name}; there are: {}", names.join(", ")))
}
