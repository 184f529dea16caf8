//! `HTTP_GET`, but for the connection: the request that asks for a url, and what
//! the answer says about the real server.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::Version;
use hyper::http::uri::PathAndQuery;
use hyper::http::{HeaderValue, Uri, header};

use super::outcome::{Digest, FailureKind};
use crate::config::model::HttpUrl;

/// What ipvsd calls itself in requests.
pub const USER_AGENT: &str = concat!("ipvsd/", env!("CARGO_PKG_VERSION"));

/// Whether a path can be asked for exactly as it is written: it begins with `/`
/// and has neither blanks nor `#` nor other characters that HTTP does not allow in
/// a request line.
pub fn is_sendable(path: &str) -> bool {
    path.starts_with('/')
        && path
            .parse::<PathAndQuery>()
            .is_ok_and(|parsed| parsed.as_str() == path)
}

/// The request that asks `target` for `url`.
///
/// It is HTTP/1.0 as keepalived's is: the answer then comes in one piece, not in
/// chunks, and the server closes after it, which leaves the waiting-out of the
/// connection (TIME_WAIT) to the server.
///
/// # Errors
/// `unsendable` if the path or the virtual host cannot be put into a request.
pub fn request(url: &HttpUrl, target: SocketAddr) -> Result<Request<Empty<Bytes>>, FailureKind> {
    if !is_sendable(&url.path) {
        return Err(FailureKind::Unsendable(
            format!("HTTP does not allow the path {:?}", url.path).into(),
        ));
    }
    let host = match &url.virtual_host {
        Some(name) => HeaderValue::from_str(name),
        None => HeaderValue::from_str(&target.to_string()),
    };
    let host = host.map_err(|_| {
        FailureKind::Unsendable(
            format!("HTTP does not allow the host {:?}", url.virtual_host).into(),
        )
    })?;
    let uri: Uri = url
        .path
        .parse()
        .map_err(|_| FailureKind::Unsendable("HTTP does not allow the path".into()))?;
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_10;
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::HOST, host);
    Ok(request)
}

/// What a complete answer says: its status first, then the digest of its body where
/// one is wanted.
///
/// # Errors
/// `wrong-status`, `wrong-digest`
pub fn judge(url: &HttpUrl, status: u16, digest: Option<[u8; 16]>) -> Result<(), FailureKind> {
    if !url.status_codes.contains(status) {
        return Err(FailureKind::WrongStatus {
            status,
            wanted: url.status_codes.clone(),
        });
    }
    match (url.digest, digest) {
        (Some(wanted), Some(found)) if wanted != found => Err(FailureKind::WrongDigest {
            digest: Digest(found),
            wanted: Digest(wanted),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::StatusCodes;

    fn url(path: &str, virtual_host: Option<&str>) -> HttpUrl {
        HttpUrl {
            path: path.into(),
            virtual_host: virtual_host.map(Into::into),
            digest: None,
            status_codes: StatusCodes::default(),
            later: Vec::new(),
        }
    }

    #[test]
    fn the_host_is_the_virtual_host_or_the_target_with_its_port() {
        for (virtual_host, target, host) in [
            (Some("www.example.org"), "192.0.2.1:80", "www.example.org"),
            (None, "192.0.2.1:8080", "192.0.2.1:8080"),
            (None, "[2001:db8::1]:80", "[2001:db8::1]:80"),
        ] {
            let request = request(&url("/", virtual_host), target.parse().unwrap()).unwrap();
            assert_eq!(request.headers()["host"], host);
        }
    }

    #[test]
    fn a_path_is_asked_for_as_it_is_written() {
        for path in ["/", "/a/../b", "/%7e?x=%20&y", "//x", "/a;b=c", "/a?b?c"] {
            let request = request(&url(path, None), "192.0.2.1:80".parse().unwrap()).unwrap();
            assert_eq!(request.uri().path_and_query().unwrap().as_str(), path);
            assert_eq!(request.uri().authority(), None);
        }
    }

    #[test]
    fn what_cannot_be_sent_as_it_is_written_is_not_sent() {
        let target: SocketAddr = "192.0.2.1:80".parse().unwrap();
        for path in ["", "x", "*", "/a b", "/a#b", "/a\r\nX: y", "http://x/"] {
            let refused = request(&url(path, None), target).unwrap_err();
            assert_eq!(refused.name(), "unsendable", "{path:?}");
        }
        let refused = request(&url("/", Some("a\nb")), target).unwrap_err();
        assert_eq!(refused.name(), "unsendable");
    }

    #[test]
    fn the_status_is_judged_before_the_digest() {
        let wanted = HttpUrl {
            digest: Some([1; 16]),
            ..url("/", None)
        };
        assert_eq!(judge(&wanted, 204, Some([1; 16])), Ok(()));
        assert_eq!(
            judge(&wanted, 404, Some([2; 16])).unwrap_err().name(),
            "wrong-status"
        );
        assert_eq!(
            judge(&wanted, 200, Some([2; 16])).unwrap_err().name(),
            "wrong-digest"
        );
        assert_eq!(judge(&url("/", None), 200, None), Ok(()));
    }
}
