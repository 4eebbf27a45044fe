//! Every way to ask comes to the same decision.

use super::envoy::{check, check_by};
use super::{LISTEN, QUERY, Row, authorizer, gateway, row, trusting, verdict};
use crate::harness::api::{HTTP2, READERS};
use crate::harness::audit::{call, outcome, reason};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Api, Caller, Gateway, Setup, UPSTREAM_SECRET};

/// The decision table: who asks for what.
fn table(acme: &Caller, other: &Caller, poor: &str) -> Vec<Row> {
    let me = &acme.token;
    let mut rows = vec![
        row("GET", QUERY).bearer(me),
        row("GET", QUERY).bearer(&other.token),
        row("GET", QUERY),
        row("GET", QUERY).bearer("AAAA.BBBB.CCCC"),
        row("GET", QUERY).with("Authorization", "Basic YTpi"),
        row("GET", "/prometheus/api/v1/rules").bearer(me),
        row("GET", QUERY).bearer(poor),
        row("DELETE", QUERY).bearer(me),
        row("GET", "/prometheus/-/quit").bearer(me),
        row("GET", "/prometheus").bearer(me),
        row("POST", "/prometheus/api/v1/admin/tsdb/delete_series").bearer(me),
        row("GET", QUERY).bearer(me).with("X-Scope-OrgID", "tenant-acme"),
        row("GET", QUERY).bearer(me).with("X-Scope-OrgID", "tenant-evil"),
        row("GET", "/prometheus/api/v1/query?query=up&tenant=evil").bearer(me),
        row("GET", "/dash/api/acme/dashboards/7").bearer(me),
        row("GET", "/dash/api/evil/dashboards/7").bearer(me),
        row("GET", "/dash/health"),
        row("GET", "/open/anything"),
        row("GET", "/dash/api/folders/a%2Fb").bearer(me),
        row("GET", "/prometheus/api/v1/query?query=up&access_token=x").bearer(me),
        row("TRACE", QUERY).bearer(me),
        row("GET", QUERY).bearer(me).bearer(me),
        row("GET", QUERY).bearer(me).with("X-HTTP-Method-Override", "DELETE"),
        row("GET", QUERY).bearer(me).with("X-WEBAUTH-USER", "root").with("X_Scope_OrgID", "tenant-evil"),
        row("GET", QUERY).bearer(me).with("Connection", "X-Scope-OrgID"),
    ];
    let doubtful = [
        "//prometheus/api/v1/query",
        "/prometheus//api/v1/query",
        "/prometheus/../prometheus/api/v1/query",
        "/prometheus/./api/v1/query",
    ];
    let encoded = [
        "/prometheus/%2e%2e/prometheus/api/v1/query",
        "/prometheus/api%2Fv1/query",
        "/prometheus/api/v1/query%252e",
        "/prometheus/api/v1/query;x",
        "/prometheus/api/v1/query%00",
        "/prometheus/%zz",
        "/prometheus/api/v1/quer%79",
        "/%70rometheus/api/v1/query",
        "/prometheus/api/v1/query?query=up{job=\"x\"}",
        "/prometheus/api/v1/query?query=up>0",
        "/prometheus/api/v1/query?query=up<0",
    ];
    rows.extend(doubtful.into_iter().chain(encoded).map(|target| row("GET", target).bearer(me)));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_decides_as_the_gate_does() {
    let (gw, mut gate, _) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let other = gw.caller("rival", &["reader"], "metrics:read").await;
    let elsewhere = gw.token(&acme.grant, "metrics:read", &["https://gw.test/dash"]);
    let mut allowed = 0;
    for row in table(&acme, &other, &elsewhere) {
        let name = format!("{} {} {:?}", row.method, row.target, row.headers.iter().map(|(n, _)| *n).collect::<Vec<_>>());
        gw.advance(1);
        let before = gw.upstream.count();
        gate = reopened(&gw, gate, row.direct(), &name).await;
        let direct = gate_verdict(&gw, &name, before).await;
        allowed += usize::from(direct == "allowed");
        let doors =
            [("nginx", row.nginx()), ("caddy", row.forwarded("/auth/caddy")), ("traefik", row.forwarded("/auth/traefik"))];
        for (dialect, request) in doors {
            let mut asks = Conn::open(authorizer(&gw)).await;
            let response = asks.ask(&request).await;
            // These can't be told another path.
            let moves = ["/dash/api/", "%79", "%70", "access_token", "\"", "<", ">"].iter().any(|part| row.target.contains(part));
            let expected = if dialect != "nginx" && moves && direct == "allowed" { "target_not_replaceable" } else { &direct };
            assert_eq!(verdict(&response), expected, "{dialect}: {name}: {response:?}");
            let status = response.status;
            assert!(dialect != "nginx" || [200, 401, 403].contains(&status), "nginx knows no {status}");
        }
        let through_grpc = check(&gw, &row).await;
        assert_eq!(through_grpc.verdict(), direct, "envoy_grpc: {name}: {through_grpc:?}");
        let unheard = gw.upstream.count();
        assert_eq!(unheard, before + usize::from(direct == "allowed"), "{name}: whoever asks reaches no upstream");
    }
    assert_eq!(allowed, 16, "the table has both kinds");
    gw.running.stop().await;
}

/// Asks the gate on a connection of its own, since many refusals end it.
async fn reopened(gw: &Gateway, conn: Conn, request: Request, name: &str) -> Conn {
    drop(conn);
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&request.bytes()).await;
    let _ = crate::harness::within(name, conn.try_response()).await;
    conn
}

/// What the record of this second says that the gate decided: a client may have its answer a moment before its record has ended.
async fn gate_verdict(gw: &Gateway, name: &str, before: usize) -> String {
    if gw.upstream.count() > before {
        return "allowed".to_owned();
    }
    let now = gw.running.node.now();
    crate::harness::within(name, async {
        loop {
            if let Some(record) = gw.calls().await.pop().filter(|record| record.time == now) {
                return reason(&record).to_owned();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_request_comes_with_what_its_upstream_must_be_told() {
    let (gw, _, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let asked = row("GET", QUERY).bearer(&acme.token).with("X-Forwarded-For", "203.0.113.9").with("User-Agent", "curl/8");
    let response = asks.ask(&asked.nginx()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let said = |name: &str| response.header(name).unwrap_or_else(|| panic!("no {name} in {response:?}")).to_owned();
    assert_eq!(said("x-scope-orgid"), "tenant-acme");
    assert_eq!(said("x-tollgate-target"), "/base/api/v1/query?query=up");
    assert_eq!(said("x-tollgate-user"), acme.user.id.as_str());
    assert_eq!(said("x-tollgate-organization"), "acme");
    assert_eq!(said("x-tollgate-client"), acme.client.id.as_str());
    assert_eq!(said("x-tollgate-grant"), acme.grant.id.as_str());
    assert_eq!(said("x-tollgate-scopes"), "dash:read metrics:read");
    assert_eq!((said("x-tollgate-api"), said("x-forwarded-for")), ("prometheus".to_owned(), "203.0.113.9".to_owned()));
    assert_eq!(response.header("authorization"), None, "the upstream's credential is not asked for");
    let record = gw.record_of(&response).await;
    assert_eq!((reason(&record), outcome(&record).as_str()), ("allowed", "unknown"));
    let forwarder = call(&record).forwarder.clone().expect("who forwards");
    assert_eq!((forwarder.peer.ip().to_string().as_str(), forwarder.dialect.as_str()), ("127.0.0.1", "nginx"));
    assert_eq!(record.origin.peer.map(|p| p.ip().to_string()).as_deref(), Some("203.0.113.9"));
    assert_eq!((record.org.as_ref(), call(&record).path.as_str()), (Some(&acme.org.id), "/prometheus/api/v1/query"));
    let moved = asks.ask(&row("GET", "/dash/api/acme/dashboards/7").bearer(&acme.token).nginx()).await;
    assert_eq!(moved.header("x-tollgate-target"), Some("/o/tenant-acme/api/acme/dashboards/7"));
    let asked = asks.ask(&row("GET", "/prometheus/api/v1/query?query=up{job=\"x\"}>0").bearer(&acme.token).nginx()).await;
    let escaped = "/base/api/v1/query?query=up{job=%22x%22}%3E0";
    assert_eq!((asked.status, asked.header("x-tollgate-target")), (200, Some(escaped)), "one form, which can be forwarded");
    let open = asks.ask(&row("GET", "/open/x").nginx()).await;
    assert_eq!((open.status, open.header("x-tollgate-user")), (200, None), "nobody is nobody");
    let envoy = asks.ask(&row("GET", QUERY).bearer(&acme.token).with("X-WEBAUTH-USER", "root").envoy()).await;
    let remove = envoy.header("x-envoy-auth-headers-to-remove").expect("what Envoy removes").to_owned();
    for name in ["authorization", "cookie", "dpop", "proxy-authorization", "x-webauth-user"] {
        assert!(remove.split(',').any(|n| n == name), "{name} in {remove}");
    }
    assert!(!remove.contains("x-scope-orgid"), "what is set is not removed: {remove}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_upstreams_are_given_where_the_operator_says_so() {
    let (gw, _, mut asks) = gateway("trusted_proxies = [\"127.0.0.1/32\"]\nupstream_credentials = true").await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let response = asks.ask(&row("GET", QUERY).bearer(&acme.token).nginx()).await;
    assert_eq!((response.status, response.header("authorization")), (200, Some(UPSTREAM_SECRET)));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_the_gate_would_say() {
    let (gw, mut gate, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["reader", "operator"], "metrics:read").await;
    for (asked, status) in [
        (row("GET", QUERY), 401),
        (row("GET", "/prometheus/api/v1/rules").bearer(&acme.token), 403),
        (row("GET", "/prometheus/nothing").bearer(&acme.token), 404),
    ] {
        let direct = gate.ask(&asked.direct()).await;
        assert_eq!(direct.status, status);
        for request in [asked.nginx(), asked.forwarded("/auth/traefik"), asked.envoy()] {
            let answer = asks.ask(&request).await;
            assert_eq!(answer.header("www-authenticate"), direct.header("www-authenticate"), "{answer:?}");
            assert_eq!(answer.header("x-tollgate-status"), Some(status.to_string().as_str()));
            assert_eq!(answer.reason(), direct.reason(), "{answer:?}");
            let record = gw.record_of(&answer).await;
            assert_eq!(Some(reason(&record).to_owned()), direct.reason());
            assert!(call(&record).forwarder.is_some());
        }
        assert_eq!(asks.ask(&asked.forwarded("/auth/traefik")).await.status, status, "Traefik passes on what it gets");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_mode_lets_a_proxy_forward_what_came() {
    let dark = Api::named("dark").behind("metrics").pack("prometheus").keys("enforce = \"shadow\"");
    let dark = dark.keys(r#"tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.tenant}" }"#);
    let tools = Api::mcp("darkmcp").mount("/mcp/dark").keys("enforce = \"shadow\"");
    let tools = tools.keys("tools = { echo = [], default = \"deny\" }");
    let policy = "trusted_proxies = [\"127.0.0.1/32\"]\nstrips_headers = true\nuses_target = true\nupstream_credentials = true";
    let (gw, _, mut asks) = gateway(&format!("{policy}\n{dark}{tools}")).await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = || row("GET", "/dark/api/v1/query");
    let unknown =
        query().with("Authorization", "Basic dXNlcjpwdw==").with("Cookie", "sid=1; tollgate=x").with("X-Scope-OrgID", "theirs");
    let passed = asks.ask(&unknown.nginx()).await;
    assert_eq!((passed.status, passed.header("authorization")), (200, Some("Basic dXNlcjpwdw==")), "{passed:?}");
    assert_eq!((passed.header("cookie"), passed.header("x-scope-orgid")), (Some("sid=1"), Some("theirs")));
    assert_eq!((passed.header("x-tollgate-target"), passed.header("x-tollgate-api")), (Some("/base/api/v1/query"), None));
    let record = gw.record_of(&passed).await;
    assert_eq!(call(&record).would_deny.as_ref().map(|w| w.reason.as_str()), Some("no_token"));
    let ours = asks.ask(&row("GET", "/dark/nothing").bearer(&acme.token).with("X-WEBAUTH-USER", "root").envoy()).await;
    let remove = ours.header("x-envoy-auth-headers-to-remove").expect("what Envoy removes").to_owned();
    assert_eq!((ours.status, remove.as_str()), (200, "authorization,x-webauth-user"), "our token goes no further");
    let known = asks.ask(&query().bearer(&acme.token).nginx()).await;
    assert_eq!((known.header("x-scope-orgid"), known.header("authorization")), (Some("tenant-acme"), Some(UPSTREAM_SECRET)));
    let agent = gw.open_caller("beta", &["admin"], "mcp:darkmcp:invoke").await;
    let unread = asks.ask(&row("POST", "/mcp/dark").bearer(&agent.token).with("Content-Type", "application/json").nginx()).await;
    assert_eq!(unread.status, 200, "{unread:?}");
    let record = gw.record_of(&unread).await;
    assert_eq!(call(&record).would_deny.as_ref().map(|w| w.reason.as_str()), Some("body_not_sent"));
    let twice = asks.ask(&row("GET", "/dark/../x").nginx()).await;
    assert_eq!(verdict(&twice), "dot_segment", "what means two things is refused all the same");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_decided_as_one_where_envoy_says_how_it_came() {
    let echo = Api::named("echo").at("127.0.0.1:1", HTTP2).keys("services = [\"test.v1.Echo\"]");
    let echo = echo.route("call", "POST", "/test.v1.Echo/{method}", READERS);
    let (gw, ..) = gateway(&format!("trusted_proxies = [\"127.0.0.1/32\"]\n{echo}")).await;
    let acme = gw.open_caller("acme", &["reader"], "metrics:read").await;
    let called = row("POST", "/test.v1.Echo/Call").with("Content-Type", "application/grpc").with("TE", "trailers");
    let bearer = called.clone().bearer(&acme.token);
    for (row, protocol, expected) in [
        (&bearer, "HTTP/2", (0, "allowed")),
        (&bearer, "HTTP/1.1", (505, "http2_required")),
        (&called, "HTTP/2", (401, "no_token")),
    ] {
        let checked = check_by(&gw, row, protocol).await;
        assert_eq!((checked.status, checked.verdict().as_str()), expected, "{protocol}: {checked:?}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_counts_from_the_next_question() {
    let (gw, _, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let asked = row("GET", QUERY).bearer(&acme.token);
    assert_eq!(verdict(&asks.ask(&asked.nginx()).await), "allowed");
    assert_eq!(check(&gw, &asked).await.verdict(), "allowed");
    gw.member(&acme.org, &acme.user, &[]).await;
    assert_eq!(verdict(&asks.ask(&asked.nginx()).await), "permission_missing");
    gw.member(&acme.org, &acme.user, &["reader"]).await;
    gw.revoke(&acme.grant).await;
    for request in [asked.nginx(), asked.forwarded("/auth/traefik"), asked.envoy()] {
        assert_eq!(asks.ask(&request).await.status, 401);
    }
    assert_eq!(check(&gw, &asked).await.status, 401);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_count_callers_at_every_door() {
    let (gw, mut gate, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let asked = row("GET", "/tight/rate").bearer(&acme.token);
    assert_eq!(gate.ask(&asked.direct()).await.status, 200);
    assert_eq!(verdict(&asks.ask(&asked.nginx()).await), "allowed");
    let third = asks.ask(&asked.forwarded("/auth/traefik")).await;
    assert_eq!((third.status, verdict(&third).as_str()), (429, "rate_limited"));
    assert!(third.header("retry-after").is_some());
    assert_eq!(check(&gw, &asked).await.verdict(), "rate_limited");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_dialects_are_spoken() {
    let more = "[authorizer]\ndialects = [\"nginx\"]\ntrusted_proxies = [\"127.0.0.1/32\"]\n".to_owned();
    let gw = Gateway::start_with(Setup { listen: LISTEN.to_owned(), more, ..Setup::default() }).await;
    let mut asks = Conn::open(authorizer(&gw)).await;
    let asked = row("GET", "/open/x");
    assert_eq!(asks.ask(&asked.nginx()).await.status, 200);
    for request in [asked.forwarded("/auth/traefik"), asked.forwarded("/auth/caddy"), asked.envoy(), Request::get("/open/x")] {
        assert_eq!(asks.ask(&request).await.status, 404);
    }
    assert_eq!(check(&gw, &asked).await.grpc, "12", "unimplemented");
    gw.running.stop().await;
    let without = Gateway::start().await;
    assert_eq!(without.running.authorizer, None);
    without.running.stop().await;
}
