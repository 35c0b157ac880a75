//! Which backend an operator means.

use crate::app::App;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::host_or_cluster;
use crate::request::RequestContext;
use database::{backends, services};
use model::{Backend, BackendId, Binary, Error, ErrorKind, Result};
use serde_json::{Value, json};

/// Since 3.26 freeze, thaw and failover take a cluster in place of a host.
const CLUSTER_SINCE: u16 = 26;

/// The body of enable and disable.
pub(super) struct Named {
    pub host: String,
    /// The older name of `binary`; absent ones come back as `""`.
    pub service: String,
    pub binary: String,
}

impl Named {
    pub fn take(body: &mut Fields) -> Result<Self> {
        let host = host(body)?.ok_or_else(|| required("host"))?;
        let service = body.text("service")?.flatten().unwrap_or_default();
        let binary = body.text("binary")?.flatten().unwrap_or_default();
        body.value("cluster");
        if service.is_empty() && binary.is_empty() {
            return Err(required("binary"));
        }
        Ok(Self { host, service, binary })
    }

    /// The backend; 404 when there is none, as Cinder answers here.
    pub async fn find(&self, app: &App) -> Answer<Backend> {
        let binary = if self.binary.is_empty() { &self.service } else { &self.binary };
        let not_found = || {
            Error::not_found(format!("Service {binary} could not be found on host {}.", self.host))
        };
        match binary.parse() {
            Ok(Binary::Volume) => {}
            Ok(other @ (Binary::Scheduler | Binary::Backup))
                if !is_host(app, other, &self.host).await? =>
            {
                return Err(not_found().into());
            }
            Ok(binary @ (Binary::Scheduler | Binary::Backup)) => {
                return Err(Error::bad_request(format!(
                    "A {binary} cannot be disabled: stop the process instead; others continue."
                ))
                .into());
            }
            Err(_) => return Err(not_found().into()),
        }
        let matching = matching(app, &self.host).await?;
        Ok(only(matching, &self.host)?.ok_or_else(not_found)?)
    }

    pub fn answer(&self, disabled: bool) -> Value {
        json!({
            "host": self.host,
            "service": self.service,
            "binary": self.binary,
            "status": if disabled { "disabled" } else { "enabled" },
            "disabled": disabled,
        })
    }
}

/// The backend that the body of freeze and thaw names; 400 when there is none, as Cinder answers here.
pub(super) async fn host_or_cluster(
    app: &App,
    context: &RequestContext,
    body: &mut Fields,
) -> Answer<Backend> {
    let host = host(body)?;
    let cluster = body.text("cluster")?.flatten();
    let name = host_or_cluster::host_or_cluster(context, CLUSTER_SINCE, host, cluster)?;
    let matching = matching(app, &name).await?;
    Ok(only(matching, &name)?.ok_or_else(|| {
        Error::bad_request(format!("Service cinder-volume could not be found on host {name}."))
    })?)
}

async fn is_host(app: &App, binary: Binary, name: &str) -> Answer<bool> {
    let known = services::list(&app.database).await?;
    Ok(known.iter().any(|service| service.binary == binary && service.host == name))
}

fn host(body: &mut Fields) -> Result<Option<String>> {
    let Some(host) = body.text("host")?.flatten() else { return Ok(None) };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-._#@:/+[]".contains(letter);
    if host.is_empty() || !host.chars().all(allowed) {
        return Err(invalid("host", &json!(host), "does not match '^[a-zA-Z0-9-._#@:/+\\[\\]]*$'"));
    }
    Ok(Some(host))
}

/// `host@backend` names one backend; `host` alone all of that host.
async fn matching(app: &App, name: &str) -> Answer<Vec<Backend>> {
    let all = backends::list(&app.database).await?;
    let members: Vec<BackendId> = services::list(&app.database)
        .await?
        .into_iter()
        .filter(|service| service.host == name)
        .filter_map(|service| service.backend_id)
        .collect();
    let is_meant = |backend: &Backend| {
        backend.name == name
            || members.contains(&backend.id)
            || backend.name.split_once('@').is_some_and(|(host, _)| host == name)
    };
    Ok(all.into_iter().filter(is_meant).collect())
}

fn only(mut backends: Vec<Backend>, name: &str) -> Result<Option<Backend>> {
    if backends.len() > 1 {
        let names: Vec<_> = backends.iter().map(|backend| backend.name.as_str()).collect();
        return Err(Error::new(
            ErrorKind::BadRequest,
            format!("{name} has several backends, name one: {}.", names.join(", ")),
        ));
    }
    Ok(backends.pop())
}
