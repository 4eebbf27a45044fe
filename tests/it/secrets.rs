//! G8: no credential in a log, a metric or a record.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tollgate::record;

use crate::harness::http1::{Conn, Request};
use crate::harness::{Gateway, UPSTREAM_SECRET};

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_nowhere_and_metrics_name_nobody() {
    let logs = Kept::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber of this process");
    let gw = Gateway::start().await;
    let caller = gw.caller("canary-org", &["reader"], "metrics:read").await;
    let canary = |n: &str| format!("canary-{n}-s3cr3t");
    let query = "/prometheus/api/v1/query";
    let mut requests = vec![
        Request::get(&format!("{query}?query={}&access_token={}", canary("query"), canary("param"))).bearer(&caller.token),
        Request::get(query).bearer(&canary("bearer")),
        Request::get(query).header("Authorization", &format!("Basic {}", canary("basic"))),
        Request::get(query).bearer(&caller.token).header("Cookie", &format!("sid={}", canary("cookie"))),
        Request::get(query).bearer(&caller.token).header("X-Custom", &canary("header")).header("X-Behave", "cookie"),
        Request::new("POST", query).bearer(&caller.token).body(format!("query={}", canary("body"))),
        Request::get(&format!("/open/../{}", canary("path"))).bearer(&caller.token),
        Request::get(query).bearer(&caller.token).header("X-Behave", "unauthorized"),
        Request::get(&format!("/gone/x?secret={}", canary("gone"))),
        Request::get(&format!("/nothing?token={}", canary("local"))),
    ];
    requests.push(Request::new("POST", "/mcp/tools").bearer(&caller.token).body(format!("{{\"secret\":\"{}\"}}", canary("rpc"))));
    let mut answers = String::new();
    for request in &requests {
        let mut conn = Conn::open(gw.running.public).await;
        answers = format!("{answers}{:?}", conn.ask(request).await);
    }
    let records: String = gw.calls().await.iter().map(record::json_line).collect();
    let counted = Arc::clone(&gw.running.metrics);
    let journal = std::fs::read_dir(gw.dir.path().join("journal")).expect("a directory");
    let journal: Vec<u8> = journal.filter_map(|f| std::fs::read(f.ok()?.path()).ok()).flatten().collect();
    let admin = gw.running.admin_token.expose().to_owned();
    let (user, email) = (caller.user.id.to_string(), caller.user.email.clone());
    gw.running.stop().await;
    let metrics = counted.text();
    let logs = String::from_utf8_lossy(&logs.0.lock()).into_owned();
    assert!(logs.contains("the gateway is up"), "the logs are captured");
    let tail = caller.token.rsplit('.').next().expect("a signature");
    let upstream = UPSTREAM_SECRET.trim_start_matches("Bearer ");
    let places =
        [("logs", logs.as_str()), ("records", &records), ("metrics", &metrics), ("journal", &String::from_utf8_lossy(&journal))];
    for (place, text) in places {
        for secret in [tail, upstream, &admin, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"] {
            assert!(!text.contains(secret), "{secret} is in the {place}");
        }
        for kind in ["query", "param", "bearer", "basic", "cookie", "header", "body", "gone", "local", "rpc"] {
            assert!(!text.contains(&canary(kind)), "{} is in the {place}: {text}", canary(kind));
        }
    }
    assert!(!answers.contains(upstream));
    for person in [user.as_str(), &email, caller.org.id.as_str(), "canary-org"] {
        assert!(!metrics.contains(person), "{person} is in the metrics");
    }
    for series in [
        "tollgate_requests_total{api=\"prometheus\",decision=\"allowed\",reason=\"\",route=\"prometheus.query\",status_class=\"2xx\"}",
        "decision=\"denied\",reason=\"token_malformed\"",
        "tollgate_gate_seconds_bucket{api=\"prometheus\"",
        "tollgate_upstream_seconds_count{api=\"prometheus\"",
        "tollgate_audit_written_total",
        "tollgate_audit_records_lost_total 0",
        "tollgate_upstream_up{upstream=\"metrics\"} 1",
        "tollgate_upstream_up{upstream=\"nobody\"} 0",
        "tollgate_panics_total 0",
        "tollgate_build_info",
    ] {
        assert!(metrics.contains(series), "{series} is not in {metrics}");
    }
}
