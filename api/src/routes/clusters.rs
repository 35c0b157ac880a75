//! `/clusters`: backends that several workers share, and what operators decide about them.

use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, required};
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views::cluster::{self, Cluster};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use database::{backends, services};
use model::{Binary, Condition, Error, Result};
use operation::{DisableBackend, EnableBackend};
use serde_json::{Value, json};

/// Since 3.7 there are clusters.
const SINCE: u16 = 7;
/// Since 3.26 clusters say where their replication stands.
const REPLICATION_SINCE: u16 = 26;

pub(crate) async fn list(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    listed(&app, &context, query.as_deref(), cluster::summary).await
}

pub(crate) async fn detail(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
) -> Answer {
    listed(&app, &context, query.as_deref(), cluster::detail).await
}

async fn listed(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
    view: fn(&Cluster, &RequestContext) -> Value,
) -> Answer {
    let found = matching(app, context, query).await?;
    let views: Vec<Value> = found.iter().map(|one| view(one, context)).collect();
    Ok(Json(json!({ "clusters": views })).into_response())
}

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(name): Path<String>,
) -> Answer {
    let found = find(&app, &context, &name).await?;
    Ok(Json(json!({ "cluster": cluster::detail(&found, &context) })).into_response())
}

/// `enable_backend`, asked for a cluster.
pub(crate) async fn enable(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let found = named(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    submit(&app, &context, EnableBackend { backend_id: found.backend.id }).await?;
    answer(&app, &context, &found.backend.name).await
}

/// `disable_backend`, asked for a cluster.
pub(crate) async fn disable(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let found = named(&app, &context, &mut body).await?;
    let reason = body.text("disabled_reason")?.flatten().filter(|reason| !reason.is_empty());
    body.refuse_rest()?;
    submit(&app, &context, DisableBackend { backend_id: found.backend.id, reason }).await?;
    answer(&app, &context, &found.backend.name).await
}

async fn answer(app: &App, context: &RequestContext, name: &str) -> Answer {
    let changed = find(app, context, name).await?;
    let mut view = cluster::summary(&changed, context);
    view["disabled_reason"] = json!(changed.backend.disabled_reason);
    Ok(Json(json!({ "cluster": view })).into_response())
}

async fn named(app: &App, context: &RequestContext, body: &mut Fields) -> Answer<Cluster> {
    let name = body.text("name")?.flatten().ok_or_else(|| required("name"))?;
    match body.text("binary")?.flatten().as_deref() {
        None | Some("" | "cinder-volume") => find(app, context, &name).await,
        Some(binary) => Err(not_found(&format!("{name} of {binary}")).into()),
    }
}

async fn find(app: &App, context: &RequestContext, name: &str) -> Answer<Cluster> {
    context.version.require(SINCE)?;
    let all = all(app).await?;
    let found = all.into_iter().find(|cluster| cluster.backend.name == name);
    Ok(found.ok_or_else(|| not_found(name))?)
}

fn not_found(name: &str) -> Error {
    Error::not_found(format!("Cluster {name} could not be found."))
}

async fn all(app: &App) -> Answer<Vec<Cluster>> {
    let services = services::list(&app.database).await?;
    let clustered = backends::list(&app.database).await?.into_iter().filter(|one| one.clustered);
    let cluster = |backend: model::Backend| {
        let members = services.iter().filter(|one| one.backend_id == Some(backend.id));
        Cluster { members: members.cloned().collect(), backend }
    };
    Ok(clustered.map(cluster).collect())
}

async fn matching(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
) -> Answer<Vec<Cluster>> {
    context.version.require(SINCE)?;
    let parameters = Parameters::parse(query)?.rest();
    let filters: Vec<Filter> =
        parameters.iter().map(|(key, value)| filter(key, value, context)).collect::<Result<_>>()?;
    let mut found = all(app).await?;
    found.retain(|cluster| filters.iter().all(|filter| filter.takes(cluster)));
    Ok(found)
}

enum Filter {
    Name(String),
    Binary(String),
    IsUp(bool),
    Disabled(bool),
    Members(usize),
    DownMembers(usize),
    ReplicationStatus(String),
    Frozen(bool),
    Active(String),
}

fn filter(key: &str, value: &str, context: &RequestContext) -> Result<Filter> {
    let malformed = || Error::bad_request(format!("Invalid value '{value}' for '{key}'."));
    let boolean = || crate::fields::parse_boolean(value).ok_or_else(malformed);
    let number = || value.parse().map_err(|_| malformed());
    let text = || value.to_owned();
    let replicates = context.version.0 >= REPLICATION_SINCE;
    Ok(match key {
        "name" => Filter::Name(text()),
        "binary" => Filter::Binary(text()),
        "is_up" => Filter::IsUp(boolean()?),
        "disabled" => Filter::Disabled(boolean()?),
        "num_hosts" => Filter::Members(number()?),
        "num_down_hosts" => Filter::DownMembers(number()?),
        "replication_status" if replicates => Filter::ReplicationStatus(text()),
        "frozen" if replicates => Filter::Frozen(boolean()?),
        "active_backend_id" if replicates => Filter::Active(text()),
        _ => {
            return Err(Error::bad_request(format!(
                "Invalid input received: Invalid filter keys: {key}"
            )));
        }
    })
}

impl Filter {
    fn takes(&self, cluster: &Cluster) -> bool {
        let backend = &cluster.backend;
        match self {
            Self::Name(name) => backend.name == *name,
            Self::Binary(binary) => Binary::Volume.as_str() == binary,
            Self::IsUp(is_up) => cluster.is_up() == *is_up,
            Self::Disabled(disabled) => backend.is(Condition::Disabled) == *disabled,
            Self::Members(count) => cluster.members.len() == *count,
            Self::DownMembers(count) => cluster.down_members() == *count,
            Self::ReplicationStatus(status) => backend.replication_status.as_str() == status,
            Self::Frozen(frozen) => backend.is(Condition::Frozen) == *frozen,
            Self::Active(active) => backend.active.target() == Some(active.as_str()),
        }
    }
}
