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

/// Whoever means more means any.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "any" {
            return Ok(Self::Any);
        }
        if text.contains('M') {
            return Err("M would be months: minutes are m".to_owned());
        }
        let age = humantime::parse_duration(text).map_err(|error| error.to_string())?;
        if age > LONGEST {
            Err("that is longer than a year".to_owned())
        } else {
            Ok(Self::AtMost(age))
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
        for strange in ["", "15", "soon", "-1s", "15M", "2y", "12000years"] {
            assert!(strange.parse::<Age>().is_err(), "{strange}");
        }
        assert_eq!(ago(time::Duration::seconds(95)), "1m 35s ago");
        assert_eq!(ago(time::Duration::milliseconds(-5)), "0s ago");
    }
}
