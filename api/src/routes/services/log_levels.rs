//! `PUT /os-services/set-log` and `PUT /os-services/get-log`: what processes log, while they run.

use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use crate::request::RequestContext;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::services;
use model::{Error, LogLevel, LogLevelChange, Metadata, Result};
use process::log_levels;
use serde_json::{Value, json};
use std::time::Duration;

/// Since 3.32 processes can be told what to log.
const SINCE: u16 = 32;
/// This process, as clients call it; it is in no service list.
const API: &str = "cinder-api";
const BINARIES: [&str; 4] = [API, "cinder-scheduler", "cinder-volume", "cinder-backup"];
/// How long a process may be away and still hear of it.
const MESSAGE_TTL: Duration = Duration::from_secs(30);

pub(crate) async fn set(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    context.version.require(SINCE)?;
    let mut asked = Fields::of_body(body);
    let level = asked.text("level")?.flatten().unwrap_or_default();
    let change = take(&mut asked, parse(&level)?)?;
    asked.refuse_rest()?;
    let bus_context = context.for_the_bus().for_the_next(MESSAGE_TTL);
    app.bus.fan_out(bus_context, change).await;
    Ok(StatusCode::ACCEPTED.into_response())
}

pub(crate) async fn get(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    context.version.require(SINCE)?;
    let mut asked = Fields::of_body(body);
    let whom = take(&mut asked, LogLevel::Info)?;
    asked.refuse_rest()?;
    let mut lines = Vec::new();
    if whom.concerns(API, &app.host) {
        lines.push(line(API, &app.host, log_levels::current(), &whom.prefix));
    }
    for service in services::list(&app.database).await?.into_iter().filter(|found| found.is_up) {
        let host = service.host.split('@').next().unwrap_or_default();
        let is_meant = whom.server.is_empty() || whom.server == host || whom.server == service.host;
        if is_meant && (whom.binary.is_empty() || whom.binary == service.binary.as_str()) {
            let binary = service.binary.as_str();
            lines.push(line(binary, &service.host, service.log_levels, &whom.prefix));
        }
    }
    Ok(Json(json!({ "log_levels": lines })).into_response())
}

fn line(binary: &str, host: &str, mut levels: Metadata, prefix: &str) -> Value {
    levels.retain(|target, _| target.starts_with(prefix));
    json!({ "binary": binary, "host": host, "levels": levels })
}

fn take(asked: &mut Fields, level: LogLevel) -> Result<LogLevelChange> {
    let binary = asked.text("binary")?.flatten().unwrap_or_default();
    let binary = if binary == "*" { String::new() } else { binary };
    if !binary.is_empty() && !BINARIES.contains(&binary.as_str()) {
        return Err(invalid("binary", &json!(binary), &format!("is not one of {BINARIES:?}")));
    }
    let server = asked.text("server")?.flatten().unwrap_or_default();
    let prefix = asked.text("prefix")?.flatten().unwrap_or_default();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    if !prefix.chars().all(allowed) {
        return Err(invalid("prefix", &json!(prefix), "is no part of the program"));
    }
    Ok(LogLevelChange { binary, server, prefix, level })
}

fn parse(level: &str) -> Result<LogLevel> {
    match level.to_uppercase().as_str() {
        "CRITICAL" | "FATAL" => Ok(LogLevel::Error),
        "WARN" => Ok(LogLevel::Warning),
        other => other
            .parse()
            .map_err(|_| Error::bad_request(format!("Provided log level is not valid: '{level}'"))),
    }
}
