//! Microversions: what the client asks for in `OpenStack-API-Version: volume 3.NN`.

use crate::fault::Fault;
use axum::Extension;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Error, ErrorKind, Result};

const HEADER: HeaderName = HeaderName::from_static("openstack-api-version");

/// A version of the API: 3.`minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Microversion(pub u16);

impl Microversion {
    /// What a client gets that asks for nothing.
    pub const MIN: Self = Self(0);
    /// The newest.
    pub const MAX: Self = Self(71);

    /// A 404, as Cinder answers, for what came only with a later version.
    pub fn require(self, since: u16) -> Result<()> {
        if self.0 >= since {
            Ok(())
        } else {
            Err(Error::not_found("The resource could not be found."))
        }
    }

    /// The version that the headers ask for.
    fn requested(headers: &HeaderMap) -> Result<Self> {
        let Some(header) = headers.get(&HEADER) else { return Ok(Self::MIN) };
        let header = header.to_str().unwrap_or_default();
        // several services may be named, separated by commas
        let Some(ours) = header.split(',').find(|part| part.contains("volume")) else {
            return Err(invalid(header));
        };
        let version = ours.split_whitespace().nth(1).ok_or_else(|| invalid(header))?;
        if version == "latest" {
            return Ok(Self::MAX);
        }
        let (major, minor) = parse(version).ok_or_else(|| invalid(version))?;
        if major != 3 || minor > Self::MAX.0 {
            return Err(Error::new(
                ErrorKind::NotAcceptable,
                format!(
                    "Version {version} is not supported by the API. Minimum is {} and maximum is {}.",
                    Self::MIN,
                    Self::MAX
                ),
            ));
        }
        Ok(Self(minor))
    }
}

fn invalid(text: &str) -> Error {
    Error::bad_request(format!(
        "API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."
    ))
}

/// `3.27`, without leading zeros.
fn parse(version: &str) -> Option<(u16, u16)> {
    let (major, minor) = version.split_once('.')?;
    let number = |text: &str| -> Option<u16> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let padded = text.len() > 1 && text.starts_with('0');
        (plain && !padded).then(|| text.parse().ok())?
    };
    Some((number(major).filter(|major| *major > 0)?, number(minor)?))
}

impl std::fmt::Display for Microversion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "3.{}", self.0)
    }
}

/// Finds the version that is asked for, and says in the answer which one it was.
pub(crate) async fn negotiate(mut request: Request, next: Next) -> Response {
    let version = match Microversion::requested(request.headers()) {
        Ok(version) => version,
        Err(error) => return Fault(error).into_response(),
    };
    request.extensions_mut().insert(version);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&format!("volume {version}")) {
        response.headers_mut().insert(HEADER, value);
        response
            .headers_mut()
            .insert(header::VARY, HeaderValue::from_static("OpenStack-API-Version"));
    }
    response
}

/// Hides the routes below it from clients of versions before 3.`SINCE`.
pub(crate) async fn since<const SINCE: u16>(
    Extension(version): Extension<Microversion>,
    request: Request,
    next: Next,
) -> Response {
    match version.require(SINCE) {
        Ok(()) => next.run(request).await,
        Err(error) => Fault(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(header: &str) -> Result<u16, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(header).unwrap());
        Microversion::requested(&headers)
            .map(|version| version.0)
            .map_err(|error| error.kind().http_status())
    }

    #[test]
    fn the_header_is_read_as_cinder_reads_it() {
        let cases = [
            ("volume 3.0", Ok(0)),
            ("volume 3.71", Ok(71)),
            ("volume latest", Ok(71)),
            ("compute 2.1, volume 3.27", Ok(27)),
            ("compute 2.1", Err(400)),
            ("volume", Err(400)),
            ("volume 3", Err(400)),
            ("volume 3.01", Err(400)),
            ("volume 3.x", Err(400)),
            ("volume 3.72", Err(406)),
            ("volume 2.0", Err(406)),
            ("volume 3.99999", Err(400)),
        ];
        for (header, expected) in cases {
            assert_eq!(requested(header), expected, "{header}");
        }
        assert_eq!(Microversion::requested(&HeaderMap::new()).unwrap(), Microversion::MIN);
    }
}
