//! Reads what `tgtadm --op show` prints of targets and of their connections.

/// A target as the daemon shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub number: u32,
    pub iqn: String,
    /// The names of the accounts with which initiators log in.
    pub accounts: Vec<String>,
    /// Whether it lets any initiator in.
    pub lets_in: bool,
}

/// A connection as the daemon shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connection<'a> {
    pub session: &'a str,
    pub id: &'a str,
    pub initiator: &'a str,
}

/// What `--op show` says of the connections: `Session: 1`, below it `Connection: 0`, below that `Initiator: iqn.…`.
pub(crate) fn connections(shown: &str) -> Vec<Connection<'_>> {
    let (mut session, mut id) = ("", "");
    let mut found = Vec::new();
    for line in shown.lines() {
        match line.trim().split_once(": ") {
            Some(("Session", number)) => session = number,
            Some(("Connection", number)) => id = number,
            Some(("Initiator", initiator)) => {
                // an alias may follow
                let initiator = initiator.split_whitespace().next().unwrap_or_default();
                found.push(Connection { session, id, initiator });
            }
            Some(_) | None => {}
        }
    }
    found
}

/// What `--op show` says of the targets: each begins at the left margin, and ends with its accounts and those it lets in, each
/// indented below a heading.
pub(crate) fn targets(shown: &str) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    let mut heading = "";
    for line in shown.lines() {
        let head = line.strip_prefix("Target ").and_then(|rest| rest.split_once(": "));
        if let Some((number, iqn)) = head {
            let (number, iqn) = (number.parse().unwrap_or_default(), iqn.trim().to_owned());
            targets.push(Target { number, iqn, accounts: Vec::new(), lets_in: false });
            heading = "";
            continue;
        }
        let entry = line.trim();
        let Some(target) = targets.last_mut() else { continue };
        match heading {
            _ if entry.ends_with(" information:") => heading = entry,
            "Account information:" => target.accounts.push(entry.to_owned()),
            "ACL information:" => target.lets_in |= entry == "ALL",
            _ => {}
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_initiators_is_half_made() {
        let shown = "Target 1: iqn.x:volume-1\n    System information:\n        Driver: iscsi\n    \
                     Account information:\n        one\n        two\n    ACL information:\n        ALL\n\
                     Target 7: iqn.x:volume-2\n    Account information:\n        ALL\n    ACL information:\n";
        let target = |number, iqn: &str, accounts: &[&str], lets_in| Target {
            number,
            iqn: iqn.to_owned(),
            accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
            lets_in,
        };
        assert_eq!(
            targets(shown),
            [
                target(1, "iqn.x:volume-1", &["one", "two"], true),
                target(7, "iqn.x:volume-2", &["ALL"], false)
            ]
        );
        assert_eq!(targets(""), []);
    }

    #[test]
    fn connections_are_listed_with_their_initiators() {
        let shown = "Session: 3\n    Connection: 0\n        Initiator: iqn.a alias: none\n        IP Address: 127.0.0.1\n\
                     Session: 5\n    Connection: 1\n        Initiator: iqn.b\n";
        let connection = |session, id, initiator| Connection { session, id, initiator };
        let expected = [connection("3", "0", "iqn.a"), connection("5", "1", "iqn.b")];
        assert_eq!(connections(shown), expected);
        assert_eq!(connections(""), []);
    }
}
