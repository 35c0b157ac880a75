//! `bootstrap`: a user for each service in PostgreSQL and on the broker, with least rights, and their secrets in files.
//!
//! The secrets are written before the users are made, and kept when they are there: what was interrupted, or lost by the broker,
//! is completed by doing it again.

use crate::session::Session;
use anyhow::Context as _;
use bus::rights::{self, BrokerUser, NewUser};
use clap::Args;
use database::DatabaseRole;
use serde_json::json;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::process::Command;
use uuid::Uuid;

/// The file for `rabbitmqctl import_definitions`.
const DEFINITIONS: &str = "rabbitmq-definitions.json";
/// The file of a service with its environment.
const ENVIRONMENT: &str = "environment";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Where the secrets go: a directory for each service, for the user alone who runs this
    directory: PathBuf,

    /// Make the broker's users with this program; without it, the file for `rabbitmqctl import_definitions` is written alone
    #[arg(long, value_name = "PROGRAM")]
    rabbitmqctl: Option<PathBuf>,
}

/// A service, and the users that it has.
struct Service {
    broker: BrokerUser,
    /// `None` for operators' commands, which own the database.
    database: Option<DatabaseRole>,
    asks_schedulers: bool,
}

const SERVICES: [Service; 4] = [
    Service { broker: BrokerUser::Api, database: Some(DatabaseRole::Api), asks_schedulers: true },
    Service {
        broker: BrokerUser::Scheduler,
        database: Some(DatabaseRole::Scheduler),
        asks_schedulers: true,
    },
    Service {
        broker: BrokerUser::Volume,
        database: Some(DatabaseRole::Volume),
        asks_schedulers: false,
    },
    Service { broker: BrokerUser::Manage, database: None, asks_schedulers: true },
];

pub async fn run(session: &Session, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Session { config, database, output } = session;
    make_directory(&arguments.directory)?;
    let directory = arguments.directory.canonicalize()?;
    let request_key = Secrets::of(&directory, "manage").keep("request-key", new_password)?;
    let (mut roles, mut users) = (Vec::new(), Vec::new());
    for service in &SERVICES {
        let secrets = Secrets::of(&directory, service.broker.as_str());
        make_directory(&secrets.0)?;
        let url = config.database.url.expose();
        match service.database {
            Some(role) => {
                let name = format!("{}_{}", database.name(), role.as_str());
                let url = secrets.keep("database-url", || with_new_password(url, &name))?;
                roles.push((role, password_in(&url)?.to_owned()));
            }
            None => drop(secrets.keep("database-url", || Ok(url.to_owned()))?),
        }
        let name = format!("{}-{}", config.bus.namespace, service.broker.as_str());
        let url = config.bus.url.expose();
        let url = secrets.keep("bus-url", || with_new_password(url, &name))?;
        users.push((service.broker, name, password_in(&url)?.to_owned()));
        if service.asks_schedulers {
            secrets.keep("request-key", || Ok(request_key.clone()))?;
        }
        write(&secrets.0.join(ENVIRONMENT), &environment(service, &secrets))?;
    }
    let new: Vec<_> = users
        .iter()
        .map(|(of, name, password)| NewUser { of: *of, name: name.clone(), password })
        .collect();
    let definitions = rights::definitions(&config.bus, &new).map_err(anyhow::Error::msg);
    let definitions = definitions.context("bus.url")?;
    let file = directory.join(DEFINITIONS);
    write(&file, &serde_json::to_string_pretty(&definitions)?)?;

    let passwords: Vec<_> =
        roles.iter().map(|(role, password)| (*role, password.as_str())).collect();
    let roles = database.make_roles(&passwords).await.context("making the roles in PostgreSQL")?;
    if let Some(program) = &arguments.rabbitmqctl {
        import(program, &file).await?;
    }
    let users: Vec<_> = users.into_iter().map(|(_, name, _)| name).collect();
    let imported = match arguments.rabbitmqctl {
        Some(_) => "made".to_owned(),
        None => {
            format!("to be made on the broker: rabbitmqctl import_definitions {}", file.display())
        }
    };
    output.facts(
        &json!({ "directory": directory, "roles": roles, "users": users, "definitions": file,
                 "imported": arguments.rabbitmqctl.is_some() }),
        &[
            ("roles in PostgreSQL", roles.join(", ")),
            ("users of RabbitMQ", users.join(", ")),
            ("the users are", imported),
            ("secrets", format!("{}/<service>/{ENVIRONMENT}", directory.display())),
        ],
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The directory of one service.
struct Secrets(PathBuf);

impl Secrets {
    fn of(directory: &Path, service: &str) -> Self {
        Self(directory.join(service))
    }

    /// The secret in a file, which is written when it is not there.
    fn keep(
        &self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let file = self.0.join(name);
        match std::fs::read_to_string(&file) {
            Ok(secret) => Ok(secret.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_directory(&self.0)?;
                let secret = make()?;
                write(&file, &secret)?;
                Ok(secret)
            }
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }
}

/// What a service is started with, beside the configuration file.
fn environment(service: &Service, secrets: &Secrets) -> String {
    let file = |name: &str| secrets.0.join(name).display().to_string();
    let mut variables = vec![
        ("DATABASE__URL_FILE", file("database-url")),
        ("BUS__URL_FILE", file("bus-url")),
        ("BUS__DECLARE_EXCHANGES", "false".to_owned()),
    ];
    if service.database.is_some() {
        variables.push(("DATABASE__MIGRATE_ON_START", "false".to_owned()));
    }
    if service.asks_schedulers {
        variables.push(("BUS__REQUEST_KEY_FILE", file("request-key")));
    }
    let lines = variables.iter().map(|(name, value)| format!("CINDERBLOCK__{name}={value}\n"));
    lines.collect()
}

async fn import(program: &Path, file: &Path) -> anyhow::Result<()> {
    let shown = program.display();
    let mut command = Command::new(program);
    let output = command.arg("import_definitions").arg(file).output().await;
    let output = output.with_context(|| shown.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{shown} import_definitions: {}", said.trim());
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of several ways to make a secret")]
fn new_password() -> anyhow::Result<String> {
    Ok(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
}

/// The same URL for another user, with a password that nobody knows yet.
fn with_new_password(url: &str, user: &str) -> anyhow::Result<String> {
    let (scheme, rest) = url.split_once("://").context("the URL is not scheme://…")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    Ok(format!("{scheme}://{user}:{}@{hosts}{path}", new_password()?))
}

/// The password in a URL that [`with_new_password`] made.
fn password_in(url: &str) -> anyhow::Result<&str> {
    let user = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    let password = user.and_then(|(user, _)| user.split_once(':'));
    password.map(|(_, password)| password).context("a URL that was kept has no password")
}

fn make_directory(directory: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| directory.display().to_string())
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_url_is_replaced_and_nothing_else() {
        for (url, expected) in [
            ("postgres://a:b@h1:1,h2/db?sslmode=require", "@h1:1,h2/db?sslmode=require"),
            ("amqp://h/%2f", "@h/%2f"),
            ("amqps://u:p%40@h:5671", "@h:5671"),
        ] {
            let made = with_new_password(url, "me").unwrap();
            let password = password_in(&made).unwrap();
            assert_eq!(password.len(), 64);
            let scheme = url.split_once("://").unwrap().0;
            assert_eq!(made, format!("{scheme}://me:{password}{expected}"));
        }
        assert!(with_new_password("host=h dbname=d", "me").is_err());
    }
}
