//! The decision for proxies: the same as the gate's own, for whoever is believed, with everything on record.

use std::net::SocketAddr;

use bytes::Bytes;
use prost::Message as _;
use tollgate::record::AuditRecord;

use crate::harness::audit::{call, outcome, reason};
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Caller, Gateway, Setup, UPSTREAM_SECRET, http2};

const LISTEN: &str = "authorizer = \"127.0.0.1:0\"";
const QUERY: &str = "/prometheus/api/v1/query?query=up";
const SECRET: &str = "proxy-s3cret-of-more-than-24-characters";

async fn gateway(policy: &str) -> (Gateway, Conn, Conn) {
    let more =
        format!("[authorizer]\ndialects = [\"nginx\", \"traefik\", \"caddy\", \"envoy_http\", \"envoy_grpc\"]\n{policy}\n");
    let gw = Gateway::start_with(Setup { listen: LISTEN.to_owned(), more, ..Setup::default() }).await;
    let (gate, asks) = (Conn::open(gw.running.public).await, Conn::open(authorizer(&gw)).await);
    (gw, gate, asks)
}

async fn trusting() -> (Gateway, Conn, Conn) {
    gateway("trusted_proxies = [\"127.0.0.1/32\"]\nstrips_headers = true\nuses_target = true").await
}

fn authorizer(gw: &Gateway) -> SocketAddr {
    gw.running.authorizer.expect("an authorizer")
}

/// One original request.
#[derive(Clone)]
struct Row {
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, String)>,
}

fn row(method: &'static str, target: &'static str) -> Row {
    Row { method, target, headers: Vec::new() }
}

impl Row {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    fn plus(&self, request: Request) -> Request {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// To the gate itself.
    fn direct(&self) -> Request {
        self.plus(Request::new(self.method, self.target))
    }

    /// As nginx asks.
    fn nginx(&self) -> Request {
        let asked = Request::get("/auth/nginx").header("X-Original-URI", self.target).header("X-Original-Method", self.method);
        self.plus(asked)
    }

    /// As Traefik (and Caddy) ask: what the client says in these headers is replaced.
    fn forwarded(&self, path: &str) -> Request {
        let asked = Request::get(path).host("tollgate:9902").header("X-Forwarded-Host", "gw.test");
        self.plus(asked.header("X-Forwarded-Uri", self.target).header("X-Forwarded-Method", self.method))
    }

    /// As Envoy asks over HTTP.
    fn envoy(&self) -> Request {
        self.plus(Request::new(self.method, &format!("/auth/envoy{}", self.target)))
    }
}

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
    ];
    rows.extend(doubtful.into_iter().chain(encoded).map(|target| row("GET", target).bearer(me)));
    rows
}

/// Allowed, or the reason of the refusal.
fn verdict(response: &Response) -> String {
    match response.status {
        200 => "allowed".to_owned(),
        _ => response.header("x-tollgate-reason").unwrap_or("none").to_owned(),
    }
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
            let moves = ["/dash/api/", "%79", "%70", "access_token"].iter().any(|part| row.target.contains(part));
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
    assert_eq!(allowed, 13, "the table has both kinds");
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

/// What the last record says that the gate decided.
async fn gate_verdict(gw: &Gateway, name: &str, before: usize) -> String {
    if gw.upstream.count() > before {
        return "allowed".to_owned();
    }
    let last = gw.calls().await.pop();
    last.as_ref().map_or_else(|| panic!("{name} is not on record"), |record| reason(record).to_owned())
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
async fn nobody_is_believed_who_is_not_listed() {
    let (gw, _, mut asks) = gateway("trusted_proxies = [\"192.0.2.0/24\"]").await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let asked = row("GET", QUERY).bearer(&acme.token).with("X-Forwarded-For", "192.0.2.1").with("X-Real-IP", "192.0.2.1");
    for request in [asked.nginx(), asked.forwarded("/auth/traefik"), asked.forwarded("/auth/caddy"), asked.envoy()] {
        let response = asks.ask(&request).await;
        assert_eq!((response.status, verdict(&response).as_str()), (403, "proxy_not_trusted"), "{response:?}");
        let record = gw.record_of(&response).await;
        assert_eq!(record.origin.peer.map(|p| p.ip().to_string()).as_deref(), Some("127.0.0.1"), "not who it says it is");
    }
    assert_eq!(check(&gw, &asked).await.verdict(), "proxy_not_trusted");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_needed_where_there_is_one_and_goes_no_further() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("proxy.secret");
    std::fs::write(&file, SECRET).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let (gw, _, mut asks) = gateway(&format!("secret_file = \"{}\"", file.display())).await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let asked = row("GET", QUERY).bearer(&acme.token);
    assert_eq!(verdict(&asks.ask(&asked.nginx()).await), "proxy_not_trusted");
    let wrong = asked.nginx().header("X-Tollgate-Proxy-Secret", "proxy-s3cret-of-more-than-24-characterz");
    assert_eq!(verdict(&asks.ask(&wrong).await), "proxy_not_trusted");
    let right = asks.ask(&asked.nginx().header("X-Tollgate-Proxy-Secret", SECRET)).await;
    assert_eq!(verdict(&right), "allowed", "{right:?}");
    assert!(!format!("{right:?}{:?}", gw.calls().await).contains(SECRET));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_could_not_carry_out_is_refused() {
    let (gw, _, mut asks) = gateway("trusted_proxies = [\"127.0.0.1/32\"]").await;
    let acme = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let me = &acme.token;
    let query = || row("GET", QUERY).bearer(me);
    for (asked, expected) in [
        (query(), "allowed"),
        (query().with("X-Forwarded-Proto", "https"), "allowed"),
        (query().with("X-WEBAUTH-USER", "root"), "headers_not_removable"),
        (query().with("X_Scope_OrgID", "x"), "headers_not_removable"),
        (query().with("X-Tollgate-User", "x"), "headers_not_removable"),
        (query().with("X-HTTP-Method-Override", "DELETE"), "headers_not_removable"),
        (query().with("Connection", "X-Tollgate-User"), "headers_not_removable"),
        (row("GET", "/prometheus/api/v1/quer%79").bearer(me), "target_not_replaceable"),
        (row("GET", "/prometheus/api/v1/query?access_token=x").bearer(me), "target_not_replaceable"),
        (row("GET", "/dash/api/acme/dashboards/7").bearer(me), "target_not_replaceable"),
        (row("GET", "/shared/api/v1/query?query=up").bearer(me), "label_not_enforceable"),
        (row("POST", "/mcp/tools").bearer(me), "permission_missing"),
        (row("GET", "/mcp"), "no_token"),
        (row("GET", "/login"), "no_api"),
        (row("GET", "/oauth2/token"), "no_api"),
        (
            row("OPTIONS", QUERY).with("Origin", "https://app.test").with("Access-Control-Request-Method", "GET"),
            "preflight_not_decided",
        ),
    ] {
        let response = asks.ask(&asked.nginx()).await;
        assert_eq!(verdict(&response), expected, "{} {}: {response:?}", asked.method, asked.target);
    }
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_mode_lets_a_proxy_forward_what_came() {
    let dark = "[[apis]]\nname = \"dark\"\nmount = \"/dark\"\npack = \"prometheus\"\nupstream = \"metrics\"\nenforce = \"shadow\"\n\
                tenant = { mode = \"header\", name = \"X-Scope-OrgID\", value = \"{org.tenant}\" }\n\
                [[apis]]\nname = \"darkmcp\"\nmount = \"/mcp/dark\"\nkind = \"mcp\"\nupstream = \"plain\"\nenforce = \"shadow\"\n\
                tools = { echo = [], default = \"deny\" }\n";
    let policy = "trusted_proxies = [\"127.0.0.1/32\"]\nstrips_headers = true\nuses_target = true\nupstream_credentials = true";
    let (gw, _, mut asks) = gateway(&format!("{policy}\n{dark}")).await;
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
    let echo = "[[upstreams]]\nname = \"calls\"\nendpoints = [\"http://127.0.0.1:1\"]\nprotocol = \"http2\"\n\
                [[apis]]\nname = \"echo\"\nmount = \"/echo\"\nservices = [\"test.v1.Echo\"]\nupstream = \"calls\"\n\
                [[apis.routes]]\nid = \"echo.call\"\nmatch = \"/test.v1.Echo/{method}\"\nmethods = [\"POST\"]\nscopes = [\"metrics:read\"]\n";
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

/// `requirements/security.md` §3.1: what a client says about forwarding is never what is decided about.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_about_forwarding_is_not_what_is_asked() {
    let (gw, _, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let public = "/dash/health";
    let foreign = [
        ("nginx", vec!["X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Envoy-Original-Path"]),
        ("envoy", vec!["X-Original-URI", "X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Envoy-Original-Path"]),
        ("caddy", vec!["X-Original-URI", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Replaced-Path"]),
    ];
    for (dialect, names) in foreign {
        for name in names {
            let asked =
                row("GET", "/prometheus/api/v1/rules").bearer(&acme.token).with(name, public).with("X-Forwarded-Port", "1");
            let request = match dialect {
                "nginx" => asked.nginx(),
                "envoy" => asked.envoy(),
                _ => asked.forwarded("/auth/caddy"),
            };
            assert_eq!(verdict(&asks.ask(&request).await), "permission_missing", "{dialect} {name}");
        }
    }
    // A proxy that lets the client's own header through beside its own says it twice: nobody can tell which is true.
    for (request, name) in [
        (row("GET", QUERY).nginx(), "X-Original-URI"),
        (row("GET", QUERY).nginx(), "X-Original-Method"),
        (row("GET", QUERY).forwarded("/auth/traefik"), "X-Forwarded-Uri"),
        (row("GET", QUERY).forwarded("/auth/traefik"), "X-Forwarded-Method"),
        (row("GET", QUERY).forwarded("/auth/caddy"), "X-Forwarded-Host"),
    ] {
        let response = asks.ask(&request.bearer(&acme.token).header(name, public)).await;
        assert_eq!(verdict(&response), "question_malformed", "{name}");
    }
    let health_check = row("GET", QUERY).with("User-Agent", "GoogleHC/1.0").with("X-Forwarded-Host", "gw.test");
    assert_eq!(verdict(&asks.ask(&health_check.nginx()).await), "no_token", "no user agent opens anything");
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

/// Where the body may name an index of somebody else, it has to be there.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_names_indices_is_looked_through_or_not_let_pass() {
    let search = "[[apis]]\nname = \"search\"\nmount = \"/search\"\npack = \"opensearch\"\nupstream = \"plain\"\n\
                  tenant = { mode = \"index\", value = \"{org.slug}.\" }";
    let (gw, _, mut asks) = gateway(&format!("trusted_proxies = [\"127.0.0.1/32\"]\nstrips_headers = true\n{search}")).await;
    let acme = gw.open_caller("acme", &["admin"], "logs:read logs:write").await;
    let ask = |method, target| row(method, target).bearer(&acme.token).with("Content-Type", "application/json");
    let query = ask("POST", "/search/acme.logs/_search");
    let claims = |request: Request| request.header("X-Envoy-Auth-Partial-Body", "false");
    for unsent in [query.nginx(), query.envoy(), claims(query.envoy()), claims(ask("GET", "/search/acme.logs/_search").envoy())] {
        assert_eq!(verdict(&asks.ask(&unsent).await), "body_not_sent");
    }
    for (index, told) in [("acme.users", "allowed"), ("beta.users", "other_organization_index")] {
        let body = format!(r#"{{"query":{{"terms":{{"u":{{"index":"{index}","id":"1","path":"p"}}}}}}}}"#);
        assert_eq!(verdict(&asks.ask(&claims(query.envoy()).body(body)).await), told);
    }
    assert_eq!(verdict(&asks.ask(&ask("POST", "/search/acme.logs/_doc").nginx()).await), "allowed", "a document is a document");
    assert_eq!(verdict(&asks.ask(&ask("POST", "/search/beta.logs/_doc").nginx()).await), "other_organization_index");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_message_decides_when_it_is_sent() {
    let (gw, _, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["agent"], "mcp:tools:invoke metrics:read").await;
    let tool =
        |name: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}","arguments":{{}}}}}}"#);
    let post = row("POST", "/mcp/tools").bearer(&acme.token).with("Content-Type", "application/json");
    assert_eq!(verdict(&asks.ask(&post.nginx()).await), "body_not_sent");
    assert_eq!(verdict(&asks.ask(&post.envoy()).await), "body_not_sent");
    let sent = |name: &str, partial: &str| post.envoy().header("X-Envoy-Auth-Partial-Body", partial).body(tool(name));
    assert_eq!(verdict(&asks.ask(&sent("echo", "false")).await), "allowed");
    assert_eq!(verdict(&asks.ask(&sent("write-note", "false")).await), "insufficient_scope");
    assert_eq!(verdict(&asks.ask(&sent("forbidden", "false")).await), "target_denied");
    assert_eq!(verdict(&asks.ask(&sent("echo", "true")).await), "body_too_large");
    let claimed = asks.ask(&post.envoy().header("X-Envoy-Auth-Partial-Body", "false")).await;
    assert_eq!(verdict(&claimed), "body_not_sent", "a client says so where its proxy sends no bodies");
    let allowed = gw.calls().await;
    let tools: Vec<_> = allowed.iter().filter_map(tool_of).collect();
    assert_eq!(tools, ["echo", "write-note", "forbidden"]);
    gw.running.stop().await;
}

fn tool_of(record: &AuditRecord) -> Option<String> {
    call(record).mcp.as_ref()?.target.clone()
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

/// What a `Check` came to.
#[derive(Debug, Default)]
struct Checked {
    grpc: String,
    status: i32,
    reason: String,
    set: Vec<(String, String)>,
}

impl Checked {
    fn verdict(&self) -> String {
        if self.status == 0 && self.grpc == "0" { "allowed".to_owned() } else { self.reason.clone() }
    }
}

/// Calls `Authorization/Check` as Envoy does.
async fn check(gw: &Gateway, row: &Row) -> Checked {
    check_by(gw, row, "HTTP/1.1").await
}

async fn check_by(gw: &Gateway, row: &Row, protocol: &str) -> Checked {
    let header = |(name, value): &(&str, String)| wire::HeaderText {
        key: name.to_ascii_lowercase(),
        raw_value: value.clone().into_bytes(),
        ..wire::HeaderText::default()
    };
    let http = wire::HttpRequest {
        method: row.method.to_owned(),
        path: row.target.to_owned(),
        host: "gw.test".to_owned(),
        protocol: protocol.to_owned(),
        header_map: Some(wire::HeaderList { headers: row.headers.iter().map(header).collect() }),
    };
    let asked = wire::CheckRequest { attributes: Some(wire::Attributes { request: Some(wire::Asked { http: Some(http) }) }) };
    let message = asked.encode_to_vec();
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    let frame = Bytes::from([&[0], &length[..], &message].concat());
    let mut conn = http2::Conn::open(authorizer(gw)).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let request = http2::request("POST", "/envoy.service.auth.v3.Authorization/Check", &headers);
    let (head, mut body) = conn.start(request, Some(frame)).await.expect("an answer");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/grpc")));
    let mut bytes = Vec::new();
    while let Some(data) = http2::data(&mut body).await {
        bytes.extend_from_slice(&data.expect("a frame"));
    }
    let trailers = body.trailers().await.expect("an end");
    let grpc = trailers.and_then(|t| t.get("grpc-status").cloned());
    let grpc =
        grpc.map_or_else(|| head.header("grpc-status").unwrap_or("none").to_owned(), |s| s.to_str().expect("text").to_owned());
    let Some(message) = bytes.get(5..) else { return Checked { grpc, ..Checked::default() } };
    let response = wire::CheckResponse::decode(message).expect("a response");
    let texts = |headers: Vec<wire::HeaderOption>| {
        headers.into_iter().filter_map(|h| h.header).map(|h| (h.key, h.value)).collect::<Vec<_>>()
    };
    match response.http_response {
        Some(wire::Answer::Denied(denied)) => {
            let set = texts(denied.headers);
            let reason = set.iter().find(|(n, _)| n == "x-tollgate-reason").map(|(_, v)| v.clone()).unwrap_or_default();
            assert_ne!(response.status.map(|s| s.code), Some(0), "a refusal is no success");
            Checked { grpc, status: denied.status.map_or(0, |s| s.code), reason, set }
        }
        Some(wire::Answer::Ok(ok)) => {
            for name in ["authorization", "cookie"] {
                assert!(ok.headers_to_remove.iter().any(|n| n == name), "{name} in {:?}", ok.headers_to_remove);
            }
            Checked { grpc, set: texts(ok.headers), ..Checked::default() }
        }
        None => panic!("neither allowed nor denied"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_is_told_the_path_that_the_upstream_receives() {
    let (gw, ..) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let checked = check(&gw, &row("GET", "/prometheus/api/v1/quer%79?query=up&access_token=x").bearer(&acme.token)).await;
    let said = |name: &str| checked.set.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
    assert_eq!((checked.verdict().as_str(), said(":path")), ("allowed", vec!["/base/api/v1/query?query=up"]));
    assert_eq!((said("x-scope-orgid"), said("authorization")), (vec!["tenant-acme"], vec![]));
    let mut conn = http2::Conn::open(authorizer(&gw)).await;
    let request = http2::request("POST", "/envoy.service.auth.v3.Authorization/Check", &[("content-type", "application/grpc")]);
    let (_, mut body) = conn.start(request, Some(Bytes::from_static(b"\0\0\0\0\x03abc"))).await.expect("an answer");
    let answer = http2::data(&mut body).await.expect("a message").expect("a frame");
    assert!(answer.windows(18).any(|w| w == b"question_malformed"), "{answer:?}");
    gw.running.stop().await;
}

/// The messages as Envoy's own definitions have them, as far as they are used here.
mod wire {
    use prost::{Message, Oneof};

    #[derive(Clone, PartialEq, Message)]
    pub struct CheckRequest {
        #[prost(message, optional, tag = "1")]
        pub attributes: Option<Attributes>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Attributes {
        #[prost(message, optional, tag = "4")]
        pub request: Option<Asked>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Asked {
        #[prost(message, optional, tag = "2")]
        pub http: Option<HttpRequest>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HttpRequest {
        #[prost(string, tag = "2")]
        pub method: String,
        #[prost(string, tag = "4")]
        pub path: String,
        #[prost(string, tag = "5")]
        pub host: String,
        #[prost(string, tag = "10")]
        pub protocol: String,
        #[prost(message, optional, tag = "13")]
        pub header_map: Option<HeaderList>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HeaderList {
        #[prost(message, repeated, tag = "1")]
        pub headers: Vec<HeaderText>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HeaderText {
        #[prost(string, tag = "1")]
        pub key: String,
        #[prost(string, tag = "2")]
        pub value: String,
        #[prost(bytes = "vec", tag = "3")]
        pub raw_value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct CheckResponse {
        #[prost(message, optional, tag = "1")]
        pub status: Option<Code>,
        #[prost(oneof = "Answer", tags = "2, 3")]
        pub http_response: Option<Answer>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Code {
        #[prost(int32, tag = "1")]
        pub code: i32,
    }
    #[derive(Clone, PartialEq, Oneof)]
    pub enum Answer {
        #[prost(message, tag = "2")]
        Denied(Denied),
        #[prost(message, tag = "3")]
        Ok(Allowed),
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Denied {
        #[prost(message, optional, tag = "1")]
        pub status: Option<Code>,
        #[prost(message, repeated, tag = "2")]
        pub headers: Vec<HeaderOption>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Allowed {
        #[prost(message, repeated, tag = "2")]
        pub headers: Vec<HeaderOption>,
        #[prost(string, repeated, tag = "5")]
        pub headers_to_remove: Vec<String>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HeaderOption {
        #[prost(message, optional, tag = "1")]
        pub header: Option<HeaderText>,
    }
}
