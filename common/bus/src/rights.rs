//! What each process needs on the broker, and no more.
//!
//! RabbitMQ's rights are regular expressions over the names of queues and exchanges: *configure* to make or delete one, *write* to
//! publish to an exchange or to bind a queue, *read* to consume from a queue or to bind to an exchange
//! (<https://www.rabbitmq.com/docs/access-control>). Whoever answers requests needs the default exchange, through which the answers
//! go: RabbitMQ has no narrower right for that.

use super::topology::{Exchange, Topology};
use configuration::{BusConfig, with_user};
use lapin::uri::AMQPUri;
use ring::digest;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Who has a user on the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerUser {
    /// `cinderblock-api`: asks schedulers and workers, tells everybody what to log.
    Api,
    /// `cinderblock-scheduler`: answers requests, tells workers what is to be done, publishes notifications.
    Scheduler,
    /// `cinderblock-volume`: reports, answers questions about its backends.
    Volume,
    /// `cinderblock-backup`: is told of operations.
    Backup,
    /// `cinderblock-manage`: asks schedulers.
    Manage,
}

/// One of the namespace's exchanges and queues.
enum Name {
    Exchange(Exchange),
    SchedulerQueue,
    BackendQueues,
    BackupQueue,
    /// The exclusive queues of subscriptions; RabbitMQ names them, and lets nobody else consume from them.
    OwnQueues,
    /// The exchange of answers.
    Default,
}

impl Name {
    /// As a pattern for the whole name.
    fn pattern(&self, namespace: &str) -> String {
        match self {
            Self::Exchange(exchange) => format!("{namespace}\\.{}", exchange.as_str()),
            Self::SchedulerQueue => format!("{namespace}\\.scheduler"),
            Self::BackendQueues => format!("{namespace}\\.backend\\..*"),
            Self::BackupQueue => format!("{namespace}\\.backup"),
            Self::OwnQueues => "amq\\.gen-.*".to_owned(),
            Self::Default => "amq\\.default".to_owned(),
        }
    }
}

/// The names that a user may configure, write and read.
struct Rights {
    configure: Vec<Name>,
    write: Vec<Name>,
    read: Vec<Name>,
}

impl BrokerUser {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Api, Self::Scheduler, Self::Volume, Self::Backup, Self::Manage];

    /// How it is called: the name of its user ends with it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Volume => "volume",
            Self::Backup => "backup",
            Self::Manage => "manage",
        }
    }

    fn rights(self) -> Rights {
        use Exchange::{BackendReports, Backends, Failovers, LogLevels, Notifications, Requests};
        use Name::{BackendQueues, BackupQueue, Default, OwnQueues, SchedulerQueue};
        match self {
            Self::Api => Rights {
                configure: vec![OwnQueues],
                write: vec![
                    OwnQueues,
                    Name::Exchange(Requests),
                    Name::Exchange(Backends),
                    Name::Exchange(LogLevels),
                ],
                read: vec![OwnQueues, Name::Exchange(LogLevels)],
            },
            Self::Scheduler => Rights {
                configure: vec![OwnQueues, SchedulerQueue],
                write: vec![
                    OwnQueues,
                    Default,
                    SchedulerQueue,
                    Name::Exchange(Backends),
                    Name::Exchange(Notifications),
                ],
                read: vec![
                    OwnQueues,
                    SchedulerQueue,
                    Name::Exchange(Requests),
                    Name::Exchange(BackendReports),
                    Name::Exchange(LogLevels),
                ],
            },
            Self::Volume => Rights {
                configure: vec![OwnQueues, BackendQueues],
                write: vec![
                    OwnQueues,
                    Default,
                    BackendQueues,
                    Name::Exchange(Backends),
                    Name::Exchange(BackendReports),
                    Name::Exchange(Failovers),
                ],
                read: vec![
                    OwnQueues,
                    BackendQueues,
                    Name::Exchange(Backends),
                    Name::Exchange(Failovers),
                    Name::Exchange(LogLevels),
                ],
            },
            Self::Backup => Rights {
                configure: vec![OwnQueues, BackupQueue],
                write: vec![OwnQueues, Default, BackupQueue],
                read: vec![
                    OwnQueues,
                    BackupQueue,
                    Name::Exchange(Backends),
                    Name::Exchange(LogLevels),
                ],
            },
            Self::Manage => Rights {
                configure: Vec::new(),
                write: vec![Name::Exchange(Requests)],
                read: Vec::new(),
            },
        }
    }

    /// Its entry among the permissions of RabbitMQ's definitions. `namespace` is a regular expression.
    fn permissions(self, user: &str, vhost: &str, namespace: &str) -> Value {
        let Rights { configure, write, read } = self.rights();
        let names = |names: Vec<Name>| {
            let patterns: Vec<_> = names.iter().map(|name| name.pattern(namespace)).collect();
            format!("^({})$", patterns.join("|"))
        };
        json!({ "user": user, "vhost": vhost, "configure": names(configure), "write": names(write), "read": names(read) })
    }
}

/// A user that is to be made.
pub struct NewUser<'a> {
    /// Who has it.
    pub of: BrokerUser,
    /// Its name.
    pub name: String,
    /// Its password, of which the definitions have a hash.
    pub password: &'a str,
}

/// Users with their rights in a namespace, for `rabbitmqctl import_definitions`. `namespace` is a regular expression.
///
/// # Errors
/// When the vhost cannot be read from the broker's URL.
pub fn users(config: &BusConfig, namespace: &str, new: &[NewUser]) -> Result<Value, String> {
    let vhost = vhost(config)?;
    let users = new.iter().map(|user| {
        json!({ "name": user.name, "password_hash": password_hash(user.password), "tags": [],
                "hashing_algorithm": "rabbit_password_hashing_sha256" })
    });
    let permissions = new.iter().map(|user| user.of.permissions(&user.name, &vhost, namespace));
    Ok(json!({
        "users": users.collect::<Vec<_>>(),
        "vhosts": [{ "name": vhost }],
        "permissions": permissions.collect::<Vec<_>>(),
    }))
}

/// The same users, and the exchanges of the configuration's namespace, which none of them may make.
///
/// # Errors
/// When the vhost cannot be read from the broker's URL.
pub fn definitions(config: &BusConfig, new: &[NewUser]) -> Result<Value, String> {
    let mut definitions = users(config, &escaped(&config.namespace), new)?;
    let (vhost, topology) = (vhost(config)?, Topology::new(config));
    let exchanges = Exchange::ALL.map(|exchange| {
        json!({ "name": topology.exchange(exchange).as_str(), "vhost": vhost, "type": exchange.kind().1,
                "durable": true, "auto_delete": false, "internal": false, "arguments": {} })
    });
    definitions["exchanges"] = json!(exchanges);
    Ok(definitions)
}

fn vhost(config: &BusConfig) -> Result<String, String> {
    Ok(config.url.expose().parse::<AMQPUri>()?.vhost)
}

/// The URL of a broker for this user, with this password, and everything else as it was.
///
/// # Errors
/// When it is no such URL.
pub fn url_of_user(url: &str, user: &str, password: &str) -> Result<String, String> {
    let mut meant: AMQPUri = url.parse()?;
    user.clone_into(&mut meant.authority.userinfo.username);
    password.clone_into(&mut meant.authority.userinfo.password);
    let url = with_user(url, user, password).ok_or("the URL is not amqp://…")?;
    if url.parse::<AMQPUri>()? == meant {
        Ok(url)
    } else {
        Err("the URL is not understood".to_owned())
    }
}

/// A regular expression for this text alone.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || character == '_' {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "\\{character}");
        }
    }
    escaped
}

/// A salt of four bytes, and SHA-256 of salt and password, as RabbitMQ keeps it (<https://www.rabbitmq.com/docs/passwords>).
fn password_hash(password: &str) -> String {
    let random = uuid::Uuid::new_v4();
    let salt = &random.as_bytes()[..4];
    let salted = [salt, password.as_bytes()].concat();
    let hash = digest::digest(&digest::SHA256, &salted);
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [salt, hash.as_ref()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_about_the_whole_name_in_the_namespace_alone() {
        let config = BusConfig { namespace: "a.b".to_owned(), ..BusConfig::default() };
        let new = NewUser { of: BrokerUser::Manage, name: "m".to_owned(), password: "p" };
        let defined = definitions(&config, &[new]).unwrap();
        let permissions = &defined["permissions"][0];
        assert_eq!(permissions["vhost"], "/");
        assert_eq!(permissions["write"], "^(a\\.b\\.requests)$");
        assert_eq!(permissions["configure"], "^()$");
        assert_eq!(defined["exchanges"][0]["name"], "a.b.requests");
        assert!(!defined.to_string().contains("\"p\""));
    }

    #[test]
    fn who_makes_no_requests_to_schedulers_may_not_publish_them() {
        let may_ask = |user: BrokerUser| {
            let permissions = user.permissions("u", "/", "n");
            permissions["write"].as_str().is_some_and(|write| write.contains("n\\.requests"))
        };
        let asking: Vec<_> = BrokerUser::ALL.into_iter().filter(|user| may_ask(*user)).collect();
        assert_eq!(asking, [BrokerUser::Api, BrokerUser::Manage]);
    }
}
