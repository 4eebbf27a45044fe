//! Heads as bytes, parsed by the very library that parses them in production, for tests and for whoever looks for bytes that fool it.

use http::Version;
use http::header::{CONNECTION, HOST, HeaderMap};
use pingora_core::protocols::http::v1::server::HttpSession;
use tokio::io::AsyncWriteExt as _;

use super::{
    AcceptedHosts, CREDENTIAL_HEADERS, CleanRequest, Head, HygienePolicy, IdentityHeaders, Inspected, Limits, Line, Peer,
    Protocol, SlashPolicy, inspect,
};

/// What this gateway asks of the requests that tests make up.
pub(crate) fn policy() -> HygienePolicy {
    HygienePolicy {
        hosts: AcceptedHosts::new(["gw.test"], true),
        limits: Limits::default(),
        identity_headers: IdentityHeaders::new(["X-Gw-User"]),
        encoded_slash: SlashPolicy::Refuse,
    }
}

/// Parses `raw` as the gateway's listener does, or `None` when that refuses it.
pub(crate) async fn parse(raw: &[u8]) -> Option<HttpSession> {
    let escaped = Line::begin().escape(raw);
    let raw = escaped.as_deref().unwrap_or(raw);
    let (mut client, server) = tokio::io::duplex(raw.len().max(1));
    client.write_all(raw).await.ok()?;
    client.shutdown().await.ok()?;
    let mut session = HttpSession::new(Box::new(server));
    session.read_request().await.ok().flatten().map(|_| session)
}

/// The head that the gateway would make of a parsed HTTP/1 request.
pub(crate) fn with_head<T>(session: &HttpSession, then: impl FnOnce(&Head<'_>) -> T) -> T {
    let raw = session.get_headers_raw_bytes();
    let header = session.req_header();
    let target = String::from_utf8_lossy(header.raw_path());
    then(&Head {
        protocol: if header.version == Version::HTTP_10 { Protocol::Http10 } else { Protocol::Http11 },
        peer: Peer::Direct,
        raw: Some(&raw),
        method: &header.method,
        target: &target,
        scheme: None,
        authority: None,
        headers: &header.headers,
        tls: false,
        has_body: false,
    })
}

/// A head that passes says the same to whoever reads what is made of it, and has nothing left that only we may say.
pub fn head(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let Some((request, headers)) = runtime.block_on(read(data)) else { return };
    let made = written(&request, &headers);
    let Some((again, _)) = runtime.block_on(read(&made)) else {
        panic!("what goes on is refused: {}", String::from_utf8_lossy(&made));
    };
    assert_eq!(again.method(), request.method());
    assert_eq!((again.path(), again.query(), again.host()), (request.path(), request.query(), request.host()));
    assert!(again.remove().is_empty() && again.signals().is_empty(), "{:?}", again.remove());
    assert!(request.path().starts_with('/') && !request.path().contains("/../"), "{}", request.path());
}

async fn read(raw: &[u8]) -> Option<(CleanRequest, HeaderMap)> {
    let session = parse(raw).await?;
    let request = with_head(&session, |head| match inspect(head, &policy()) {
        Ok(Inspected::Request { request, .. }) => Some(request),
        Ok(Inspected::OptionsAsterisk) | Err(_) => None,
    });
    Some((request?, session.req_header().headers.clone()))
}

/// What is left of a request, as bytes.
fn written(request: &CleanRequest, headers: &HeaderMap) -> Vec<u8> {
    let mut made =
        format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method(), request.origin_form(), request.host()).into_bytes();
    for (name, value) in headers {
        let gone = request.remove().contains(name) || CREDENTIAL_HEADERS.contains(name) || name == HOST || name == CONNECTION;
        if !gone {
            made.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    made.extend(b"\r\n");
    made
}
