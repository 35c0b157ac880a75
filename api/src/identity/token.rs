//! What Keystone says of a token.

use model::Caller;
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// The answer to `GET /v3/auth/tokens`.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub token: Token,
}

/// A token that Keystone knows.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Token {
    user: Named,
    /// The scope is one of these, or there is none.
    project: Option<Named>,
    domain: Option<Named>,
    system: Option<System>,
    is_admin_project: Option<bool>,
    #[serde(default)]
    roles: Vec<Role>,
    #[serde(with = "rfc3339")]
    pub expires_at: OffsetDateTime,
    application_credential: Option<ApplicationCredential>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named {
    id: String,
}

#[derive(Clone, Debug, Deserialize)]
struct System {
    all: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct Role {
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
struct ApplicationCredential {
    /// `None` where the credential is not limited to some requests; with an empty list none is allowed.
    access_rules: Option<Vec<AccessRule>>,
}

/// A request that an application credential may be used for.
#[derive(Clone, Debug, Deserialize)]
struct AccessRule {
    service: String,
    path: String,
    method: String,
}

/// The types by which Keystone's catalogue knows this service.
const SERVICE_TYPES: [&str; 3] = ["block-storage", "volumev3", "block-store"];

impl Token {
    /// Whether its time is over.
    pub fn is_expired(&self) -> bool {
        self.expires_at <= OffsetDateTime::now_utc()
    }

    /// Whether it has one of these roles.
    pub fn has_one_of(&self, roles: &[String]) -> bool {
        self.roles.iter().any(|role| roles.contains(&role.name))
    }

    /// The names of its roles.
    pub fn roles(&self) -> Vec<String> {
        self.roles.iter().map(|role| role.name.clone()).collect()
    }

    /// Whether the application credential that it comes from, if any, may be used for this request.
    pub fn may_be_used_for(&self, method: &str, path: &str) -> bool {
        let credential = self.application_credential.as_ref();
        let Some(rules) = credential.and_then(|credential| credential.access_rules.as_ref()) else {
            return true;
        };
        rules.iter().any(|rule| {
            SERVICE_TYPES.contains(&rule.service.as_str())
                && rule.method == method
                && matches(&rule.path, path)
        })
    }

    /// Whose token it is.
    pub fn caller(&self, service_roles: Vec<String>) -> Caller {
        let id = |named: &Option<Named>| named.as_ref().map(|named| named.id.clone());
        let is_system = self.system.as_ref().is_some_and(|system| system.all);
        Caller {
            user_id: self.user.id.clone(),
            project_id: id(&self.project).unwrap_or_default(),
            domain_id: id(&self.domain),
            is_admin_project: self.is_admin_project,
            system_scope: is_system.then(|| "all".to_owned()),
            roles: self.roles(),
            service_roles,
            is_admin: false,
        }
    }
}

/// Whether a pattern of an access rule is a whole path: `*` and `{name}` are one segment, `**` is anything. A pattern comes from a
/// user: only its last `**` is tried again, so that the time is bounded by the product of the lengths.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<_> = pattern.split('/').collect();
    let path: Vec<_> = path.split('/').collect();
    let (mut at, mut next) = (0, 0);
    // where the last `**` stands, and the segment after those that it has taken
    let mut anything = None;
    while next < path.len() {
        match pattern.get(at) {
            Some(&"**") => {
                anything = Some((at, next));
                at += 1;
            }
            Some(part) if is_segment(part, path[next]) => (at, next) = (at + 1, next + 1),
            Some(_) | None => {
                let Some((position, taken)) = anything else { return false };
                anything = Some((position, taken + 1));
                (at, next) = (position + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|part| *part == "**")
}

fn is_segment(part: &str, segment: &str) -> bool {
    let is_any = part == "*" || (part.starts_with('{') && part.ends_with('}'));
    part == segment || (is_any && !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_access_rule_matches_a_whole_path() {
        assert!(matches("/v3/*/volumes/{volume_id}", "/v3/p/volumes/v"));
        assert!(!matches("/v3/*/volumes/{volume_id}", "/v3/p/volumes/v/action"));
        assert!(!matches("/v3/*/volumes/{volume_id}", "/v3/p/volumes/"));
        assert!(matches("/v3/**", "/v3/p/volumes/v/action"));
        assert!(matches("/v3/**/action", "/v3/p/volumes/v/action"));
        assert!(!matches("/v3/volumes", "/v3/volumes/detail"));
        assert!(matches("**", "/v3/volumes") && matches("/v3/**/**", "/v3/volumes"));
        assert!(!matches(&format!("{}/x", "/**".repeat(50)), &"/y".repeat(500)));
    }

    #[test]
    fn a_token_says_who_its_caller_is() {
        let answer = json!({ "token": {
            "methods": ["password"], "user": { "id": "u", "name": "ann" }, "is_domain": false,
            "project": { "id": "p", "name": "x" }, "expires_at": "2026-11-24T19:17:11.000000Z",
            "roles": [{ "id": "1", "name": "member" }, { "id": "2", "name": "reader" }],
        } });
        let Answer { token } = serde_json::from_value(answer).unwrap();
        let caller = token.caller(Vec::new());
        assert_eq!((caller.user_id.as_str(), caller.project_id.as_str()), ("u", "p"));
        assert_eq!(caller.roles, ["member", "reader"]);
        assert!(token.may_be_used_for("GET", "/v3/p/volumes"));
    }

    #[test]
    fn an_application_credential_with_rules_is_good_for_them_alone() {
        let with = |rules| {
            let answer = json!({ "token": {
                "user": { "id": "u" }, "expires_at": "2026-11-24T19:17:11.000000Z",
                "application_credential": { "id": "a", "access_rules": rules },
            } });
            serde_json::from_value::<Answer>(answer).unwrap().token
        };
        let rule =
            json!([{ "service": "block-storage", "path": "/v3/*/volumes", "method": "GET" }]);
        assert!(with(rule.clone()).may_be_used_for("GET", "/v3/p/volumes"));
        assert!(!with(rule).may_be_used_for("POST", "/v3/p/volumes"));
        assert!(!with(json!([])).may_be_used_for("GET", "/v3/p/volumes"));
        let other = json!([{ "service": "compute", "path": "/v3/*/volumes", "method": "GET" }]);
        assert!(!with(other).may_be_used_for("GET", "/v3/p/volumes"));
    }
}
