//! One OpenSearch for all organizations: whatever names an index, in path or body, names one of the caller's own.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Caller, Gateway, Setup, http2, within};

const MORE: &str = r#"
[[apis]]
name = "search"
mount = "/search"
pack = "opensearch"
upstream = "plain"
tenant = { mode = "index", value = "{org.slug}." }
[[apis.routes]]
id = "search.root"
match = "/_about"
methods = ["GET"]
scopes = ["logs:read"]
enforce = "nothing"
"#;

/// The same API in shadow mode, with a route for short bodies.
const DARK: &str = r#"
[[apis]]
name = "dark"
mount = "/dark"
pack = "opensearch"
upstream = "plain"
tenant = { mode = "index", value = "{org.slug}." }
enforce = "shadow"
overrides = { "document.create" = { max_body = "20B" } }
"#;

async fn start() -> (Gateway, Caller, Conn) {
    let gw = Gateway::start_with(Setup { more: MORE.to_owned(), ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["admin"], "logs:read logs:write server:read").await;
    let conn = Conn::open(gw.running.public).await;
    (gw, caller, conn)
}

fn said(response: &Response) -> (u16, Option<String>) {
    (response.status, response.reason())
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_name_indices_of_the_caller_alone() {
    let (gw, caller, mut conn) = start().await;
    let get = |path: &str| Request::get(path).bearer(&caller.token);
    for path in [
        "/search/acme.logs/_search?q=x",
        "/search/acme.*,-acme.old*/_count",
        "/search/acme.logs/_doc/1",
        "/search/acme.logs/_validate/query",
        "/search/_about",
    ] {
        assert_eq!(conn.ask(&get(path)).await.status, 200, "{path}");
        assert_eq!(gw.upstream.last().target(), path.strip_prefix("/search").expect("the mount"), "{path}");
    }
    let before = gw.upstream.count();
    for (path, wanted) in [
        ("/search/beta.logs/_search", (403, "other_organization_index")),
        ("/search/*/_search", (403, "other_organization_index")),
        ("/search/acme/_search", (403, "other_organization_index")),
        ("/search/acme.logs,beta.logs/_search", (403, "other_organization_index")),
        ("/search/acme.logs%2Cbeta.logs/_search", (403, "other_organization_index")),
        ("/search/%3Cacme.%7Bnow%2Fd%7D%3E/_search", (400, "encoded_slash")),
        ("/search/_all/_search", (404, "no_route")),
        ("/search/acme.logs/_search?index=beta.logs", (403, "other_organization_query")),
        ("/search/acme.logs/_search?source=%7B%7D&source_content_type=application/json", (403, "other_organization_query")),
        ("/search/acme.logs/_search?scroll=1m", (403, "other_organization_query")),
        ("/search/acme.logs/_search?keep_alive=1m", (403, "other_organization_query")),
        ("/search/acme.logs/_async_search", (404, "no_route")),
        ("/search/_async_search/x", (404, "no_route")),
        ("/search/acme.logs/_search?size=1;source=%7B%7D", (403, "other_organization_query")),
        ("/search/acme.logs/_search?size=1;%69ndex=beta.logs", (403, "other_organization_query")),
    ] {
        let response = conn.ask(&get(path)).await;
        assert_eq!(said(&response), (wanted.0, Some(wanted.1.to_owned())), "{path} {response:?}");
        if wanted.0 != 400 {
            let record = gw.record_of(&response).await;
            assert_eq!((reason(&record), record.org.as_ref()), (wanted.1, Some(&caller.org.id)), "{path}");
        }
    }
    assert_eq!(gw.upstream.count(), before);
    for (path, wanted) in [("/search/acme.logs", 200), ("/search/beta.logs", 403), ("/search/*", 403), ("/search/_all", 404)] {
        let (mut conn, before) = (Conn::open(gw.running.public).await, gw.upstream.count());
        conn.send(&Request::new("HEAD", path).bearer(&caller.token).bytes()).await;
        assert_eq!(within("a head", conn.head()).await.expect("an answer").status, wanted, "{path}");
        assert_eq!(gw.upstream.count() - before, usize::from(wanted == 200), "{path}");
    }
    for path in ["/search", "/search/", "/search/_license"] {
        assert_eq!(conn.ask(&get(path)).await.status, 200, "{path}");
    }
    let before = gw.upstream.count();
    let sql =
        Request::new("POST", "/search/_plugins/_sql").bearer(&caller.token).header("Content-Type", "application/json").body("{}");
    assert_eq!(said(&conn.ask(&sql).await), (403, Some("route_not_enforceable".into())), "the text of a query names its index");
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_name_indices_of_the_caller_alone() {
    let (gw, caller, _) = start().await;
    let post = |path: &str, kind: &str, body: &str| {
        Request::new("POST", path).bearer(&caller.token).header("Content-Type", kind).body(body)
    };
    let (json, lines) = ("application/json", "application/x-ndjson");
    let own = r#"{"query":{"terms":{"u":{"index":"acme.users","id":"1","path":"p"}}}}"#;
    let foreign = own.replace("acme", "beta");
    let line = |i: u32| format!("{{\"index\":{{\"_id\":\"{i}\"}}}}\n{{\"index\":\"beta\",\"id\":{i}}}\n");
    let many = (0..2000).map(line).collect::<Vec<_>>().concat();
    for (path, kind, body) in [
        ("/search/acme.logs/_search", json, own),
        ("/search/acme.logs/_msearch", lines, "{\"index\":\"acme.x\"}\n{}\n"),
        ("/search/acme.logs/_bulk", lines, &many),
        ("/search/acme.logs/_doc", json, r#"{"index":"beta.logs","id":"1"}"#),
    ] {
        let response = Conn::open(gw.running.public).await.ask(&post(path, kind, body)).await;
        assert_eq!(response.status, 200, "{path} {response:?}");
        assert!(gw.upstream.last().body == body.as_bytes(), "{path}: it arrives as it was sent");
    }
    let last = format!("{many}{{\"index\":{{\"_index\":\"beta.logs\"}}}}\n{{}}\n");
    let piped = format!("{many}{{\"index\":{{\"pipeline\":\"moves\"}}}}\n{{}}\n");
    let before = gw.upstream.count();
    let gzip = post("/search/acme.logs/_bulk", lines, "x").header("Content-Encoding", "gzip");
    let deflate = post("/search/acme.logs/_bulk", lines, "x").header("Content-Encoding", "deflate");
    for (request, wanted) in [
        (post("/search/acme.logs/_search", json, &foreign), (403, "other_organization_index")),
        (post("/search/acme.logs/_msearch", lines, "{\"index\":\"*\"}\n{}\n"), (403, "other_organization_index")),
        (post("/search/acme.logs/_bulk", lines, &last), (403, "other_organization_index")),
        (post("/search/acme.logs/_bulk", lines, &piped), (403, "other_organization_index")),
        (post("/search/acme.logs/_bulk?pipeline=moves", lines, &many), (403, "other_organization_query")),
        (post("/search/acme.logs/_doc?pipeline=moves", json, "{}"), (403, "other_organization_query")),
        (post("/search/acme.logs/_pit", json, "{}"), (404, "no_route")),
        (post("/search/acme.logs/_search", json, "{"), (400, "selector_malformed")),
        (post("/search/acme.logs/_search", "application/yaml", "query: {}"), (400, "json_expected")),
        (gzip, (400, "gzip_malformed")),
        (deflate, (400, "json_expected")),
    ] {
        let response = Conn::open(gw.running.public).await.ask(&request).await;
        assert_eq!(said(&response), (wanted.0, Some(wanted.1.to_owned())), "{response:?}");
        gw.record_of(&response).await;
    }
    assert_eq!(gw.upstream.count(), before, "no such body arrived whole");
    gw.running.stop().await;
}

/// Makes a body that names an index.
type Made<'a> = &'a dyn Fn(&str) -> String;

/// Shippers and Grafana name the index in each line alone.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_root_each_line_names_an_index_of_the_caller() {
    let (gw, caller, _) = start().await;
    let post = |path: &str, body: &str| {
        Request::new("POST", path).bearer(&caller.token).header("Content-Type", "application/x-ndjson").body(body)
    };
    let bulk = |index: &str| format!("{{\"index\":{{\"_index\":\"{index}\"}}}}\n{{\"index\":\"beta\"}}\n");
    let search = |index: &str| format!("{{\"index\":\"{index}\"}}\n{{\"query\":{{}}}}\n");
    let documents = |index: &str| format!(r#"{{"docs":[{{"_index":"{index}","_id":"1"}}]}}"#);
    let made: [(&str, Made<'_>); 3] = [("/search/_bulk", &bulk), ("/search/_msearch", &search), ("/search/_mget", &documents)];
    for (path, made) in made {
        let own = made("acme.logs");
        let response = Conn::open(gw.running.public).await.ask(&post(path, &own)).await;
        assert_eq!((response.status, gw.upstream.last().body), (200, own.clone().into_bytes()), "{path} {response:?}");
        let before = gw.upstream.count();
        for body in [made("beta.logs"), made("*"), [own.as_str(), &made("beta.logs")].concat()] {
            let response = Conn::open(gw.running.public).await.ask(&post(path, &body)).await;
            assert!(matches!(response.status, 400 | 403), "{path} {body} {response:?}");
            gw.record_of(&response).await;
        }
        let response = Conn::open(gw.running.public).await.ask(&post(path, "")).await;
        assert_eq!(said(&response), (400, Some("json_expected".into())), "{path} without a body {response:?}");
        assert_eq!(gw.upstream.count(), before, "{path}");
    }
    let before = gw.upstream.count();
    for (path, body) in [
        ("/search/_bulk", "{\"index\":{}}\n{}\n"),
        ("/search/_bulk", "{\"delete\":{\"_id\":\"1\"}}\n"),
        ("/search/_msearch", "{}\n{}\n"),
        ("/search/_mget", r#"{"ids":["1"]}"#),
    ] {
        let response = Conn::open(gw.running.public).await.ask(&post(path, body)).await;
        assert_eq!(said(&response), (403, Some("other_organization_index".into())), "{path} {body} {response:?}");
        gw.record_of(&response).await;
    }
    assert_eq!(gw.upstream.count(), before, "no such body arrived whole");
    let below = Conn::open(gw.running.public).await.ask(&post("/search/acme.logs/_mget", r#"{"ids":["1"]}"#)).await;
    assert_eq!(below.status, 200, "{below:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_over_http2_and_for_bodies_of_no_declared_length() {
    let (gw, caller, mut conn) = start().await;
    let bearer = format!("Bearer {}", caller.token);
    let mut client = http2::Conn::open(gw.running.public).await;
    for (index, status) in [("acme.a", 200), ("beta.a", 403)] {
        let body = format!("{{\"create\":{{\"_index\":\"{index}\"}}}}\n{{}}\n");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-ndjson")];
        let request = http2::request("POST", "/search/acme.logs/_bulk", &headers);
        let response = client.ask(request, Some(Bytes::from(body.clone()))).await.expect("an answer");
        assert_eq!(response.status, status, "{response:?}");
        let chunked = Request::new("POST", "/search/acme.logs/_bulk").bearer(&caller.token);
        let chunked = chunked.header("Content-Type", "application/x-ndjson").chunked(body.as_bytes(), 5);
        assert_eq!(conn.ask(&chunked).await.status, status);
    }
    gw.running.stop().await;
}

/// One member of gzip.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).expect("room");
    out.finish().expect("room")
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_arrive_as_what_was_looked_at() {
    let (gw, caller, mut conn) = start().await;
    let post = |path: &str, body: &[u8]| {
        let request = Request::new("POST", path).bearer(&caller.token).header("Content-Type", "application/x-ndjson");
        request.header("Content-Encoding", "gzip").body(body)
    };
    let line = |i: u32| format!("{{\"index\":{{\"_id\":\"{i}\"}}}}\n{{\"message\":\"line {i}\"}}\n");
    let own = (0..20_000).map(line).collect::<Vec<_>>().concat();
    for (path, body) in [
        ("/search/acme.logs/_bulk", &*own),
        ("/search/acme.logs/_search", "{\"query\":{}}"),
        ("/search/acme.logs/_msearch", "{}\n{}\n"),
    ] {
        // The second on the same connections: the first has to have ended where it says.
        for _ in 0..2 {
            let response = conn.ask(&post(path, &gzip(body.as_bytes()))).await;
            assert_eq!(response.status, 200, "{path} {response:?}");
            let seen = gw.upstream.last();
            assert!(seen.body == body.as_bytes() && seen.values("content-encoding").is_empty(), "{}", seen.text());
        }
    }
    assert_eq!(gw.upstream.connections(), 1);
    let bearer = format!("Bearer {}", caller.token);
    let headers = [("authorization", &*bearer), ("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
    let mut client = http2::Conn::open(gw.running.public).await;
    let request = http2::request("POST", "/search/acme.logs/_bulk", &headers);
    assert_eq!(client.ask(request, Some(gzip(own.as_bytes()).into())).await.expect("an answer").status, 200);
    assert!(gw.upstream.last().body == own.as_bytes());

    let before = gw.upstream.count();
    let foreign = format!("{own}{{\"delete\":{{\"_index\":\"beta.logs\",\"_id\":\"1\"}}}}\n");
    let two = [gzip(own.as_bytes()), gzip(b"{\"delete\":{\"_index\":\"beta.logs\",\"_id\":\"1\"}}\n")].concat();
    let bomb = gzip(&vec![b'\n'; 20 << 20]);
    for (body, wanted) in [
        (gzip(foreign.as_bytes()), (403, "other_organization_index")),
        (two, (400, "gzip_malformed")),
        (bomb, (413, "body_too_large")),
    ] {
        let response = Conn::open(gw.running.public).await.ask(&post("/search/acme.logs/_bulk", &body)).await;
        assert_eq!(said(&response), (wanted.0, Some(wanted.1.to_owned())), "{response:?}");
        gw.record_of(&response).await;
    }
    assert_eq!(gw.upstream.count(), before, "no such body arrived whole");
    gw.running.stop().await;
}

/// What enforcement says about a body, `""` when it passes.
struct Sent {
    request: Request,
    body: Vec<u8>,
    reason: &'static str,
}

fn shadowed(caller: &Caller) -> Vec<Sent> {
    let sent = |path: &str, coding: Option<&str>, body: &[u8], reason| {
        let request = Request::new("POST", &format!("/dark/acme.logs/{path}")).bearer(&caller.token);
        let request = request.header("Content-Type", "application/x-ndjson");
        let request = match coding {
            Some(coding) => request.header("Content-Encoding", coding),
            None => request,
        };
        Sent { request: request.chunked(body, 1_000), body: body.to_vec(), reason }
    };
    let own = "{\"index\":{}}\n{\"a\":1}\n".repeat(500);
    let foreign = format!("{own}{{\"index\":{{\"_index\":\"beta.a\"}}}}\n{{}}\n{own}");
    let terms = |index: &str| format!(r#"{{"query":{{"terms":{{"u":{{"index":"{index}","id":"1","path":"p"}}}}}}}}"#);
    let zipped = |text: &str| gzip(text.as_bytes());
    vec![
        sent("_bulk", None, own.as_bytes(), ""),
        sent("_bulk", None, foreign.as_bytes(), "other_organization_index"),
        sent("_bulk", Some("gzip"), &zipped(&own), ""),
        sent("_bulk", Some("gzip"), &zipped(&foreign), "other_organization_index"),
        sent("_bulk", Some("gzip"), &zipped(&own).repeat(2), "gzip_malformed"),
        sent("_bulk", Some("gzip"), &gzip(&vec![b'\n'; 10 << 20]), "body_too_large"),
        sent("_bulk", Some("deflate"), own.as_bytes(), "json_expected"),
        sent("_bulk", None, b"{\"index\":{}}\n{}", "selector_malformed"),
        sent("_msearch", None, b"{\"index\":\"acme.a\"}\n{}\n", ""),
        sent("_msearch", None, b"{\"index\":\"*\"}\n{}\n", "other_organization_index"),
        sent("_search", None, terms("acme.u").as_bytes(), ""),
        sent("_search", None, terms("beta.u").as_bytes(), "other_organization_index"),
        sent("_search", None, b"{", "selector_malformed"),
        sent("_doc", None, b"{\"index\":\"b\"}", ""),
        sent("_doc", None, b"{\"index\":\"beta.logs\"}", "body_too_large"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_mode_reports_the_bodies_that_enforcement_then_refuses_and_no_others() {
    let gw = Gateway::start_with(Setup { more: format!("{MORE}{DARK}"), file: true, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["admin"], "logs:read logs:write").await;
    for Sent { request, body, reason: wanted } in shadowed(&caller) {
        let response = Conn::open(gw.running.public).await.ask(&request).await;
        assert_eq!(response.status, 200, "{wanted} {response:?}");
        assert!(gw.upstream.last().body == body, "{wanted}: it arrives as it was sent");
        let record = gw.record_of(&response).await;
        let noted = call(&record).would_deny.as_ref().map(|w| w.reason.as_str());
        assert_eq!((reason(&record), noted.unwrap_or_default()), ("allowed", wanted));
    }
    let metrics = gw.running.metrics.text();
    let of = |decision: &str, reason: &str| {
        let mut lines = metrics.lines().filter(|l| l.contains("api=\"dark\"") && l.contains("route=\"dark.bulk\""));
        lines
            .find(|l| l.contains(&format!("decision=\"{decision}\",reason=\"{reason}\"")) && l.contains("2xx"))
            .map(ToOwned::to_owned)
    };
    assert!(of("would_deny", "other_organization_index").is_some_and(|l| l.ends_with(" 2")), "{metrics}");
    assert!(of("allowed", "").is_some_and(|l| l.ends_with(" 2")), "{metrics}");

    gw.rewrite(&gw.text().replace("enforce = \"shadow\"", "enforce = \"on\""));
    assert!(gw.running.reload());
    for Sent { request, reason: wanted, .. } in shadowed(&caller) {
        let before = gw.upstream.count();
        let response = Conn::open(gw.running.public).await.ask(&request).await;
        let passed = gw.upstream.count() - before;
        assert_eq!(
            (response.status == 200, passed),
            (wanted.is_empty(), usize::from(wanted.is_empty())),
            "{wanted} {response:?}"
        );
        assert_eq!(response.reason().unwrap_or_default(), wanted);
        let expected = if wanted.is_empty() { "allowed" } else { wanted };
        assert_eq!(reason(&gw.record_of(&response).await), expected, "what was refused on its way is a refusal on record");
    }
    gw.running.stop().await;
}
