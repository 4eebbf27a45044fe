//! Upstreams that look at the tenant on some routes alone: on the others nothing of anybody else comes back.

use crate::harness::audit::reason;
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Api, Caller, Gateway, Setup};

const FORM: &str = "application/x-www-form-urlencoded";

/// Thanos as its pack says, and where nobody has said which label it has.
fn thanos() -> String {
    let thanos = Api::named("thanos").pack("thanos");
    let bare = Api::named("bare").pack("thanos");
    let bare = bare.keys(r#"tenant = { mode = "header", name = "THANOS-TENANT", value = "{org.tenant}" }"#);
    format!("[scopes.\"upstream:inspect\"]\nvisibility = \"public\"{thanos}{bare}")
}

/// A cluster of `VictoriaMetrics`, where the path tells the tenant, one that tells it by a label, and a Jaeger.
fn others() -> String {
    let cluster = Api::named("cluster").pack("victoriametrics");
    let cluster = cluster.keys(r#"tenant = { mode = "path_prefix", value = "/{operation}/{org.tenant}" }"#);
    let single = Api::named("single").pack("victoriametrics");
    let single = single.keys(r#"tenant = { mode = "label", label = "tenant_id", value = "{org.tenant}" }"#);
    format!("{cluster}{single}{}", Api::named("jaeger").pack("jaeger"))
}

/// What a Thanos answers that does not look at the header.
const RULES: &str = r#"{"status":"success","data":{"groups":[{"name":"g","file":"f","rules":[{"name":"ours","labels":{"tenant_id":"tenant-acme"}},{"name":"theirs","labels":{"tenant_id":"tenant-beta"}},{"name":"nobodys","labels":{}}]}]}}"#;
const ALERTS: &str = r#"{"status":"success","data":{"alerts":[{"labels":{"alertname":"theirs","tenant_id":"tenant-beta"}},{"labels":{"alertname":"ours","tenant_id":"tenant-acme"}}]}}"#;
const EXEMPLARS: &str = r#"{"status":"success","data":[{"seriesLabels":{"__name__":"theirs","tenant_id":"tenant-beta"},"exemplars":[]},{"seriesLabels":{"__name__":"ours","tenant_id":"tenant-acme"},"exemplars":[]}]}"#;

async fn start(more: String, granted: &str) -> (Gateway, Caller, Conn) {
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["admin"], granted).await;
    let conn = Conn::open(gw.running.public).await;
    (gw, caller, conn)
}

/// A request whose answer is `answer`, whatever is asked.
fn said(method: &str, target: &str, caller: &Caller, answer: &str) -> Request {
    Request::new(method, target).bearer(&caller.token).header("X-Behave", "say").header("X-Say", answer)
}

fn refused(response: &Response) -> (u16, Option<String>) {
    (response.status, response.reason())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_foreign_rule_alert_or_exemplar_comes_from_a_thanos_that_ignores_the_header() {
    let (gw, caller, mut conn) = start(thanos(), "metrics:read rules:read alerts:read upstream:inspect").await;
    for (path, answer) in [
        ("/thanos/api/v1/rules", RULES),
        ("/thanos/api/v1/alerts", ALERTS),
        ("/thanos/api/v1/query_exemplars?query=up", EXEMPLARS),
    ] {
        let response = conn.ask(&said("GET", path, &caller, answer)).await;
        let text = response.text();
        assert_eq!(response.status, 200, "{path} {response:?}");
        assert!(text.contains("ours") && !text.contains("theirs") && !text.contains("nobodys"), "{path}: {text}");
        assert_eq!(gw.upstream.last().values("thanos-tenant"), ["tenant-acme"], "{path}: the header is told as well");
    }
    let target = gw.upstream.last().target();
    let sent: Vec<_> = url::form_urlencoded::parse(target.split_once('?').expect("a query").1.as_bytes()).into_owned().collect();
    assert_eq!(sent, [("query".to_owned(), r#"up{tenant_id="tenant-acme"}"#.to_owned())]);
    let form = said("POST", "/thanos/api/v1/query_exemplars", &caller, EXEMPLARS).header("Content-Type", FORM).body("query=up");
    let response = conn.ask(&form).await;
    assert!(response.status == 200 && !response.text().contains("theirs"), "{response:?}");

    // What Thanos looks at the header for arrives as it was asked.
    let query = conn.ask(&said("GET", "/thanos/api/v1/query?query=up", &caller, "{}")).await;
    assert_eq!((query.status, gw.upstream.last().target().as_str()), (200, "/api/v1/query?query=up"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_narrowed_by_the_label_is_closed() {
    let (gw, caller, mut conn) = start(thanos(), "metrics:read rules:read alerts:read upstream:inspect").await;
    for path in [
        "/thanos/api/v1/metadata",
        "/thanos/api/v1/stores",
        "/thanos/api/v1/targets",
        "/bare/api/v1/metadata",
        "/bare/api/v1/rules",
        "/bare/api/v1/alerts",
        "/bare/api/v1/query_exemplars?query=up",
    ] {
        let response = conn.ask(&said("GET", path, &caller, RULES)).await;
        assert_eq!(refused(&response), (403, Some("route_not_enforceable".into())), "{path} {response:?}");
        assert_eq!(reason(&gw.record_of(&response).await), "route_not_enforceable", "{path}");
    }
    assert_eq!(gw.upstream.count(), 0);
    let query = conn.ask(&said("GET", "/bare/api/v1/query?query=up", &caller, "{}")).await;
    assert_eq!(query.status, 200, "{query:?}");
    gw.running.stop().await;
}

/// vmselect hands rules and alerts to its vmalert without the tenant, and the metrics store of Jaeger knows none.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_or_a_jaeger_tells_everybody_is_closed() {
    let (gw, caller, mut conn) = start(others(), "metrics:read rules:read alerts:read traces:read").await;
    for path in [
        "/cluster/prometheus/api/v1/rules",
        "/cluster/prometheus/api/v1/alerts",
        "/jaeger/api/metrics/calls?service=x",
        "/jaeger/api/metrics/latencies?service=x&quantile=0.5",
        "/jaeger/api/metrics/errors?service=x",
    ] {
        let response = conn.ask(&said("GET", path, &caller, RULES)).await;
        assert_eq!(refused(&response), (403, Some("route_not_enforceable".into())), "{path} {response:?}");
        assert_eq!(reason(&gw.record_of(&response).await), "route_not_enforceable", "{path}");
    }
    assert_eq!(gw.upstream.count(), 0);
    let query = conn.ask(&said("GET", "/cluster/prometheus/api/v1/query?query=up", &caller, "{}")).await;
    let target = gw.upstream.last().target();
    assert_eq!((query.status, target.as_str()), (200, "/select/tenant-acme/prometheus/api/v1/query?query=up"));
    // A single node is narrowed by the label, as ever.
    let rules = conn.ask(&said("GET", "/single/prometheus/api/v1/rules", &caller, RULES)).await;
    assert!(rules.status == 200 && rules.text().contains("ours") && !rules.text().contains("theirs"), "{rules:?}");
    let traces = conn.ask(&said("GET", "/jaeger/api/v3/services", &caller, "{}")).await;
    assert_eq!((traces.status, gw.upstream.last().values("x-tenant")), (200, vec!["tenant-acme".to_owned()]));
    gw.running.stop().await;
}
