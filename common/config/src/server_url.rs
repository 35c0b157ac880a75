//! The URL of a server for another user.

use std::fmt::Write as _;

/// The same URL (`scheme://user:password@hosts/…`) for this user, with this password; `None` when it has another form. Everything
/// before the first `@` is user and password, as PostgreSQL's clients understand it. Whether it is what was meant is for the parser
/// of such URLs to say.
#[must_use]
pub fn with_user(url: &str, user: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (before_query, _) = rest.split_once('?').unwrap_or((rest, ""));
    let hosts = match before_query.split_once('@') {
        Some((credentials, _)) => &rest[credentials.len() + 1..],
        None => rest,
    };
    Some(format!("{scheme}://{}:{}@{hosts}", encoded(user), encoded(password)))
}

/// A text as part of a URL.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // writing to a string does not fail
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_replaced_and_nothing_else() {
        for (url, expected) in [
            (
                "postgres://a:b@h1:1,h2/db?sslmode=require",
                "postgres://m%40:p@h1:1,h2/db?sslmode=require",
            ),
            ("postgres://own:pa/ss@h/db", "postgres://m%40:p@h/db"),
            ("postgres://h/db?application_name=a@b", "postgres://m%40:p@h/db?application_name=a@b"),
            ("postgres:///db?host=/run", "postgres://m%40:p@/db?host=/run"),
            ("amqp://[::1]:5672/%2f", "amqp://m%40:p@[::1]:5672/%2f"),
        ] {
            assert_eq!(with_user(url, "m@", "p").as_deref(), Some(expected));
        }
        assert_eq!(with_user("host=h dbname=d", "m", "p"), None);
    }
}
