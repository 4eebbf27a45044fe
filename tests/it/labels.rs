//! One upstream for all organizations: whatever is asked, only the caller's own label is asked for.

use bytes::Bytes;
use tollgate::admin::{Administration as _, GrantChange, Local};

use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Api, Caller, Gateway, Setup, http2, within};

const FORM: &str = "application/x-www-form-urlencoded";
const SCOPES: &str = "metrics:read metrics:write rules:read alerts:read";

async fn operator() -> (Gateway, Caller, Conn) {
    let gw = Gateway::start().await;
    let caller = gw.open_caller("acme", &["operator"], SCOPES).await;
    let conn = Conn::open(gw.running.public).await;
    (gw, caller, conn)
}

fn decoded(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_reach_the_upstream_narrowed() {
    let (gw, caller, mut conn) = operator().await;
    let sum = r#"sum(rate(up{job="x",tenant="tenant-acme"}[5m]))"#;
    let query = "query=sum(rate(up%7Bjob%3D%22x%22%7D%5B5m%5D))";
    let response = conn.ask(&Request::get(&format!("/shared/api/v1/query?{query}&time=1")).bearer(&caller.token)).await;
    assert_eq!(response.status, 200, "{response:?}");
    let target = gw.upstream.last().target();
    let (path, sent) = target.split_once('?').expect("a query");
    assert_eq!((path, decoded(sent)), ("/api/v1/query", vec![pair("query", sum), pair("time", "1")]));

    let post = |body: &str| {
        Request::new("POST", "/shared/api/v1/query?time=1").bearer(&caller.token).header("Content-Type", FORM).body(body)
    };
    let long = format!("query=up%7Bjob%3D~%22{}%22%7D", "x".repeat(20_000));
    for body in [query, &long, "query=up"] {
        let response = conn.ask(&post(body)).await;
        assert_eq!(response.status, 200, "{response:?}");
        let seen = gw.upstream.last();
        assert_eq!(seen.header("content-length"), seen.body.len().to_string());
        let form = String::from_utf8(seen.body).expect("a form");
        assert_eq!(form.matches("tenant%3D%22tenant-acme%22").count(), 1, "{form}");
    }
    let chunked = Request::new("POST", "/shared/api/v1/query")
        .bearer(&caller.token)
        .header("Content-Type", FORM)
        .chunked(query.as_bytes(), 7);
    assert_eq!(conn.ask(&chunked).await.status, 200);
    let seen = gw.upstream.last();
    assert!(seen.values("transfer-encoding").is_empty(), "{}", seen.text());
    assert_eq!(decoded(&String::from_utf8_lossy(&seen.body)), [pair("query", sum)]);

    let series = conn.ask(&Request::get("/shared/api/v1/label/job/values").bearer(&caller.token)).await;
    assert_eq!(series.status, 200);
    assert_eq!(
        decoded(gw.upstream.last().target().split_once('?').expect("a query").1),
        [pair("match[]", r#"{tenant="tenant-acme"}"#)]
    );
    // Prometheus never reads `match`: without a `match[]` it would answer what everybody has.
    for path in ["labels", "series", "label/job/values"] {
        let response = conn.ask(&Request::get(&format!("/shared/api/v1/{path}?match=up")).bearer(&caller.token)).await;
        assert_eq!(response.status, 200, "{path} {response:?}");
        let narrowed = r#"up{tenant="tenant-acme"}"#;
        let sent = decoded(gw.upstream.last().target().split_once('?').expect("a query").1);
        assert_eq!(sent, [pair("match", narrowed), pair("match[]", narrowed)], "{path}");
    }
    let info = conn.ask(&Request::get("/shared/api/v1/status/buildinfo").bearer(&caller.token)).await;
    assert_eq!((info.status, gw.upstream.last().target().as_str()), (200, "/api/v1/status/buildinfo"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_over_http2_reach_the_upstream_narrowed() {
    let (gw, caller, _) = operator().await;
    let mut client = http2::Conn::open(gw.running.public).await;
    let bearer = format!("Bearer {}", caller.token);
    let request = http2::request("POST", "/shared/api/v1/query", &[("authorization", &bearer), ("content-type", FORM)]);
    let response = client.ask(request, Some(Bytes::from_static(b"query=up"))).await.expect("an answer");
    assert_eq!(response.status, 200, "{response:?}");
    let seen = gw.upstream.last();
    assert_eq!(decoded(&String::from_utf8_lossy(&seen.body)), [pair("query", r#"up{tenant="tenant-acme"}"#)]);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_narrowed_is_refused_and_recorded() {
    let (gw, caller, mut conn) = operator().await;
    let get = |target: &str| Request::get(target).bearer(&caller.token);
    let post = |target: &str, kind: &str, body: &str| {
        Request::new("POST", target).bearer(&caller.token).header("Content-Type", kind).body(body)
    };
    let query = "/shared/api/v1/query";
    let cases = [
        (get("/shared/api/v1/query?query=up%7B"), 400, "selector_malformed"),
        (get("/shared/api/v1/query?query=info(up)"), 400, "selector_not_enforceable"),
        (get("/shared/api/v1/query?query=up&query=up"), 400, "parameter_repeated"),
        (get(query), 400, "parameter_missing"),
        (get("/shared/api/v1/query?query=up").body("query=down"), 400, "form_expected"),
        (post("/shared/api/v1/query?query=up", FORM, "query=up"), 400, "parameter_repeated"),
        (post(query, "text/plain", "query=up"), 400, "form_expected"),
        (post(query, "multipart/form-data; boundary=x", "query=up"), 400, "form_expected"),
        (post(query, FORM, "query=up").header("Content-Encoding", "gzip"), 400, "form_expected"),
        (get("/shared/api/v1/metadata"), 403, "route_not_enforceable"),
        (post("/shared/api/v1/write", "application/x-protobuf", "x"), 403, "route_not_enforceable"),
        (post("/shared/api/v1/read", "application/x-protobuf", "x"), 403, "route_not_enforceable"),
    ];
    for (request, status, code) in cases {
        let response = conn.ask(&request).await;
        assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{response:?}");
        let record = gw.record_of(&response).await;
        assert_eq!((reason(&record), record.org.as_ref()), (code, Some(&caller.org.id)));
    }
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}

/// One API in shadow mode, and one that narrows forms besides.
fn named() -> Setup {
    let dark = Api::named("dark").behind("metrics").pack("prometheus").keys("enforce = \"shadow\"");
    let both =
        Api::named("both").pack("prometheus").keys(r#"tenant = { mode = "label", label = "tenant", value = "{org.tenant}" }"#);
    let [dark, both] = [dark, both].map(|api| api.keys("forbidden_query = [\"tenant\"]"));
    Setup { more: format!("{dark}{both}"), ..Setup::default() }
}

/// What clients send without a thought is taken out, and nothing else of the query.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_may_be_taken_out_in_place_of_a_refusal() {
    let api = Api::named("cut").pack("prometheus").keys("forbidden_query = [\"account\"]\nstrip_query = [\"tenant\", \"org\"]");
    let gw = Gateway::start_with(api.into()).await;
    let caller = gw.open_caller("acme", &["operator"], SCOPES).await;
    let mut conn = Conn::open(gw.running.public).await;
    for (sent, arrives) in [
        ("query?query=up&tenant=b", "query?query=up"),
        ("query?tenant=b&query=up%20&tenant=c", "query?query=up%20"),
        ("query?t%65nant=b&query=a%26tenant=b", "query?query=a%26tenant=b"),
        ("labels?tenant&org=1", "labels"),
        ("query?query=up&&tenants=x", "query?query=up&&tenants=x"),
    ] {
        let response = conn.ask(&Request::get(&format!("/cut/api/v1/{sent}")).bearer(&caller.token)).await;
        assert_eq!(response.status, 200, "{sent}: {response:?}");
        assert_eq!(gw.upstream.last().target(), format!("/api/v1/{arrives}"), "{sent}");
    }
    let before = gw.upstream.count();
    let post =
        |body: &str| Request::new("POST", "/cut/api/v1/query").bearer(&caller.token).header("Content-Type", FORM).body(body);
    let get = |query: &str| Request::get(&format!("/cut/api/v1/query?{query}")).bearer(&caller.token);
    for request in [get("query=up;tenant=b"), get("query=up&tenant=a&account=b"), post("query=up&tenant=b"), post("account=b")] {
        let response = Conn::open(gw.running.public).await.ask(&request).await;
        assert_eq!((response.status, response.reason().as_deref()), (403, Some("other_organization_query")), "{response:?}");
    }
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}

/// Upstreams read URL and form alike, the form first: what may not be in the one may not be in the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_names_no_tenant_either() {
    let gw = Gateway::start_with(named()).await;
    let caller = gw.open_caller("acme", &["operator"], SCOPES).await;
    let ask =
        |method: &str, target: &str, kind: &str| Request::new(method, target).bearer(&caller.token).header("Content-Type", kind);
    let query = "/prometheus/api/v1/query";
    let post = |kind: &str, body: &str| ask("POST", query, kind).body(body);
    let long = format!("query={}&start=tenant", "x".repeat(100_000));
    let mut conn = Conn::open(gw.running.public).await;
    for (request, body) in [
        (post(FORM, "query=up&a=tenant"), "query=up&a=tenant"),
        (post(FORM, &long), &long),
        (post(FORM, ""), ""),
        (ask("POST", query, FORM).chunked(b"query=up&tenants=x", 5), "query=up&tenants=x"),
        (post("application/json", "tenant=b"), "tenant=b"),
    ] {
        let response = conn.ask(&request).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert!(gw.upstream.last().body == body.as_bytes(), "it arrives as it was sent: {}", gw.upstream.last().text());
    }
    let before = gw.upstream.count();
    let late = format!("{long}&tenant=b");
    for (request, status, code) in [
        (post(FORM, "query=up&tenant=b"), 403, "other_organization_query"),
        (post(FORM, "t%65nant=b"), 403, "other_organization_query"),
        (post("Application/x-WWW-form-urlencoded; charset=UTF-8", "tenant"), 403, "other_organization_query"),
        (post(FORM, &late), 403, "other_organization_query"),
        (ask("POST", query, FORM).chunked(b"query=up&tenant=b", 5), 403, "other_organization_query"),
        (ask("POST", "/both/api/v1/query", FORM).body("query=up&tenant=b"), 403, "other_organization_query"),
        (
            post("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=tenant\r\n\r\nb\r\n--x--"),
            400,
            "form_expected",
        ),
        (post("application/x-www-form-urlencoded; charset=utf-16", "query=up"), 400, "form_expected"),
        (post(FORM, "query=up").header("Content-Encoding", "gzip"), 400, "form_expected"),
        (ask("POST", query, FORM).header("Content-Length", "1048577"), 413, "body_too_large"),
    ] {
        let response = Conn::open(gw.running.public).await.ask(&request).await;
        assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{response:?}");
        assert_eq!(reason(&gw.record_of(&response).await), code);
    }
    assert_eq!(gw.upstream.count(), before);

    let dark = conn.ask(&ask("POST", "/dark/api/v1/query", FORM).body("query=up&tenant=b")).await;
    assert_eq!(dark.status, 200, "{dark:?}");
    let seen = gw.upstream.last();
    assert_eq!((seen.body.as_slice(), seen.values("authorization")), (&b"query=up&tenant=b"[..], Vec::new()), "as it came");
    let record = gw.record_of(&dark).await;
    assert_eq!(call(&record).would_deny.as_ref().map(|w| w.reason.as_str()), Some("other_organization_query"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_over_http2_names_no_tenant_either() {
    let (gw, caller, _) = operator().await;
    let mut client = http2::Conn::open(gw.running.public).await;
    let bearer = format!("Bearer {}", caller.token);
    for (body, status) in [("query=up", 200), ("query=up&tenant=b", 403)] {
        let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
        let request = http2::request("POST", "/prometheus/api/v1/query", &headers);
        let response = client.ask(request, Some(Bytes::from(body))).await.expect("an answer");
        assert_eq!(response.status, status, "{response:?}");
    }
    assert_eq!((gw.upstream.count(), gw.upstream.last().body), (1, b"query=up".to_vec()));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_list_everybody_lose_the_others() {
    let (gw, caller, mut conn) = operator().await;
    let alerts = |behave: &str| {
        Request::get("/shared/api/v1/alerts").bearer(&caller.token).header("Accept-Encoding", "gzip").header("X-Behave", behave)
    };
    let response = conn.ask(&alerts("alerts")).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.text(), r#"{"data":{"alerts":[{"labels":{"tenant":"tenant-acme"}}]},"status":"success"}"#);
    assert!(gw.upstream.last().values("accept-encoding").is_empty());
    let missing = conn.ask(&alerts("missing")).await;
    assert_eq!((missing.status, missing.text().as_str()), (404, r#"{"status":"error"}"#), "errors have nothing to lose");
    for behave in ["compressed", "chunked"] {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&alerts(behave).bytes()).await;
        let text = conn.try_response().await.map(|r| r.text()).unwrap_or_default();
        assert!(!text.contains("tenant-beta") && !text.contains("hello"), "{behave}: {text}");
    }
    gw.running.stop().await;
}

const NARROW: &str = r#"
[roles.team]
permissions = ["metrics:read", "metrics:write"]
selectors."metrics:read" = { team = ["a", "b"] }
"#;

/// Narrows what a grant holds to labels, and waits until it holds.
pub async fn select(gw: &Gateway, caller: &Caller, to: &str) {
    let (node, to) = (&gw.running.node, serde_json::from_str(to).expect("selectors"));
    let done = node.store.select_in_grant(&caller.grant.id, &caller.grant.user, &to, &node.own_cause()).await;
    assert!(done.expect("an answer"));
    node.settle().await.expect("it is seen");
}

/// The same on an upstream that is told the tenant by a header: what the permission is narrowed to is in every query.
#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_permission_narrows_queries() {
    let gw = Gateway::start_with(Setup { more: NARROW.to_owned(), ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["team"], "metrics:read metrics:write").await;
    let mut conn = Conn::open(gw.running.public).await;
    let sent = async |conn: &mut Conn, path: &str| {
        let response = conn.ask(&Request::get(path).bearer(&caller.token)).await;
        assert_eq!(response.status, 200, "{response:?}");
        decoded(gw.upstream.last().target().split_once('?').expect("a query").1)
    };
    let plain = "/prometheus/api/v1/query?query=up";
    assert_eq!(sent(&mut conn, plain).await, [pair("query", r#"up{team=~"a|b"}"#)]);
    let shared = "/shared/api/v1/query?query=up";
    assert_eq!(sent(&mut conn, shared).await, [pair("query", r#"up{team=~"a|b",tenant="tenant-acme"}"#)]);

    let metadata = conn.ask(&Request::get("/prometheus/api/v1/metadata").bearer(&caller.token)).await;
    assert_eq!((metadata.status, metadata.reason().as_deref()), (403, Some("permission_narrowed")), "{metadata:?}");
    assert_eq!(reason(&gw.record_of(&metadata).await), "permission_narrowed");
    let write = Request::new("POST", "/prometheus/api/v1/write").bearer(&caller.token).body("x");
    assert_eq!(conn.ask(&write).await.status, 200, "the other permission is whole");

    select(&gw, &caller, r#"{"metrics:read":{"team":["b","c"],"stage":"p"}}"#).await;
    assert_eq!(sent(&mut conn, plain).await, [pair("query", r#"up{stage="p",team="b"}"#)]);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_narrow_differently_are_joined_or_refuse() {
    let text = format!(
        "{NARROW}{}",
        r#"
[roles.other]
permissions = ["metrics:read"]
selectors."metrics:read" = { team = "c" }
[roles.stage]
permissions = ["metrics:read"]
selectors."metrics:read" = { stage = "p" }
[roles.whole]
permissions = ["metrics:read"]
"#
    );
    let gw = Gateway::start_with(Setup { more: text, ..Setup::default() }).await;
    let mut conn = Conn::open(gw.running.public).await;
    for (slug, roles, expected) in [
        ("one", &["team", "other"][..], Some(r#"up{team=~"a|b|c"}"#)),
        ("two", &["team", "whole"], Some("up")),
        ("three", &["team", "stage"], None),
    ] {
        let caller = gw.open_caller(slug, roles, "metrics:read").await;
        let response = conn.ask(&Request::get("/prometheus/api/v1/query?query=up").bearer(&caller.token)).await;
        match expected {
            Some(query) => {
                assert_eq!(response.status, 200, "{slug} {response:?}");
                let target = gw.upstream.last().target();
                assert_eq!(decoded(target.split_once('?').expect("a query").1), [pair("query", query)], "{slug}");
            }
            None => assert_eq!((response.status, response.reason().as_deref()), (403, Some("selectors_conflict"))),
        }
    }
    gw.running.stop().await;
}

/// An answer that goes on for as long as its upstream has something to say.
async fn tail(gw: &Gateway, caller: &Caller) -> Conn {
    let mut conn = Conn::open(gw.running.public).await;
    let request = Request::get("/prometheus/api/v1/query?query=up").bearer(&caller.token).header("X-Behave", "events");
    conn.send(&request.bytes()).await;
    assert_eq!(within("a response head", conn.head()).await.expect("a head").status, 200);
    conn
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_permission_is_narrowed_further() {
    let gw = Gateway::start_with(Setup { more: NARROW.to_owned(), file: true, ..Setup::default() }).await;
    let team = gw.open_caller("acme", &["team"], "metrics:read metrics:write").await;
    let reader = gw.open_caller("beta", &["reader"], "metrics:read").await;
    let (mut of_team, mut of_reader) = (tail(&gw, &team).await, tail(&gw, &reader).await);
    select(&gw, &reader, r#"{"metrics:read":{"stage":"p"}}"#).await;
    assert_eq!(within("the end of what the grant narrows", of_reader.chunk()).await, None);
    gw.upstream.emit("data: on\n\n");
    assert_eq!(within("an event", of_team.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));

    // Another permission of the same grant is none of its business; what the role says in the file is.
    select(&gw, &team, r#"{"metrics:write":{"stage":"p"}}"#).await;
    gw.upstream.emit("data: on\n\n");
    assert_eq!(within("an event", of_team.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
    gw.rewrite(&gw.text().replace(r#"{ team = ["a", "b"] }"#, r#"{ team = "a" }"#));
    assert!(gw.running.reload());
    assert_eq!(within("the end of what the role narrows", of_team.chunk()).await, None);
    gw.running.stop().await;
}

/// Our own answers have no labels: what is narrowed is closed there, and nobody is led into narrowing it.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_route_can_narrow_is_closed_rather_than_open() {
    let gw = Gateway::start().await;
    let caller = gw.open_caller("acme", &["admin"], "metrics:read clients:read").await;
    let mut conn = Conn::open(gw.running.public).await;
    let clients = Request::get("/api/v1/clients").bearer(&caller.token);
    assert_eq!(conn.ask(&clients).await.status, 200);
    let selectors = serde_json::from_str(r#"{"clients:read":{"team":"a"}}"#).expect("selectors");
    let change = GrantChange { selectors: Some(selectors), ..GrantChange::default() };
    let admin = Local::new(gw.running.node.clone());
    let refused = admin.change_grant(caller.grant.id.as_str(), change).await.expect_err("a refusal").to_string();
    assert!(refused.contains("clients:read can be narrowed to labels; narrow one of alerts:read metrics:read"), "{refused}");
    select(&gw, &caller, r#"{"clients:read":{"team":"a"}}"#).await;
    let response = conn.ask(&clients).await;
    assert_eq!((response.status, response.reason().as_deref()), (403, Some("permission_narrowed")), "{response:?}");
    gw.running.stop().await;
}
