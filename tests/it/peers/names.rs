//! What a client says of itself, of the way to here, and of what it asks for, beside the one place where that counts.

use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Gateway, UPSTREAM_SECRET};

use super::QUERY;

/// How proxies tell servers what was asked of them, by whom, and how it came (Traefik CVE-2026-39858, oauth2-proxy CVE-2026-40575).
const TOLD: [&str; 24] = [
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Scheme",
    "X-Forwarded-Path",
    "Forwarded",
    "X-Real-IP",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Method",
    "X-Original-Host",
    "X-Rewrite-URL",
    "X-Envoy-Original-Path",
    "X-Envoy-External-Address",
    "X-Envoy-Internal",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_proxies_say_is_nobody_elses_to_say_however_it_is_spelt() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let spellings: [fn(&str) -> String; 6] = [
        str::to_owned,
        str::to_lowercase,
        str::to_uppercase,
        |name| name.replace('-', "_"),
        |name| name.replace('-', "."),
        |name| name.replace('-', "~"),
    ];
    let mut conn = Conn::open(gw.running.public).await;
    for spelt in spellings {
        for request in [Request::get("/open/x"), Request::get(QUERY).bearer(&caller.token)] {
            let with =
                |request: Request, name: &str| request.header(&spelt(name), "spoofed").header(&spelt(name), "spoofed twice");
            let answer = conn.ask(&TOLD.iter().fold(request, |request, name| with(request, name))).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", spelt("X-Forwarded-For"));
            let seen = gw.upstream.last();
            assert!(!seen.text().contains("spoofed"), "{}", seen.text());
            assert_eq!(seen.values("x-forwarded-for"), ["127.0.0.1"], "{}", seen.text());
        }
    }
    gw.running.stop().await;
}

/// `Connection` names what may not go on, and headers that the gate puts in are not the client's to name (Traefik CVE-2024-45410 and,
/// by their case, CVE-2026-29054).
#[tokio::test(flavor = "multi_thread")]
async fn connection_takes_nothing_away_that_the_gate_puts_in() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let ours = ["X-Scope-OrgID", "Authorization", "X-Request-Id", "Traceparent", "X-Forwarded-For", "X-Forwarded-Host", "Host"];
    for name in ours {
        for spelt in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let before = gw.upstream.count();
            let request = Request::get(QUERY).bearer(&caller.token).header("Connection", &spelt);
            let answer = ask(gw.running.public, &request).await;
            if answer.status != 200 {
                assert_eq!((answer.status, answer.reason().as_deref()), (400, Some("connection_nomination")), "{spelt}");
                assert_eq!(gw.upstream.count(), before, "{spelt}");
                continue;
            }
            let seen = gw.upstream.last();
            for ours in ours {
                assert_eq!(seen.values(&ours.to_lowercase()).len(), 1, "{spelt}: {ours} in {}", seen.text());
            }
            assert_eq!(
                (seen.header("x-scope-orgid"), seen.header("authorization")),
                ("tenant-acme".into(), UPSTREAM_SECRET.into())
            );
            assert_eq!((seen.header("x-forwarded-for"), seen.header("x-forwarded-host")), ("127.0.0.1".into(), "gw.test".into()));
        }
    }
    gw.running.stop().await;
}

/// Public routes that are found by anything but the path as it was parsed (oauth2-proxy CVE-2025-54576, CVE-2026-41059, -40575, -34457).
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_path_opens_a_route() {
    let gw = Gateway::start().await;
    let mut conn = Conn::open(gw.running.public).await;
    for target in [
        format!("{QUERY}?/open/x"),
        format!("{QUERY}?path=/open/x"),
        format!("{QUERY}?_method=OPTIONS"),
        format!("{QUERY}?/../../../open/x"),
    ] {
        assert_eq!(conn.ask(&Request::get(&target)).await.status, 401, "{target}");
    }
    for (name, value) in [
        ("X-Forwarded-Uri", "/open/x"),
        ("X-Original-URL", "/open/x"),
        ("X-Original-URI", "/open/x"),
        ("X-Rewrite-URL", "/open/x"),
        ("X-Envoy-Original-Path", "/open/x"),
        ("X-Forwarded-Prefix", "/open"),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", "acme.apps.test"),
        ("X-Forwarded-User", "root"),
        ("User-Agent", "kube-probe/1.31"),
        ("User-Agent", "GoogleHC/1.0"),
        ("User-Agent", "ELB-HealthChecker/2.0"),
        ("User-Agent", "Consul Health Check"),
    ] {
        gw.advance(1);
        let answer = conn.ask(&Request::get(QUERY).header(name, value)).await;
        assert_eq!((answer.status, answer.reason().as_deref()), (401, Some("no_token")), "{name}: {value}");
    }
    // Paths have their case, hosts have none (Caddy CVE-2026-27587, -27588).
    for target in ["/OPEN/x", "/Open/x", "/PROMETHEUS/api/v1/query"] {
        assert_eq!(conn.ask(&Request::get(target)).await.status, 404, "{target}");
    }
    assert_eq!(gw.upstream.count(), 0);
    assert_eq!(conn.ask(&Request::get("/open/x").host("Gw.TEST")).await.status, 200);
    gw.running.stop().await;
}

/// Policy that looks at the first of several values, where the upstream looks at the last (Envoy CVE-2026-26308).
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_decides_is_said_twice() {
    let gw = Gateway::start().await;
    for name in [
        "Content-Type",
        "Content-Encoding",
        "Origin",
        "DPoP",
        "Expect",
        "MCP-Protocol-Version",
        "Mcp-Session-Id",
        "Mcp-Method",
        "Mcp-Name",
        "Sec-Fetch-Site",
    ] {
        for second in [name.to_owned(), name.to_uppercase()] {
            for values in [("a", "b"), ("a", "a")] {
                gw.advance(1);
                let request = Request::new("POST", "/open/x").header(name, values.0).header(&second, values.1).body("");
                let answer = ask(gw.running.public, &request).await;
                assert_eq!((answer.status, answer.reason().as_deref()), (400, Some("header_repeated")), "{name}, {second}");
            }
        }
    }
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}
