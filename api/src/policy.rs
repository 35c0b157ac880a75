//! Who may ask for what; Cinder's default policy. Every route and action names one of these rules.

use crate::fault::Fault;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use model::{Caller, Error, ErrorKind, Result, Role};

/// A rule of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Admins.
    Admin,
    /// Members of the project, and admins.
    Member,
    /// Readers and members of the project, and admins.
    Reader,
}

impl Rule {
    /// Lets the caller pass or says that they may not.
    pub fn check(self, caller: &Caller) -> Result<()> {
        let sufficient: &[Role] = match self {
            Self::Admin => &[Role::Admin],
            Self::Member => &[Role::Admin, Role::Member],
            Self::Reader => &[Role::Admin, Role::Member, Role::Reader],
        };
        if caller.roles.iter().any(|role| sufficient.contains(role)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Forbidden, "Policy doesn't allow this action to be performed."))
    }
}

/// Routes for admins.
pub(crate) fn admin<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    guarded(Rule::Admin, routes)
}

/// Routes for members.
pub(crate) fn member<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    guarded(Rule::Member, routes)
}

/// Routes for readers.
pub(crate) fn reader<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    guarded(Rule::Reader, routes)
}

fn guarded<S: Clone + Send + Sync + 'static>(
    rule: Rule,
    routes: MethodRouter<S>,
) -> MethodRouter<S> {
    routes.route_layer(from_fn(move |request: Request, next: Next| guard(rule, request, next)))
}

async fn guard(rule: Rule, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return Fault(Error::new(ErrorKind::Unauthorized, "Unauthorized")).into_response();
    };
    match rule.check(caller) {
        Ok(()) => next.run(request).await,
        Err(error) => Fault(error).into_response(),
    }
}
