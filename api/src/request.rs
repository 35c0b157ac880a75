//! What a route needs to know of a request beside its path and body.

use crate::app::App;
use crate::fault::Fault;
use crate::identity::keystone::UserToken;
use crate::links::Links;
use crate::microversion::Microversion;
use crate::observe::Trace;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bus::Context;
use model::{Caller, Error};
use policy::Policy;
use std::sync::Arc;

/// Who asks, in which version, from where.
#[derive(Clone)]
pub(crate) struct RequestContext {
    pub caller: Caller,
    pub version: Microversion,
    pub links: Links,
    /// With which token it came, where tokens say who asks.
    pub token: Option<UserToken>,
    /// The rules that are in force while it is answered.
    pub policy: Arc<Policy>,
    trace: Trace,
}

impl RequestContext {
    /// The context in which messages of this request travel; its time is set with each message.
    pub fn for_the_bus(&self) -> Context {
        Context {
            request_id: self.trace.request_id.clone(),
            traceparent: self.trace.traceparent.clone(),
            caller: self.caller.clone(),
            deadline_unix_ms: 0,
            redelivered: false,
        }
    }
}

impl FromRequestParts<App> for RequestContext {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let missing = || Fault(Error::internal("a layer of the router is missing"));
        Ok(Self {
            caller: parts.extensions.get::<Caller>().cloned().ok_or_else(missing)?,
            version: parts.extensions.get::<Microversion>().copied().ok_or_else(missing)?,
            trace: parts.extensions.get::<Trace>().cloned().ok_or_else(missing)?,
            links: Links::of(parts, &app.config),
            token: parts.extensions.get::<UserToken>().cloned(),
            policy: app.policy.current(),
        })
    }
}
