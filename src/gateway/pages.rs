//! What an upstream may not do at the origin of our own pages.
//!
//! Pages of an upstream that are opened under our public URL would be pages of ours to a browser: their scripts could fetch the consent
//! page with the session's cookie and approve. So they run in a sandbox, which gives them an origin that is nobody's; and nothing of what
//! an upstream says for the whole origin is handed on.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};
use pingora::Result;
use pingora::http::ResponseHeader;

use crate::config::{Api, Config};

/// What browsers send when they fetch the script of a service worker.
pub const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// Whether `host` is one that `api` has apart from our pages.
#[must_use]
pub fn is_apart(api: &Api, host: &str, config: &Config) -> bool {
    api.tenancy.host_suffix.as_deref().is_some_and(|suffix| host.ends_with(suffix))
        && host != config.issuer.authority()
        && !config.listen.extra_hosts.iter().any(|extra| extra == host)
}

/// Whether something that no API answers is kept from `host`: at hosts of APIs there are no pages of ours. Clients find their
/// authorization server there.
#[must_use]
pub fn is_closed(path: &str, host: &str, config: &Config) -> bool {
    let is_for_clients = ["/.well-known/", "/oauth2/"].iter().any(|prefix| path.starts_with(prefix));
    !is_for_clients && config.apis.iter().any(|api| is_apart(api, host, config))
}

/// Takes from an answer what speaks for the origin, and puts what browsers could run into a sandbox, unless it is `apart` from our pages.
pub fn fence(head: &mut ResponseHeader, apart: bool) -> Result<()> {
    let theirs: Vec<HeaderName> = head.headers.keys().filter(|name| speaks_for_origin(name.as_str())).cloned().collect();
    for name in &theirs {
        head.remove_header(name);
    }
    if apart || matches!(head.status, StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT) {
        return Ok(());
    }
    // What is not said, or not so that it can be read, is nobody's to guess.
    head.insert_header(X_CONTENT_TYPE_OPTIONS, "nosniff")?;
    if may_script(&head.headers) {
        // One more policy: what the upstream's own forbids stays forbidden.
        head.append_header(CONTENT_SECURITY_POLICY, "sandbox")?;
    }
    Ok(())
}

/// Whether a header says something of more than the answer that it comes with.
fn speaks_for_origin(name: &str) -> bool {
    matches!(
        name,
        "accept-ch"
            | "alt-svc"
            | "clear-site-data"
            | "expect-ct"
            | "nel"
            | "origin-agent-cluster"
            | "public-key-pins"
            | "public-key-pins-report-only"
            | "report-to"
            | "reporting-endpoints"
            | "sec-session-registration"
            | "secure-session-registration"
            | "service-worker-allowed"
            | "set-login"
            | "speculation-rules"
            | "strict-transport-security"
            | "use-as-dictionary"
    )
}

/// Whether a browser that opens the answer could run scripts of it: by its type, or by what it takes it for without one.
fn may_script(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter().flat_map(|value| value.as_bytes().split(|b| *b == b',')).peekable();
    types.peek().is_none() || types.any(runs)
}

/// Whether documents of this media type have scripts, or nobody knows what documents it has.
fn runs(kind: &[u8]) -> bool {
    let essence = kind.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
    let ends = |end: &[u8]| {
        essence
            .len()
            .checked_sub(end.len())
            .is_some_and(|at| essence.get(at..).is_some_and(|rest| rest.eq_ignore_ascii_case(end)))
    };
    let begins = |start: &[u8]| essence.get(..start.len()).is_some_and(|first| first.eq_ignore_ascii_case(start));
    let is_known = is_type(essence) && !essence.contains(&b'*') && !is("unknown/unknown") && !is("application/unknown");
    !is_known || is("text/html") || ends(b"+xml") || ends(b"/xml") || is("text/xsl") || begins(b"multipart/")
}

/// Whether it is `type/subtype` (RFC 9110 §8.3.1). A browser takes anything else for no type at all.
fn is_type(essence: &[u8]) -> bool {
    let mut halves = essence.split(|b| *b == b'/');
    let is_token = |half: &[u8]| {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        !half.is_empty() && half.iter().all(is_part)
    };
    matches!((halves.next(), halves.next(), halves.next()), (Some(kind), Some(sub), None) if is_token(kind) && is_token(sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fenced(status: u16, headers: &[(&'static str, &'static str)], apart: bool) -> ResponseHeader {
        let mut head = ResponseHeader::build(status, None).expect("a head");
        for (name, value) in headers {
            head.append_header(*name, *value).expect("a header");
        }
        fence(&mut head, apart).expect("headers");
        head
    }

    fn policies(head: &ResponseHeader) -> Vec<&str> {
        head.headers.get_all(CONTENT_SECURITY_POLICY).iter().map(|v| v.to_str().expect("text")).collect()
    }

    #[test]
    fn what_browsers_could_run_is_sandboxed() {
        for kind in [
            "text/html",
            "Text/HTML; charset=utf-8",
            "application/xhtml+xml",
            "image/svg+xml",
            "text/xml",
            "application/xml",
            "application/rss+xml;x=y",
            "application/json, text/html",
            "multipart/x-mixed-replace; boundary=a",
            "text",
            "*/*",
            "text/",
            "/html",
            "x y/html",
            "a(b)/c",
            "text/plain/x",
            "",
        ] {
            let head = fenced(200, &[("content-type", kind), ("content-security-policy", "default-src 'self'")], false);
            assert_eq!(policies(&head), ["default-src 'self'", "sandbox"], "{kind}");
        }
        for kind in
            ["application/json", "text/plain", "text/event-stream", "application/grpc", "application/x-protobuf", "image/png"]
        {
            assert!(policies(&fenced(200, &[("content-type", kind)], false)).is_empty(), "{kind}");
        }
    }

    #[test]
    fn what_has_no_type_is_not_guessed() {
        let head = fenced(200, &[], false);
        assert_eq!((policies(&head), head.headers[X_CONTENT_TYPE_OPTIONS].as_bytes()), (vec!["sandbox"], &b"nosniff"[..]));
        // It could loosen what a browser keeps.
        assert_eq!(policies(&fenced(304, &[("content-security-policy", "script-src *")], false)), ["script-src *", "sandbox"]);
        for status in [101, 204] {
            assert!(fenced(status, &[], false).headers.is_empty(), "{status}");
        }
    }

    #[test]
    fn nobody_but_us_speaks_for_the_origin() {
        let names = [
            "service-worker-allowed",
            "clear-site-data",
            "alt-svc",
            "strict-transport-security",
            "nel",
            "reporting-endpoints",
            "origin-agent-cluster",
        ];
        let mut headers: Vec<_> = names.map(|name| (name, "x")).to_vec();
        headers.extend([("content-type", "text/html"), ("x-served-by", "y"), ("etag", "\"z\"")]);
        for apart in [false, true] {
            let head = fenced(200, &headers, apart);
            let ours = ["content-security-policy", "x-content-type-options"];
            let mut left: Vec<_> = head.headers.keys().map(HeaderName::as_str).filter(|n| !ours.contains(n)).collect();
            left.sort_unstable();
            assert_eq!(left, ["content-type", "etag", "x-served-by"]);
            assert_eq!(policies(&head).is_empty(), apart, "a host of its own has no page of ours");
        }
    }
}
