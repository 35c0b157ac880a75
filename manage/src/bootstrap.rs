//! `bootstrap`: a user for each service in PostgreSQL and on the broker, with least rights, and their secrets in files.
//!
//! The secrets are written before the users are made, and kept when they are there: what was interrupted, or lost by the broker,
//! is completed by doing it again.

use crate::private_files::{keep, make_directory, write};
use crate::session::Session;
use anyhow::Context as _;
use bus::rights::{self, BrokerUser, NewUser};
use clap::Args;
use database::DatabaseRole;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::process::Command;
use uuid::Uuid;

/// The file for `rabbitmqctl import_definitions`.
const DEFINITIONS: &str = "rabbitmq-definitions.json";
/// The file of a service with its environment.
const ENVIRONMENT: &str = "environment";
/// The file with what those share who make requests, and the schedulers.
const REQUEST_KEY: &str = "request-key";

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

const SERVICES: [Service; 5] = [
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
    Service {
        broker: BrokerUser::Backup,
        database: Some(DatabaseRole::Backup),
        asks_schedulers: false,
    },
    Service { broker: BrokerUser::Manage, database: None, asks_schedulers: true },
];

/// What the services log in with.
#[derive(Default)]
struct Passwords {
    roles: Vec<(DatabaseRole, String)>,
    users: Vec<(BrokerUser, String, String)>,
}

pub async fn run(session: &Session, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Session { config, database, output } = session;
    // services of other users pass through to their own
    make_directory(&arguments.directory, 0o711)?;
    let directory = arguments.directory.canonicalize()?;
    let passwords = write_secrets(session, &directory)?;
    let new: Vec<_> = passwords
        .users
        .iter()
        .map(|(of, name, password)| NewUser { of: *of, name: name.clone(), password })
        .collect();
    let definitions = rights::definitions(&config.bus, &new).map_err(anyhow::Error::msg);
    let definitions = definitions.context("bus.url")?;
    let file = directory.join(DEFINITIONS);
    write(&file, &serde_json::to_string_pretty(&definitions)?)?;

    let roles: Vec<_> =
        passwords.roles.iter().map(|(role, password)| (*role, password.as_str())).collect();
    let roles = database.make_roles(&roles).await.context("making the roles in PostgreSQL")?;
    if let Some(program) = &arguments.rabbitmqctl {
        import(program, &file).await?;
    }
    let users: Vec<_> = passwords.users.into_iter().map(|(_, name, _)| name).collect();
    let imported = match arguments.rabbitmqctl {
        Some(_) => "made".to_owned(),
        None => format!("to be made: rabbitmqctl import_definitions < {}", file.display()),
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

/// Writes what is not there yet; returns all passwords.
fn write_secrets(session: &Session, directory: &Path) -> anyhow::Result<Passwords> {
    let config = &session.config;
    let request_key = keep(&directory.join(REQUEST_KEY), |_| Ok(()), new_password)?;
    let mut passwords = Passwords::default();
    for service in &SERVICES {
        let own = directory.join(service.broker.as_str());
        make_directory(&own, 0o700)?;
        let owners = config.database.url.expose();
        match service.database {
            Some(role) => {
                let url_with = |password: &str| Ok(database::url_of_role(owners, role, password)?);
                let password = keep_url(&own.join("database-url"), url_with)?;
                passwords.roles.push((role, password));
            }
            None => write(&own.join("database-url"), owners)?,
        }
        let name = format!("{}-{}", config.bus.namespace, service.broker.as_str());
        let url_with = |password: &str| {
            let url = rights::url_of_user(config.bus.url.expose(), &name, password);
            url.map_err(anyhow::Error::msg).context("bus.url")
        };
        let password = keep_url(&own.join("bus-url"), url_with)?;
        passwords.users.push((service.broker, name.clone(), password));
        if service.asks_schedulers {
            write(&own.join(REQUEST_KEY), &request_key)?;
        }
        write(&own.join(ENVIRONMENT), &environment(service, &own))?;
    }
    Ok(passwords)
}

/// The password of the URL in a file, which is written when it is not there. One that is there must be the same but for the
/// password.
fn keep_url(
    file: &Path,
    url_with: impl Fn(&str) -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let is_right = |url: &str| {
        let password = password_in(url)?;
        let is_same = url_with(password)? == url;
        anyhow::ensure!(is_same, "it is for another server or user: remove it for a new one");
        Ok(())
    };
    let url = keep(file, is_right, || url_with(&new_password()?))?;
    password_in(&url).map(str::to_owned)
}

/// What a service is started with, beside the configuration file.
fn environment(service: &Service, own: &Path) -> String {
    let file = |name: &str| own.join(name).display().to_string();
    let mut variables = vec![
        ("DATABASE__URL_FILE", file("database-url")),
        ("BUS__URL_FILE", file("bus-url")),
        ("BUS__DECLARE_EXCHANGES", "false".to_owned()),
    ];
    if service.database.is_some() {
        variables.push(("DATABASE__MIGRATE_ON_START", "false".to_owned()));
    }
    if service.asks_schedulers {
        variables.push(("BUS__REQUEST_KEY_FILE", file(REQUEST_KEY)));
    }
    let lines = variables.iter().map(|(name, value)| format!("CINDERBLOCK__{name}={value}\n"));
    lines.collect()
}

/// Through its standard input: as another user, as which some distributions run it, the program could not read the file.
async fn import(program: &Path, file: &Path) -> anyhow::Result<()> {
    let shown = program.display();
    let mut command = Command::new(program);
    let output = command.arg("import_definitions").stdin(File::open(file)?).output().await;
    let output = output.with_context(|| shown.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{shown} import_definitions: {}", said.trim());
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of several ways to make a secret")]
fn new_password() -> anyhow::Result<String> {
    Ok(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
}

/// The password in a URL that was made here: it has nothing in it that would have to be written otherwise.
fn password_in(url: &str) -> anyhow::Result<&str> {
    let credentials = url.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
    let password = credentials.and_then(|(credentials, _)| credentials.split_once(':'));
    let password = password.map(|(_, password)| password).filter(|password| !password.is_empty());
    password.context("it has no password: remove it for a new one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_kept_as_long_as_it_is_for_the_same_server() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("url");
        let at = |host: &'static str| move |password: &str| Ok(format!("x://me:{password}@{host}"));
        let password = keep_url(&file, at("h")).unwrap();
        assert_eq!(password.len(), 64);
        assert_eq!(keep_url(&file, at("h")).unwrap(), password);
        let refused = keep_url(&file, at("other")).unwrap_err();
        assert!(format!("{refused:#}").contains("url: it is for another server"), "{refused:#}");
        std::fs::write(&file, "").unwrap();
        assert!(keep_url(&file, at("h")).is_err());
    }
}
