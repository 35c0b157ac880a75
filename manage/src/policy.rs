//! `policy …`: the rules that are in force. The database and the broker are not asked.

use crate::session::Session;
use crate::table;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::Caller;
use policy::{Policy, Rule, Source, Target};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the rules in force, and which file each comes from
    List,
    /// Tell whether a rule lets a caller pass; exit code 2 if not
    Check(Asked),
    /// Print a policy file with every rule and its default, each as a comment
    Sample,
}

#[derive(Args, Debug)]
pub struct Asked {
    /// The caller's roles
    #[arg(long = "as", value_name = "ROLE,ROLE", value_delimiter = ',')]
    roles: Vec<String>,

    /// The rule: volume:create, for instance
    #[arg(long, value_name = "NAME")]
    rule: Rule,

    /// The caller's project
    #[arg(long, value_name = "ID", default_value = "project")]
    project: String,

    /// The caller's user
    #[arg(long, value_name = "ID", default_value = "user")]
    user: String,

    /// The project that the object belongs to; the caller's unless it is given
    #[arg(long, value_name = "ID")]
    target_project: Option<String>,

    /// The user that the object belongs to; the caller unless it is given
    #[arg(long, value_name = "ID")]
    target_user: Option<String>,
}

/// A line of `policy list`.
#[derive(Serialize)]
struct Line<'a> {
    rule: &'a str,
    check: String,
    source: String,
}

/// The answer of `policy check`.
#[derive(Serialize)]
struct Decision {
    rule: &'static str,
    allowed: bool,
}

pub fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => list(session, &load(session)?),
        Command::Check(asked) => check(session, &load(session)?, &asked),
        Command::Sample => {
            table::text(&policy::sample())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn load(session: &Session) -> anyhow::Result<Policy> {
    Policy::load(&(&session.config.policy).into()).context("policy")
}

fn list(session: &Session, policy: &Policy) -> anyhow::Result<ExitCode> {
    let lines: Vec<_> = policy
        .effective()
        .map(|(rule, check, source)| Line {
            rule,
            check: check.to_string(),
            source: match source {
                Source::Default => "default".to_owned(),
                Source::File(file) => file.display().to_string(),
            },
        })
        .collect();
    session.output.rows(&lines, &["RULE", "CHECK", "SOURCE"], |line| {
        vec![line.rule.to_owned(), line.check.clone(), line.source.clone()]
    })?;
    Ok(ExitCode::SUCCESS)
}

fn check(session: &Session, policy: &Policy, asked: &Asked) -> anyhow::Result<ExitCode> {
    let mut caller = Caller {
        user_id: asked.user.clone(),
        project_id: asked.project.clone(),
        roles: asked.roles.clone(),
        ..Caller::default()
    };
    caller.is_admin = policy.is_admin(&caller);
    let target = Target::complete(vec![
        ("project_id", asked.target_project.as_ref().unwrap_or(&asked.project)),
        ("user_id", asked.target_user.as_ref().unwrap_or(&asked.user)),
    ]);
    let allowed = policy.allows(asked.rule, &caller, &target);
    let rule = asked.rule.name();
    let word = if allowed { "passed" } else { "failed" };
    session.output.facts(&Decision { rule, allowed }, &[(word, rule.to_owned())])?;
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
