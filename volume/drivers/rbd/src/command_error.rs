//! Why a command to a cluster has not succeeded.

use driver::DriverError;

/// The error numbers of Linux that the commands end with.
pub(crate) mod errno {
    pub(crate) const NOENT: i32 = 2;
    pub(crate) const BUSY: i32 = 16;
    pub(crate) const EXIST: i32 = 17;
    pub(crate) const INVAL: i32 = 22;
    pub(crate) const ROFS: i32 = 30;
    pub(crate) const NOTEMPTY: i32 = 39;
    pub(crate) const SHUTDOWN: i32 = 108;
    pub(crate) const TIMEDOUT: i32 = 110;
}

/// What a command begins to say when no monitor answers it.
const NO_MONITOR: [&str; 2] = ["failed to fetch mon config", "timed out"];

/// Why a command to a cluster has not succeeded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{program} cannot be run: {reason}")]
    NotRun { program: &'static str, reason: std::io::Error },
    #[error("{command}: the cluster does not answer")]
    TimedOut { command: String },
    #[error("{command} crashed")]
    Crashed { command: String },
    #[error("{command}: {complaint}")]
    Refused { command: String, errno: Option<i32>, complaint: String },
    #[error("{command} printed what is not understood: {reason}")]
    NotUnderstood { command: String, reason: serde_json::Error },
}

impl CommandError {
    /// Whether the cluster refused the command with this error number.
    pub fn is(&self, wanted: i32) -> bool {
        matches!(self, Self::Refused { errno: Some(errno), .. } if *errno == wanted)
    }

    /// Whether it is about this, as the program says.
    pub fn complains_of(&self, what: &str) -> bool {
        matches!(self, Self::Refused { complaint, .. } if complaint.contains(what))
    }

    /// Whether the cluster did not answer.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::TimedOut { .. }) || self.is(errno::TIMEDOUT) || self.is_of_monitors()
    }

    /// Whether no monitor answers, for which there is not always an error number.
    fn is_of_monitors(&self) -> bool {
        matches!(self, Self::Refused { complaint, .. }
            if NO_MONITOR.iter().any(|said| complaint.starts_with(said)))
    }
}

impl From<CommandError> for DriverError {
    fn from(error: CommandError) -> Self {
        // or its client was put on the blocklist with others that used the image
        let is_transient = error.is_silence() || error.is(errno::SHUTDOWN);
        if is_transient {
            Self::Transient(error.to_string())
        } else {
            Self::failed(error.to_string())
        }
    }
}

/// What of the text on stderr tells why: the last line that the program says, and the first of the log lines that are mixed into it.
pub(crate) fn complaint(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let (log, said): (Vec<_>, Vec<_>) = lines.partition(|line| is_log_line(line));
    // without its date, thread and level
    let logged = log.first().map(|line| line.splitn(4, ' ').last().unwrap_or(line).trim());
    match (said.last(), logged) {
        (Some(said), Some(logged)) => format!("{said} [{logged}]"),
        (Some(said), None) => (*said).to_owned(),
        (None, Some(logged)) => logged.to_owned(),
        (None, None) => "it failed, and does not say why".to_owned(),
    }
}

/// A log line begins with a date.
fn is_log_line(line: &str) -> bool {
    line.get(..4).is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The error number in the text of a program whose exit code has none: `…: (2) No such file or directory`.
pub(crate) fn errno_in(text: &str) -> Option<i32> {
    let said = text.split('[').next()?;
    let (_, rest) = said.rsplit_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_among_log_lines_and_progress() {
        let text = "rbd: create error: (17) File exists\n\
                    2026-11-30T12:41:40.398+0000 7fee3ca9e380 -1 librbd: rbd image v1 already exists\n\n";
        let found = complaint(text);
        assert_eq!(
            found,
            "rbd: create error: (17) File exists [librbd: rbd image v1 already exists]"
        );
        assert_eq!(errno_in(&found), Some(17));
        let log_alone = "2026-11-30T12:41:40.398+0000 7fee 0 librbd: timed out\n";
        assert_eq!(complaint(log_alone), "librbd: timed out");
        assert_eq!(errno_in("rbd: unknown option"), None);
        assert_eq!(complaint(""), "it failed, and does not say why");
    }
}
