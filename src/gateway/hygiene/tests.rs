use http::header::HeaderValue;
use proptest::prelude::*;

use super::fuzz::{parse, policy, with_head};
use super::*;

fn request<'h>(target: &'h str, headers: &'h HeaderMap) -> Head<'h> {
    Head {
        protocol: Protocol::Http11,
        peer: Peer::Direct,
        raw: None,
        method: &Method::GET,
        target,
        scheme: None,
        authority: Some("gw.test"),
        headers,
        tls: false,
        has_body: false,
    }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let parsed = |(n, v): &(&str, &str)| {
        (HeaderName::from_bytes(n.as_bytes()).expect("a name"), HeaderValue::from_bytes(v.as_bytes()).expect("a value"))
    };
    let mut map = HeaderMap::new();
    pairs.iter().map(parsed).for_each(|(n, v)| {
        map.append(n, v);
    });
    map
}

fn clean(head: &Head<'_>, policy: &HygienePolicy) -> Result<CleanRequest, Reason> {
    match inspect(head, policy).map_err(|u| u.reason)? {
        Inspected::Request { request, .. } => Ok(request),
        Inspected::OptionsAsterisk => Err(Reason::TargetForm),
    }
}

fn removed(request: &CleanRequest) -> Vec<&str> {
    let mut names: Vec<_> = request.remove().iter().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_only_we_may_say_is_removed_and_reported() {
    let map = headers(&[
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Gw-User", "a"),
        ("x-gw-user", "b"),
        ("X.Gw.User", "c"),
        ("X_Gw_User", "d"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Accept", "*/*"),
    ]);
    let direct = clean(&request("/", &map), &policy()).expect("accepted");
    assert_eq!(removed(&direct), ["x-forwarded-for", "x-gw-user", "x-http-method-override", "x.gw.user", "x_gw_user"]);
    let codes: Vec<_> = direct.signals().codes().collect();
    assert_eq!(codes, ["spoofed_identity", "spoofed_forwarding", "method_override"]);
}

#[test]
fn a_trusted_peer_may_say_where_a_request_came_from_and_nothing_more() {
    let map = headers(&[("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1.2.3.4")]);
    let head = Head { peer: Peer::Trusted, ..request("/", &map) };
    let trusted = clean(&head, &policy()).expect("accepted");
    assert_eq!((removed(&trusted), trusted.signals()), (vec!["forwarded", "x-forwarded-for"], Signals::default()));
    let map = headers(&[("X-Forwarded-For", "1.2.3.4"), ("X_Forwarded_For", "6.6.6.6"), ("X-Original-URL", "/admin")]);
    let head = Head { peer: Peer::Trusted, ..request("/", &map) };
    let trusted = clean(&head, &policy()).expect("accepted");
    assert_eq!(removed(&trusted), ["x-forwarded-for", "x-original-url", "x_forwarded_for"]);
    assert_eq!(trusted.signals().codes().collect::<Vec<_>>(), ["spoofed_identity"]);
    let offloaded = Head { scheme: Some("https"), ..head };
    assert!(clean(&offloaded, &policy()).is_ok());
    assert_eq!(clean(&Head { peer: Peer::Direct, ..offloaded }, &policy()).err(), Some(Reason::SchemeMismatch));
}

#[test]
fn an_ordinary_request_asks_for_nothing_to_be_done() {
    let map = headers(&[("Accept", "*/*"), ("Authorization", "Bearer abc"), ("User-Agent", "x"), ("Content-Type", "a/b")]);
    let request = clean(&request("/api/v1/query?query=up", &map), &policy()).expect("accepted");
    assert!(request.remove().is_empty());
    assert!(request.signals().is_empty() && !request.close());
    assert_eq!((request.path(), request.query()), ("/api/v1/query", Some("query=up")));
    assert_eq!(&**request.host(), "gw.test");
}

#[test]
fn a_token_in_the_query_is_neither_read_nor_forwarded_nor_logged() {
    let map = HeaderMap::new();
    let head = request("/a?x=1&access_token=s3cret&code=s3cret", &map);
    let Ok(Inspected::Request { request, credential }) = inspect(&head, &policy()) else { panic!("refused") };
    assert_eq!(credential, Credential::None);
    assert_eq!(request.origin_form(), "/a?x=1&code=s3cret");
    assert_eq!(request.logged_query().as_deref(), Some("x=1&code=REDACTED"));
    assert!(request.signals().contains(Signals::TOKEN_IN_QUERY));
}

#[test]
fn an_encoded_slash_waits_for_its_route() {
    let (map, mut policy) = (HeaderMap::new(), policy());
    let head = request("/a%2fb", &map);
    assert_eq!(clean(&head, &policy).err(), Some(Reason::EncodedSlash));
    policy.encoded_slash = SlashPolicy::PerRoute;
    let request = clean(&head, &policy).expect("accepted for now");
    assert_eq!(request.path(), "/a%2Fb");
    assert!(request.admit_encoded_slash(true).is_ok());
    assert_eq!(request.admit_encoded_slash(false).map_err(|u| u.reason), Err(Reason::EncodedSlash));
}

#[test]
fn upgrades_are_told_apart_and_need_both_headers() {
    for (pairs, upgrade) in [
        (&[("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")][..], Upgrade::WebSocket),
        (&[("Connection", "upgrade"), ("Upgrade", "h2c")], Upgrade::Other),
        (&[("Upgrade", "websocket")], Upgrade::None),
        (&[("Connection", "upgrade")], Upgrade::None),
    ] {
        let map = headers(pairs);
        let head = Head { has_body: true, ..request("/", &map) };
        let request = clean(&head, &policy()).expect("accepted");
        assert_eq!(request.upgrade(), upgrade, "{pairs:?}");
        assert_eq!(request.close(), upgrade != Upgrade::None);
    }
}

#[test]
fn http2_has_no_connection_headers() {
    for pair in [("connection", "close"), ("keep-alive", "1"), ("transfer-encoding", "chunked"), ("upgrade", "x"), ("te", "gzip")]
    {
        let map = headers(&[pair]);
        let head = Head { protocol: Protocol::Http2, ..request("/", &map) };
        assert_eq!(clean(&head, &policy()).err(), Some(Reason::ConnectionSpecificHeader), "{pair:?}");
    }
}

#[test]
fn bytes_that_a_parser_let_through_are_still_refused() {
    let map = HeaderMap::new();
    for (raw, reason) in [
        (&b"GET /a b HTTP/1.1\r\nHost: gw.test\r\n\r\n"[..], Reason::TargetCharacter),
        (b"GET /\0 HTTP/1.1\r\nHost: gw.test\r\n\r\n", Reason::ControlCharacter),
        (b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", Reason::BareCarriageReturn),
        (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Reason::FoldedHeader),
        (b"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", Reason::ControlCharacter),
        (b"GET  / HTTP/1.1\r\n\r\n", Reason::TargetCharacter),
        (b"GET / HTTP/0.9\r\n\r\n", Reason::RequestLine),
        (b"GET /\r\n\r\n", Reason::RequestLine),
        (b"GET / HTTP/1.1\r\n", Reason::RequestLine),
        (b"POST / HTTP/1.1\r\n\r\n", Reason::RequestLine),
        (b"", Reason::RequestLine),
        (b"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", Reason::FoldedHeader),
        (b"\nGET / HTTP/1.1\r\n\r\n", Reason::BareLineFeed),
    ] {
        let head = Head { raw: Some(raw), ..request("/", &map) };
        assert_eq!(clean(&head, &policy()).err(), Some(reason), "{}", raw.escape_ascii());
    }
}

#[test]
fn a_length_that_the_parser_dropped_is_still_seen() {
    let map = headers(&[("Transfer-Encoding", "chunked")]);
    let raw = b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nCONTENT-LENGTH: 3\r\n\r\n";
    let head = Head { raw: Some(raw), ..request("/", &map) };
    assert_eq!(clean(&head, &policy()).err(), Some(Reason::LengthAndTransferEncoding));
}

#[test]
fn cookies_become_one() {
    let map = headers(&[("cookie", "a=b"), ("cookie", "c=d")]);
    assert_eq!(joined_cookies(&map).as_deref(), Some("a=b; c=d"));
    assert_eq!(joined_cookies(&HeaderMap::new()), None);
}

fn target_text() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec!["/", "/", "/", "/a/", "http://gw.test/", "http://gw.test", ""]);
    let sound = prop::sample::select(vec!["a", "b.c", "a/", "%2e", "%61", "%3a", ":", "%3B", "%c3%a9", "~", "%7e", "%25", "2"]);
    let doubtful = prop::sample::select(vec!["/", ".", "..", "%2F", "%5c", "2e", ";", "#", "%", "%00", "%ff", "\\", "*"]);
    let path = prop::collection::vec(prop_oneof![6 => sound, 1 => doubtful], 0..5);
    let name = prop::sample::select(vec![
        "a=1",
        "&",
        "&access_token=x",
        "&%61ccess_token=x",
        "=",
        "?",
        "/../",
        "%0A",
        "%zz",
        "#",
        "\"",
        "a<b>",
    ]);
    let query = prop::option::of(prop::collection::vec(name, 0..4));
    (start, path, query).prop_map(|(start, path, query)| {
        let query = query.map(|q| format!("?{}", q.concat())).unwrap_or_default();
        format!("{start}{}{query}", path.concat())
    })
}

fn header_lines() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec!["Host: gw.test\r\n", "Host: gw.test\r\n", "Host: GW.test.:443\r\n", ""]);
    let piece = prop::sample::select(vec![
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "X_Gw_User: a\r\n",
        "X-Gw-User: a\r\n",
        "X-Forwarded-For: a\r\n",
        "Connection: X-Gw-User\r\n",
        "Authorization: Bearer a\r\n",
        "Accept: b\r\n",
    ]);
    (host, prop::collection::vec(piece, 0..3)).prop_map(|(h, p)| format!("{h}{}", p.concat()))
}

proptest! {
    /// What was decided on is what the next server reads: forwarding an accepted request and inspecting it again changes nothing.
    #[test]
    fn the_decision_is_on_what_is_forwarded(target in target_text(), lines in header_lines(), method in "GET|POST|get") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let raw = format!("{method} {target} HTTP/1.1\r\n{lines}\r\n");
        let Some(session) = runtime.block_on(parse(raw.as_bytes())) else { return Ok(()) };
        let Ok(first) = with_head(&session, |head| clean(head, &policy())) else { return Ok(()) };
        let mut kept = String::new();
        for (name, value) in &session.req_header().headers {
            if name != "host" && name != "connection" && !first.remove().contains(name) {
                kept.extend([name.as_str(), ": ", value.to_str().expect("ASCII"), "\r\n"]);
            }
        }
        let forwarded = format!("{} {} HTTP/1.1\r\nhost: {}\r\n{kept}\r\n", first.method(), first.origin_form(), first.host());
        let again = runtime.block_on(parse(forwarded.as_bytes())).expect("what we forward is parsed");
        prop_assert_eq!(again.req_header().uri.path(), first.path());
        prop_assert_eq!(again.req_header().uri.query(), first.query());
        let second = with_head(&again, |head| clean(head, &policy())).expect("what we forward is clean");
        prop_assert_eq!(second.origin_form(), first.origin_form());
        prop_assert_eq!(second.method(), first.method());
        prop_assert_eq!(second.host(), first.host());
        prop_assert!(second.remove().is_empty() && second.signals().is_empty());
    }

    /// No bytes bring the checks down, and whatever they accept has a canonical path.
    #[test]
    fn any_bytes_are_answered(raw in prop::collection::vec(any::<u8>(), 0..200), target in ".{0,40}") {
        let map = HeaderMap::new();
        let _ = clean(&Head { raw: Some(&raw), ..request("/", &map) }, &policy());
        if let Ok(request) = clean(&request(&target, &map), &policy()) {
            prop_assert!(crate::gateway::path::canonicalize(request.path()).is_ok_and(|p| p.as_str() == request.path()));
        }
    }
}
