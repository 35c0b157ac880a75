//! Ages, as operators write and read them.

use std::str::FromStr;
use std::time::Duration;

/// How old something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// So old.
    AtMost(Duration),
    /// However old it is.
    Any,
}

impl FromStr for Age {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "any" {
            Ok(Self::Any)
        } else {
            humantime::parse_duration(text).map(Self::AtMost)
        }
    }
}

/// How long ago something was, in whole seconds.
pub fn ago(age: time::Duration) -> String {
    let seconds = u64::try_from(age.whole_seconds()).unwrap_or_default();
    format!("{} ago", humantime::format_duration(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_and_written() {
        assert_eq!("90s".parse(), Ok(Age::AtMost(Duration::from_secs(90))));
        assert_eq!("1h 30m".parse(), Ok(Age::AtMost(Duration::from_secs(5400))));
        assert_eq!("any".parse(), Ok(Age::Any));
        for strange in ["", "15", "soon", "-1s"] {
            assert!(strange.parse::<Age>().is_err(), "{strange}");
        }
        assert_eq!(ago(time::Duration::seconds(95)), "1m 35s ago");
        assert_eq!(ago(time::Duration::milliseconds(-5)), "0s ago");
    }
}
