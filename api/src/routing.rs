//! The lines of the API's table: a method, a path, the rules that must let the caller pass, and the function that answers.

use crate::app::App;
use crate::fault::Fault;
use crate::microversion;
use crate::policy::{self, Object, Rule};
use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use model::{Caller, Error, ErrorKind};
use std::sync::Arc;

/// No rule: whoever is known may ask.
pub(crate) const ANYONE: [Rule; 0] = [];

/// Routes, each with its rules.
pub(crate) struct Routes {
    app: App,
    router: Router<App>,
}

/// What a request must pass.
#[derive(Clone)]
struct Guard {
    app: App,
    rules: Arc<[Rule]>,
}

impl Routes {
    /// None yet.
    pub fn new(app: &App) -> Self {
        Self { app: app.clone(), router: Router::new() }
    }

    /// With a route for GET.
    pub fn get<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        rules: impl Into<Rules>,
        answer: H,
    ) -> Self {
        self.on(MethodFilter::GET, path, rules.into(), answer)
    }

    /// With a route for POST.
    pub fn post<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        rules: impl Into<Rules>,
        answer: H,
    ) -> Self {
        self.on(MethodFilter::POST, path, rules.into(), answer)
    }

    /// With a route for PUT.
    pub fn put<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        rules: impl Into<Rules>,
        answer: H,
    ) -> Self {
        self.on(MethodFilter::PUT, path, rules.into(), answer)
    }

    /// With a route for DELETE.
    pub fn delete<H: Handler<T, App>, T: 'static>(
        self,
        path: &str,
        rules: impl Into<Rules>,
        answer: H,
    ) -> Self {
        self.on(MethodFilter::DELETE, path, rules.into(), answer)
    }

    fn on<H: Handler<T, App>, T: 'static>(
        mut self,
        method: MethodFilter,
        path: &str,
        Rules(rules): Rules,
        answer: H,
    ) -> Self {
        let guard = Guard { app: self.app.clone(), rules };
        let route = on(method, answer).route_layer(from_fn_with_state(guard, pass));
        self.router = self.router.route(path, route);
        self
    }

    /// These, from microversion 3.`SINCE` on.
    pub fn since<const SINCE: u16>(mut self) -> Self {
        self.router = self.router.layer(from_fn(microversion::since::<SINCE>));
        self
    }

    /// These and those.
    pub fn merge(mut self, others: Self) -> Self {
        self.router = self.router.merge(others.router);
        self
    }

    /// As axum knows them.
    pub fn into_router(self) -> Router<App> {
        self.router
    }
}

/// The rules of a route, all of which must let the caller pass.
pub(crate) struct Rules(Arc<[Rule]>);

impl From<Rule> for Rules {
    fn from(rule: Rule) -> Self {
        Self(Arc::new([rule]))
    }
}

impl<const N: usize> From<[Rule; N]> for Rules {
    fn from(rules: [Rule; N]) -> Self {
        Self(Arc::new(rules))
    }
}

async fn pass(
    State(Guard { app, rules }): State<Guard>,
    parameters: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return Fault(Error::new(ErrorKind::Unauthorized, "Unauthorized")).into_response();
    };
    let first = parameters.iter().next();
    let object = first.map_or(Object::Other, |(name, value)| Object::named(name, value));
    match policy::authorize(&app, caller, &rules, object).await {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}
