use ::http::header::HOST;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use ipnet::IpNet;
use proptest::prelude::*;
use prost::Message as _;

use super::grpc;
use super::http::Received;
use super::original::Original;
use super::proto::{CheckRequest, HeaderList, HeaderText, HttpRequest};
use super::trust;
use crate::config::AuthorizerPolicy;
use crate::types::Dialect;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    map
}

fn read(dialect: Dialect, uri: &'static str, pairs: &[(&str, &str)]) -> Option<(String, String, String)> {
    let original = Original::read(dialect, &Method::GET, &Uri::from_static(uri), headers(pairs))?;
    let host = original.headers.get(HOST)?.to_str().ok()?.to_owned();
    for gone in ["x-original-uri", "x-original-method", "x-forwarded-uri", "x-forwarded-method", "x-tollgate-proxy-secret"] {
        let foreign = matches!(dialect, Dialect::Traefik | Dialect::Caddy) == gone.starts_with("x-original");
        assert!(foreign || dialect == Dialect::EnvoyHttp || !original.headers.contains_key(gone), "{gone}");
    }
    Some((original.method.to_string(), original.target, host))
}

#[test]
fn each_dialect_names_the_original_request() {
    let nginx = [("Host", "gw.test"), ("X-Original-URI", "/a//b?c=%zz"), ("X-Original-Method", "PUT")];
    let said = |m: &str, t: &str| Some((m.to_owned(), t.to_owned(), "gw.test".to_owned()));
    assert_eq!(read(Dialect::Nginx, "/auth/nginx", &nginx), said("PUT", "/a//b?c=%zz"));
    let forwarded = [
        ("Host", "tollgate:9902"),
        ("X-Forwarded-Host", "gw.test"),
        ("X-Forwarded-Uri", "/a?b=1"),
        ("X-Forwarded-Method", "DELETE"),
        ("X-Original-URI", "/evil"),
    ];
    for dialect in [Dialect::Traefik, Dialect::Caddy] {
        assert_eq!(read(dialect, "/auth/caddy", &forwarded), said("DELETE", "/a?b=1"));
    }
    assert_eq!(read(Dialect::EnvoyHttp, "/auth/envoy/a//b?c=1", &[("Host", "gw.test")]), said("GET", "/a//b?c=1"));
    assert_eq!(read(Dialect::EnvoyHttp, "/auth/envoyance", &[("Host", "gw.test")]), said("GET", "ance"));
}

#[test]
fn a_question_that_says_something_twice_or_not_at_all_is_none() {
    let nginx = [("Host", "gw.test"), ("X-Original-URI", "/a"), ("X-Original-Method", "GET")];
    for missing in 0..nginx.len() {
        let some: Vec<_> = nginx.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, h)| *h).collect();
        assert_eq!(read(Dialect::Nginx, "/auth/nginx", &some), None, "without {}", nginx[missing].0);
    }
    for twice in nginx {
        let more = [&nginx[..], &[twice]].concat();
        assert_eq!(read(Dialect::Nginx, "/auth/nginx", &more), None, "{} twice", twice.0);
    }
    let forwarded = [("X-Forwarded-Host", "gw.test"), ("X-Forwarded-Uri", "/a"), ("X-Forwarded-Method", "GET")];
    for one in forwarded {
        let more = [&forwarded[..], &[one]].concat();
        assert_eq!(read(Dialect::Traefik, "/auth/traefik", &more), None, "{} twice", one.0);
    }
    assert_eq!(
        read(Dialect::Nginx, "/auth/nginx", &[("Host", "a"), ("X-Original-URI", "/"), ("X-Original-Method", "G T")]),
        None
    );
}

#[test]
fn a_proxy_is_believed_for_its_address_its_secret_or_both() {
    let net = |text: &str| text.parse::<IpNet>().expect("a network");
    let peer = |text: &str| text.parse().expect("an address");
    let (near, far) = (peer("10.0.0.7:4000"), peer("192.0.2.7:4000"));
    let secret = "a secret of thirty-two characters";
    let by_address = AuthorizerPolicy { trusted_proxies: vec![net("10.0.0.0/8")], ..AuthorizerPolicy::default() };
    let by_secret = AuthorizerPolicy { secret: Some(secret.into()), ..AuthorizerPolicy::default() };
    let by_both = AuthorizerPolicy { secret: Some(secret.into()), ..by_address.clone() };
    let (none, right) = (headers(&[]), headers(&[("X-Tollgate-Proxy-Secret", secret)]));
    let wrong = headers(&[("X-Tollgate-Proxy-Secret", "a secret of thirty-two character")]);
    let twice = headers(&[("X-Tollgate-Proxy-Secret", secret), ("X-Tollgate-Proxy-Secret", secret)]);
    for (policy, from, said, believed) in [
        (&by_address, near, &none, true),
        (&by_address, far, &none, false),
        (&by_address, far, &right, false),
        (&by_secret, far, &right, true),
        (&by_secret, near, &none, false),
        (&by_secret, near, &wrong, false),
        (&by_secret, near, &twice, false),
        (&by_both, near, &right, true),
        (&by_both, near, &none, false),
        (&by_both, far, &right, false),
        (&AuthorizerPolicy::default(), near, &right, false),
    ] {
        assert_eq!(trust::believes(policy, from, said), believed, "{policy:?} {from} {said:?}");
    }
    assert!(trust::believes(&by_address, peer("[::ffff:10.0.0.7]:4000"), &none), "one address, however it is written");
}

fn asked(headers: &[(&str, &str)], raw_body: &[u8]) -> HttpRequest {
    HttpRequest {
        method: "POST".into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        path: "/mcp/tools".into(),
        host: "gw.test".into(),
        protocol: "HTTP/1.1".into(),
        raw_body: raw_body.to_vec(),
        header_map: None,
    }
}

#[test]
fn what_envoy_says_of_a_body_is_what_is_read() {
    let kind = |headers: &[(&str, &str)], body: &[u8]| match grpc::read(asked(headers, body)).0 {
        Received::Whole(bytes) => format!("whole {}", bytes.len()),
        Received::Cut => "cut".to_owned(),
        Received::Unsent | Received::Unread => "unsent".to_owned(),
    };
    assert_eq!(kind(&[("x-envoy-auth-partial-body", "false")], b"{}"), "whole 2");
    assert_eq!(kind(&[("x-envoy-auth-partial-body", "true")], b"{}"), "cut");
    assert_eq!(kind(&[], b"{}"), "unsent");
    // What was packed as text may have been changed: a body that is there and not in bytes was not sent.
    assert_eq!(kind(&[("x-envoy-auth-partial-body", "false"), ("content-length", "2")], b""), "unsent");
}

#[test]
fn every_value_of_a_header_counts_where_envoy_tells_them_apart() {
    let value = |value: &str| HeaderText { key: "authorization".into(), value: String::new(), raw_value: value.into() };
    let listed = HeaderList { headers: vec![value("Bearer a"), value("Bearer b")] };
    let (_, original) = grpc::read(HttpRequest { header_map: Some(listed), ..asked(&[("accept", "*/*")], b"") });
    let headers = original.expect("a request").headers;
    assert_eq!(headers.get_all("authorization").iter().count(), 2);
    assert!(!headers.contains_key("accept"), "one of the two forms, never a mixture");
    let (_, original) = grpc::read(asked(&[(":path", "/evil"), (":authority", "evil"), ("host", "evil")], b""));
    assert_eq!(original.expect("a request").headers.get(HOST).map(HeaderValue::as_bytes), Some(&b"gw.test"[..]));
    assert!(grpc::read(asked(&[("no name", "x")], b"")).1.is_none());
    assert!(grpc::read(asked(&[("x", "a\nb")], b"")).1.is_none());
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    [&[0], &length[..], message].concat()
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes: Vec<u8>) {
        let _ = grpc::decode(&bytes);
        if let Some(http) = grpc::decode(&framed(&bytes)).and_then(|a| a.attributes?.request?.http) {
            let _ = grpc::read(http);
        }
    }

    #[test]
    fn a_message_is_taken_whole_or_not_at_all(cut in 1_usize..20) {
        let whole = framed(&CheckRequest::default().encode_to_vec());
        prop_assert!(grpc::decode(&whole).is_some());
        prop_assert!(grpc::decode(&[&whole[..], &vec![0; cut]].concat()).is_none());
        prop_assert!(grpc::decode(&whole[..whole.len().saturating_sub(cut)]).is_none());
    }
}
