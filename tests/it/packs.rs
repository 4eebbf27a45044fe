//! Every route pack behind the running gate: what its table lets through arrives as its upstream wants it, and nothing else does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tollgate::config::pack;

use crate::harness::api::HTTP2;
use crate::harness::grpc::{Collector, frame, rest};
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::{Api, Caller, Gateway, Setup, UPSTREAM_SECRET, http2, within};

/// The services that a pack's upstream serves over gRPC, where the pack itself does not say so: it serves HTTP too.
const SERVICES: [(&str, &str); 2] = [
    ("jaeger", r#""jaeger.api_v2.QueryService", "jaeger.api_v3.QueryService", "jaeger.api_v2.metrics.MetricsQueryService""#),
    ("tempo", r#""tempopb.StreamingQuerier""#),
];

/// A line of a pack's table: a request and what becomes of it.
struct Row {
    method: String,
    path: String,
    needs: String,
}

impl Row {
    fn is_allowed(&self) -> bool {
        !matches!(self.needs.as_str(), "none" | "method" | "reserved")
    }

    /// Whether it is a call of gRPC: `/package.Service/Method`.
    fn is_call(&self) -> bool {
        self.method == "POST" && self.path[1..].split_once('/').is_some_and(|(service, _)| service.contains('.'))
    }

    /// What a cluster of `VictoriaMetrics` calls the request.
    fn operation(&self) -> &'static str {
        match self.needs.as_str() {
            "metrics:write" if !self.path.starts_with("/graphite") => "insert",
            "metrics:delete" if !self.path.starts_with("/graphite") => "delete",
            _ => "select",
        }
    }
}

fn tables() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/packs")
}

fn rows(pack: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(tables().join(format!("{pack}.txt"))).unwrap_or_else(|e| panic!("{pack}.txt: {e}"));
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        let [method, path, needs] = <[String; 3]>::try_from(words).unwrap_or_else(|words| panic!("{pack}.txt: {words:?}"));
        Row { method, path, needs }
    };
    text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(row).collect()
}

/// The packs for HTTP APIs, those of gRPC at the root apart.
fn packs() -> Vec<&'static str> {
    pack::names().into_iter().filter(|name| pack::is_for_http(name) && !pack::serves_grpc(name)).collect()
}

/// The header that tells a pack's upstream the organization.
fn told(pack: &str) -> Option<&'static str> {
    match pack {
        "loki" | "mimir" | "tempo" => Some("X-Scope-OrgID"),
        "thanos" => Some("THANOS-TENANT"),
        "jaeger" => Some("x-tenant"),
        "victorialogs" | "victoriatraces" => Some("AccountID"),
        _ => None,
    }
}

/// What the upstream answers with everybody's, whatever tenant it is told, is refused or narrowed (`blind.rs`).
fn is_blind(pack: &str, path: &str) -> bool {
    let (api, paths): (&str, &[&str]) = match pack {
        "thanos" => ("/api/v1/", &["rules", "alerts", "query_exemplars", "metadata", "stores", "targets"]),
        "victoriametrics" => ("/prometheus/api/v1/", &["rules", "alerts"]),
        "jaeger" => ("/api/metrics/", &["latencies", "calls", "errors", "minstep"]),
        _ => return false,
    };
    path.starts_with("/jaeger.api_v2.metrics.") || path.strip_prefix(api).is_some_and(|path| paths.contains(&path))
}

/// Everything that a route of these packs may need.
fn everything(packs: &[&str]) -> String {
    let needs = packs.iter().flat_map(|pack| rows(pack)).filter(Row::is_allowed);
    needs.map(|row| row.needs).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

/// A gateway with these APIs, whose packs are `packs`; somebody who holds everything, and a colleague who holds nothing that a
/// pack asks for.
async fn start(packs: &[&str], apis: &str, read_timeout: &'static str) -> (Gateway, Caller, Caller) {
    let all = everything(packs);
    let names: Vec<_> = all.split(' ').map(|scope| format!("{scope:?}")).collect();
    // What is private takes an approval of the operator for each client, which is not what is tried here.
    let public: Vec<_> = names.iter().map(|name| format!("[scopes.{name}]\nvisibility = \"public\"\n")).collect();
    let public = public.concat();
    let more = format!("\n[roles.everything]\npermissions = [{}]\n{public}{apis}", names.join(", "));
    let gw = Gateway::start_with(Setup { read_timeout, more, ..Setup::default() }).await;
    let (org, ada, bob) = (gw.org("acme").await, gw.user("ada@acme.test").await, gw.user("bob@acme.test").await);
    gw.member(&org, &ada, &["everything"]).await;
    gw.member(&org, &bob, &["reader"]).await;
    let client = gw.client(Some(&format!("{all} dash:read"))).await;
    let (ada, bob) = (gw.grant_to(&org, &ada, &client, &all).await, gw.grant_to(&org, &bob, &client, "dash:read").await);
    (gw, ada, bob)
}

async fn send(gw: &Gateway, pack: &str, row: &Row, token: &str) -> Response {
    let request = Request::new(&row.method, &format!("/packs/{pack}{}", row.path)).bearer(token).header("ProjectID", "7");
    if row.method == "HEAD" {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&request.bytes()).await;
        return within("a response head", conn.head()).await.expect("a head");
    }
    let has_body = matches!(row.method.as_str(), "POST" | "PUT" | "PATCH");
    let request = if has_body { request.header("Content-Type", "application/json").body("{}") } else { request };
    ask(gw.running.public, &request).await
}

/// Checks that what arrived is the row's request, with the upstream's credential and the organization, and nothing of the caller's.
fn arrived(gw: &Gateway, pack: &str, row: &Row, token: &str) {
    let seen = gw.upstream.last();
    let at = format!("{pack}: {} {}", row.method, row.path);
    let prefix = if pack == "victoriametrics" { format!("/{}/tenant-acme", row.operation()) } else { String::new() };
    assert_eq!((seen.method(), seen.target()), (row.method.clone(), format!("/base{prefix}{}", row.path)), "{at}");
    assert_eq!(seen.values("authorization"), [UPSTREAM_SECRET], "{at}");
    assert!(!seen.text().contains(token), "{at}: the caller's token");
    if let Some(header) = told(pack) {
        assert_eq!(seen.values(header), ["tenant-acme"], "{at}");
    }
    if pack.starts_with("victoria") {
        assert!(seen.values("projectid").is_empty(), "{at}: a project of the caller's choice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_every_table_holds_at_the_running_gate() {
    let tenant = |pack: &str| match pack {
        "victoriametrics" => "tenant = { mode = \"path_prefix\", value = \"/{operation}/{org.tenant}\" }",
        _ => "",
    };
    let api = |pack: &&str| {
        let api = Api::named(&format!("x-{pack}")).mount(&format!("/packs/{pack}")).behind("metrics").pack(pack);
        api.keys(tenant(pack)).to_string()
    };
    let (gw, ada, bob) = start(&packs(), &packs().iter().map(api).collect::<Vec<_>>().concat(), "").await;
    // Whatever comes is answered alike.
    gw.upstream.force(Some("cookie"));
    let mut allowed = 0;
    for pack in packs() {
        for (number, row) in rows(pack).into_iter().filter(|row| !is_blind(pack, &row.path)).enumerate() {
            let (at, before) = (format!("{pack}: {} {}", row.method, row.path), gw.upstream.count());
            let status = send(&gw, pack, &row, &ada.token).await.status;
            let expected = match row.needs.as_str() {
                "none" | "reserved" => 404,
                "method" => 405,
                // No handshake of a WebSocket: what one comes to is `websocket.rs`.
                _ if row.path == "/loki/api/v1/tail" => 426,
                _ => 200,
            };
            assert_eq!(status, expected, "{at}");
            assert_eq!(gw.upstream.count(), before + usize::from(status == 200), "{at}");
            if status == 200 {
                arrived(&gw, pack, &row, &ada.token);
                allowed += 1;
            }
            if row.is_allowed() {
                let before = gw.upstream.count();
                assert_eq!(send(&gw, pack, &row, &bob.token).await.status, 403, "{at}");
                assert_eq!(gw.upstream.count(), before, "{at}: nothing arrives without its scope");
            }
            // Nobody is refused so often in one second.
            gw.advance(u64::from(number % 10 == 9));
        }
    }
    assert!(allowed > 400, "{allowed}");
    gw.running.stop().await;
}

/// Clients of gRPC put nothing before the name of the service.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_every_table_holds_at_the_root() {
    let collector = Collector::start().await;
    let api = |pack: &str| Api::named(&format!("x-{pack}")).mount(&format!("/packs/{pack}")).pack(pack);
    let own = api("otlp-grpc").at(collector.address, HTTP2);
    let listed =
        |(pack, services): &(&str, &str)| api(pack).behind("x-otlp-grpc").keys(&format!("services = [{services}]")).to_string();
    let apis = format!("{own}{}", SERVICES.iter().map(listed).collect::<Vec<_>>().concat());
    let (gw, ada, bob) = start(&["jaeger", "tempo", "otlp-grpc"], &apis, "").await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    for pack in SERVICES.iter().map(|(pack, _)| *pack).chain(["otlp-grpc"]) {
        for row in rows(pack).into_iter().filter(Row::is_call) {
            for (caller, passes) in [(&ada, row.is_allowed() && !is_blind(pack, &row.path)), (&bob, false)] {
                let (at, before) = (format!("{pack}: {}", row.path), collector.count());
                let bearer = format!("Bearer {}", caller.token);
                let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", bearer.as_str())];
                let call = http2::request("POST", &row.path, &headers);
                let (head, mut body) = conn.start(call, Some(frame(b"x"))).await.expect("an answer");
                assert_eq!((head.status, head.header("grpc-status").is_none()), (200, passes), "{at} {head:?}");
                if passes {
                    rest(&mut body).await;
                    let seen = collector.called(before + 1).await;
                    assert_eq!(seen.path, row.path, "{at}");
                    assert!(!seen.headers.contains_key("authorization"), "{at}");
                    if let Some(header) = told(pack) {
                        assert_eq!(seen.header(&header.to_ascii_lowercase()), "tenant-acme", "{at}");
                    }
                }
                assert_eq!(collector.count(), before + usize::from(passes), "{at}");
            }
        }
    }
    gw.running.stop().await;
}

/// A tail says nothing while there is nothing to say.
#[tokio::test(flavor = "multi_thread")]
async fn a_tail_outlives_the_pauses_that_end_other_answers() {
    let apis = Api::named("x-logs").mount("/logs").behind("metrics").pack("victorialogs").to_string();
    let (gw, ada, _) = start(&["victorialogs", "prometheus"], &apis, "500ms").await;
    let (mut tails, mut cut) = (Vec::new(), None);
    let paths = ["/logs/select/logsql/tail", "/prometheus/api/v1/notifications/live", "/logs/select/logsql/query"];
    for path in paths {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&Request::get(path).bearer(&ada.token).header("X-Behave", "events").bytes()).await;
        assert_eq!(within("a response head", conn.head()).await.expect("a head").status, 200, "{path}");
        tails.extend(cut.replace(conn));
    }
    let mut query = cut.expect("the last one");
    assert_eq!(within("the end of a quiet answer", query.chunk()).await, None);
    gw.upstream.emit("{}\n");
    for mut tail in tails {
        assert_eq!(within("a line", tail.chunk()).await, Some(Some(b"{}\n".to_vec())), "it was silent for longer");
    }
    gw.running.stop().await;
}
