//! `keystone`: whose token a request has, by OpenStack's identity service.
//!
//! An answer of Keystone's counts for a while. While Keystone is away, tokens that are known go on for that time, and others get
//! a 503: never a 401, which would make clients throw their tokens away, and never entry.

mod validation;

use super::headers::text;
use super::token::Token;
use crate::fault::Fault;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use configuration::{KeystoneConfig, Secret};
use model::{Caller, Error, ErrorKind};
use openstack::own_token::OwnAccess;
use serde_json::json;
use std::sync::Arc;
use validation::{Validations, Verdict};

/// Keystone, as callers are identified by it.
pub(crate) struct Keystone {
    validations: Validations,
    service_token_roles: Vec<String>,
    service_token_roles_required: bool,
    /// The header of a 401, which says where tokens come from.
    challenge: HeaderValue,
}

/// The token with which a request came. Other services are asked with it on the caller's behalf.
#[derive(Clone)]
pub(crate) struct UserToken(pub Secret);

/// Who asks, and with which token.
pub(crate) struct Identified {
    pub caller: Caller,
    pub token: UserToken,
}

/// Why a caller was not identified.
pub(crate) enum Refusal {
    /// There is no token, or it is not valid.
    Unauthorized,
    /// Keystone does not say whether the token is valid.
    Unavailable(anyhow::Error),
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl Keystone {
    /// As the configuration says.
    ///
    /// # Errors
    /// When something in it is missing, or a certificate cannot be read.
    pub fn new(config: &KeystoneConfig) -> anyhow::Result<Self> {
        let validations = Validations::new(config)?;
        let uri = config.www_authenticate_uri.as_ref().or(config.auth_url.as_ref());
        let challenge = format!("Keystone uri=\"{}\"", uri.map(String::as_str).unwrap_or_default());
        Ok(Self {
            validations,
            service_token_roles: config.service_token_roles.clone(),
            service_token_roles_required: config.service_token_roles_required,
            challenge: HeaderValue::from_str(&challenge)?,
        })
    }

    /// The caller of a request with these headers, for this method and path.
    pub(crate) async fn caller(
        &self,
        headers: &HeaderMap,
        method: &str,
        path: &str,
    ) -> Result<Identified, Refusal> {
        let service = self.service_token(headers).await?;
        let is_service = service.as_ref().is_some_and(|token| self.is_of_a_service(token));
        let token = text(headers, "x-auth-token")
            .or_else(|| text(headers, "x-storage-token"))
            .ok_or(Refusal::Unauthorized)?;
        // a service finishes what a user has begun, though the user's token has expired meanwhile
        let known = self.token(token, is_service).await?;
        if !is_service && !known.may_be_used_for(method, path) {
            return Err(Refusal::Unauthorized);
        }
        let service_roles = service.filter(|_| is_service).map(|token| token.roles());
        let caller = known.caller(service_roles.unwrap_or_default());
        Ok(Identified { caller, token: UserToken(token.into()) })
    }

    /// With what this service asks others on its own account.
    pub(crate) async fn own_access(&self) -> anyhow::Result<OwnAccess> {
        self.validations.own_access().await
    }

    /// Whether there is a project with this id, as far as its bearer may know.
    pub(crate) async fn has_project(
        &self,
        project: &str,
        UserToken(bearer): &UserToken,
    ) -> model::Result<bool> {
        let unavailable = |cause: anyhow::Error| {
            Error::unavailable("Keystone does not tell whether there is the project.")
                .caused_by(cause)
        };
        let status = self.validations.project(project, bearer.expose()).await;
        match status.map_err(|error| unavailable(error.into()))? {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            StatusCode::FORBIDDEN => Err(Error::new(
                ErrorKind::Forbidden,
                "Keystone does not tell you whether there is the project.",
            )),
            other => Err(unavailable(anyhow::anyhow!("Keystone answers {other}"))),
        }
    }

    /// The service token of a request, if it has one.
    async fn service_token(&self, headers: &HeaderMap) -> Result<Option<Arc<Token>>, Refusal> {
        let Some(token) = text(headers, "x-service-token") else { return Ok(None) };
        let token = self.token(token, false).await?;
        if self.service_token_roles_required && !self.is_of_a_service(&token) {
            return Err(Refusal::Unauthorized);
        }
        Ok(Some(token))
    }

    fn is_of_a_service(&self, token: &Token) -> bool {
        token.has_one_of(&self.service_token_roles)
    }

    async fn token(&self, token: &str, may_be_expired: bool) -> Result<Arc<Token>, Refusal> {
        match self.validations.of(token.trim(), may_be_expired).await? {
            Verdict::Valid(token) if may_be_expired || !token.is_expired() => Ok(token),
            Verdict::Valid(_) | Verdict::Unknown => Err(Refusal::Unauthorized),
        }
    }

    /// The answer to a request whose caller was not identified, as Keystone's own middleware gives it.
    pub(crate) fn answer(&self, refusal: Refusal) -> Response {
        match refusal {
            Refusal::Unauthorized => {
                let error = json!({ "error": {
                    "code": 401,
                    "title": "Unauthorized",
                    "message": "The request you have made requires authentication.",
                } });
                let challenge = [(header::WWW_AUTHENTICATE, self.challenge.clone())];
                (StatusCode::UNAUTHORIZED, challenge, Json(error)).into_response()
            }
            Refusal::Unavailable(error) => {
                tracing::warn!(error = format!("{error:#}"), "Keystone cannot be asked");
                let message = "The Keystone service is temporarily unavailable.";
                Fault(Error::unavailable(message)).into_response()
            }
        }
    }
}
