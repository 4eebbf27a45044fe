//! Whatever a client writes: the request that was authorized is the one that the upstream receives.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use crate::harness::Gateway;
use crate::harness::audit::call;
use crate::harness::http1::{Conn, Request};

/// Pieces that parsers read differently, and plain ones.
fn piece() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "%2e", "%2F", "%25", "%252f", "%00", "%C3%A9", "%c3", "..", ".", ";", "\\", "%5C", "@", ":", "+", "%20", "%", "~", "!",
        "*", "'", "(", ",", "=", "&", "$", "|", "\"", "<", "{", "^", "`", "\u{e9}",
    ]);
    prop_oneof![3 => "[a-zA-Z0-9_-]{1,6}", 2 => odd.prop_map(str::to_owned)]
}

fn segment() -> impl Strategy<Value = String> {
    vec(piece(), 0..4).prop_map(|pieces| pieces.concat())
}

fn target() -> impl Strategy<Value = String> {
    let query = proptest::option::of(vec(prop_oneof![piece(), Just("?".to_owned()), Just("/".to_owned())], 0..5));
    (vec(segment(), 0..4), query).prop_map(|(segments, query)| {
        let path = segments.iter().fold(String::new(), |path, segment| path + "/" + segment);
        format!("/open{path}{}", query.map(|q| format!("?{}", q.concat())).unwrap_or_default())
    })
}

fn header() -> impl Strategy<Value = (&'static str, &'static str)> {
    select(vec![
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-Prefix", "/admin"),
        ("X-Forwarded-Host", "evil.test"),
        ("X_Scope_OrgID", "evil"),
        ("X.Scope.OrgID", "evil"),
        ("Authorization", "Bearer evil"),
        ("Cookie", "a=evil"),
        ("Connection", "X-Custom"),
        ("X-Custom", "fine"),
        ("Forwarded", "host=evil.test"),
    ])
}

/// Characters that never tell anything but themselves, and case of hex digits: what canonical form may change.
fn canonical(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let byte = u8::from_str_radix(&rest[at + 1..at + 3], 16).expect("an accepted escape");
        match char::from(byte) {
            c if c.is_ascii_alphanumeric() || "-._~".contains(c) => out.push(c),
            _ => out = format!("{out}%{byte:02X}"),
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    out
}

#[test]
fn what_was_authorized_is_what_the_upstream_receives() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let gw = runtime.block_on(Gateway::start());
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let method = select(vec!["GET", "POST", "PUT", "DELETE", "PATCH"]);
    let all = (method, target(), vec(header(), 0..4));
    let passed = std::cell::Cell::new(0);
    let outcome = runner.run(&all, |(method, target, headers)| {
        gw.advance(1);
        let before = gw.upstream.count();
        let request = Request::new(method, &target);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value)).body("");
        let response = runtime.block_on(async { Conn::open(gw.running.public).await.ask(&request).await });
        let seen = gw.upstream.seen();
        if response.status != 200 {
            prop_assert!((400..500).contains(&response.status), "{response:?}");
            prop_assert_eq!(seen.len(), before, "refused and forwarded");
            return Ok(());
        }
        passed.set(passed.get() + 1);
        prop_assert_eq!(seen.len(), before + 1);
        let seen = seen.last().expect("a request");
        let received = seen.target();
        let (path, query) = received.split_once('?').map_or((received.as_str(), None), |(p, q)| (p, Some(q)));
        let record = runtime.block_on(gw.record_of(&response));
        let authorized = call(&record);
        prop_assert_eq!(&authorized.method, &seen.method());
        let below = authorized.path.strip_prefix("/open").expect("the mount");
        prop_assert_eq!(if below.is_empty() { "/" } else { below }, path);
        let (sent_path, sent_query) = target.split_once('?').map_or((target.as_str(), None), |(p, q)| (p, Some(q)));
        prop_assert_eq!(canonical(sent_path), canonical(&authorized.path));
        // What no library takes for a query is escaped on its way in.
        let sent_query = sent_query.map(|q| q.replace('"', "%22").replace('<', "%3C"));
        prop_assert_eq!(sent_query.as_deref(), query, "a query passes byte for byte");
        prop_assert!(!seen.text().contains("evil"), "{}", seen.text());
        prop_assert!(!seen.text().contains("admin"), "{}", seen.text());
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    assert!(passed.get() > 20, "only {} requests passed: the property says nothing", passed.get());
    runtime.block_on(gw.running.stop());
}
