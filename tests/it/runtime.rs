//! Connections and their deadlines, the drain, many gateways in one process.

use std::sync::Arc;
use std::time::Duration;

use tollgate::boot::{self, Options};
use tollgate::config::Config;
use tollgate::store::{AuditFilter, sql};
use tollgate::types::{NodeId, SystemEntropy};

use crate::harness::audit::outcome;
use crate::harness::gateway::{config_text, secret};
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Gateway, PATIENCE, Setup, Upstream, http2, within};

async fn limited(limits: &'static str) -> Gateway {
    Gateway::start_with(Setup { limits, ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_cap_are_dropped_until_there_is_room() {
    let gw = limited("max_connections = 2").await;
    let (mut a, mut b) = (Conn::open(gw.running.public).await, Conn::open(gw.running.public).await);
    for conn in [&mut a, &mut b] {
        assert_eq!(conn.ask(&Request::get("/open/x")).await.status, 200);
    }
    let mut c = Conn::open(gw.running.public).await;
    c.send(&Request::get("/open/x").bytes()).await;
    assert!(c.closed().await, "the third connection was served");
    assert!(gw.running.metrics.text().contains("tollgate_connections_refused_total{reason=\"all\"} 1"));
    drop(a);
    let again = within("room for another connection", async {
        loop {
            let mut d = Conn::open(gw.running.public).await;
            d.send(&Request::get("/open/x").bytes()).await;
            if let Some(response) = d.try_response().await {
                return response.status;
            }
        }
    });
    assert_eq!(again.await, 200);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_ends_its_connection() {
    let gw = limited("header_timeout = \"400ms\"").await;
    let mut silent = Conn::open(gw.running.public).await;
    assert!(silent.closed().await);
    let mut half = Conn::open(gw.running.public).await;
    half.send(b"GET /open/x HTTP/1.1\r\nHost: gw").await;
    half.closed().await;
    let mut slow = Conn::open(gw.running.public).await;
    let trickle = async {
        for byte in format!("GET /open/{} HTTP/1.1\r\nHost: gw.test\r\n\r\n", "x".repeat(1000)).bytes() {
            slow.send(&[byte]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, trickle).await.is_err() || slow.closed().await);
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_ends_and_a_busy_one_does_not() {
    let gw = limited("idle_timeout = \"1s\"\nheader_timeout = \"500ms\"").await;
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(conn.ask(&Request::get("/open/x")).await.status, 200);
    let mut busy = Conn::open(gw.running.public).await;
    busy.send(&Request::get("/open/x").header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(2).await;
    assert!(conn.closed().await, "nothing more came");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    gw.upstream.emit("");
    assert_eq!(busy.response().await.status, 200);
    let mut h2 = http2::Conn::open(gw.running.public).await;
    assert_eq!(h2.ask(http2::request("GET", "/open/x", &[]), None).await.expect("a response").status, 200);
    within("the end of an idle HTTP/2 connection", async {
        while h2.ask(http2::request("GET", "/open/x", &[]), None).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    })
    .await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_end() {
    let gw = Gateway::start().await;
    let (public, store_url) = (gw.running.public, gw.store_url.clone());
    let mut idle = Conn::open(public).await;
    assert_eq!(idle.ask(&Request::get("/open/x")).await.status, 200);
    let mut conn = Conn::open(public).await;
    conn.send(&Request::get("/open/x").header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(2).await;
    let stop = tokio::spawn(gw.running.stop());
    within("the closed socket", async {
        while tokio::net::TcpStream::connect(public).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!stop.is_finished(), "a request is under way");
    gw.upstream.emit("");
    let response = conn.response().await;
    assert_eq!(response.status, 200);
    within("the stop", stop).await.expect("a clean stop");
    let store = sql::open(&store_url, &NodeId::parse("node_reader").expect("an id"), std::sync::Arc::new(SystemEntropy))
        .await
        .expect("a store");
    let page = store.search_audit(&AuditFilter::default(), None, 100).await.expect("a page");
    let wanted = response.request_id();
    let record = page.rows.iter().find(|r| r.record.origin.request.as_str() == wanted).expect("shipped before the end");
    assert_eq!(outcome(&record.record), "200");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_what_does_not_end() {
    let gw = limited("drain_timeout = \"300ms\"").await;
    let store_url = gw.store_url.clone();
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&Request::get("/open/x").header("X-Behave", "hold").bytes()).await;
    let id = gw.upstream.asked(1).await.header("x-request-id");
    let mut h2 = http2::Conn::open(gw.running.public).await;
    let (_, mut stream) = h2.start(http2::request("GET", "/open/x", &[("x-behave", "events")]), None).await.expect("a stream");
    within("the stop", gw.running.stop()).await;
    assert!(conn.closed().await);
    assert!(!matches!(http2::data(&mut stream).await, Some(Ok(_))));
    let store = sql::open(&store_url, &NodeId::parse("node_reader").expect("an id"), std::sync::Arc::new(SystemEntropy))
        .await
        .expect("a store");
    let page = store.search_audit(&AuditFilter::default(), None, 100).await.expect("a page");
    let calls: Vec<_> = page.rows.iter().filter(|r| r.record.org.is_none()).collect();
    let record = calls.iter().find(|r| r.record.origin.request.as_str() == id).expect("a record");
    assert_eq!(outcome(&record.record), "Shutdown");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_nobody_who_hangs_beside_the_public_listener() {
    let gw = Gateway::start_with(Setup {
        listen: "authorizer = \"127.0.0.1:0\"".to_owned(),
        limits: "drain_timeout = \"300ms\"",
        more: "[authorizer]\ndialects = [\"nginx\"]\ntrusted_proxies = [\"127.0.0.1/32\"]\n".to_owned(),
        ..Setup::default()
    })
    .await;
    let mut hanging = Vec::new();
    for socket in [gw.running.admin, gw.running.authorizer.expect("an authorizer")] {
        for half in ["", "GET /metrics HTTP/1.1\r\nHost: gw", "POST /metrics HTTP/1.1\r\nHost: gw\r\nContent-Length: 9\r\n\r\nx"]
        {
            let mut conn = Conn::open(socket).await;
            conn.send(half.as_bytes()).await;
            hanging.push(conn);
        }
    }
    within("the stop", gw.running.stop()).await;
    for mut conn in hanging {
        // Some were answered before.
        while conn.try_response().await.is_some() {}
        assert!(conn.closed().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_gateways_live_in_one_process() {
    let mut all = Vec::new();
    for _ in 0..50 {
        all.push(Gateway::start().await);
    }
    for gw in &all {
        let caller = gw.caller("acme", &["reader"], "metrics:read").await;
        let response = ask(gw.running.public, &Request::get("/prometheus/api/v1/query").bearer(&caller.token)).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(gw.upstream.count(), 1);
    }
    for gw in all {
        within("a stop", gw.running.stop()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_share_a_connection() {
    let gw = Gateway::start().await;
    let conn = std::sync::Arc::new(tokio::sync::Mutex::new(http2::Conn::open(gw.running.public).await));
    let mut asked = Vec::new();
    for n in 0..60 {
        let request = http2::request("GET", &format!("/open/{n}?n={n}"), &[]);
        let started = conn.lock().await.begin(request, None).await.expect("a stream");
        asked.push((n, started));
    }
    for (n, started) in asked {
        let response = started.response().await.expect("a response");
        assert_eq!(response.status, 200);
        assert!(response.text().contains(&format!("/{n}?n={n}")), "{n}: {}", response.text());
    }
    assert_eq!(gw.upstream.count(), 60);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_volume_is_enough_to_start_on() {
    use std::os::unix::fs::PermissionsExt as _;

    let (dir, upstream) = (tempfile::tempdir().expect("a directory"), Upstream::start().await);
    let data = dir.path().join("volume/data");
    let beside = format!("dir = \"{}\"", dir.path().display());
    let listen = "public = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"";
    let text = config_text(dir.path(), upstream.address, &Setup::default(), listen);
    let text = text.replacen(&beside, &format!("dir = \"{}\"", data.display()), 1);
    let store = format!("sqlite:{}/tollgate.db", data.display());
    let environment = move |name: &str| match name {
        "SECRET" => Some(secret()),
        "STORE" => Some(store.clone()),
        _ => None,
    };
    let (config, _) = Config::parse(&text, &environment, 1).unwrap_or_else(|e| panic!("a sound configuration: {e:?}"));
    let running = boot::start(Options::new(config, None, Arc::new(environment))).await.expect("it starts");
    assert_eq!(std::fs::metadata(&data).expect("it was made").permissions().mode() & 0o777, 0o700);
    running.stop().await;
}
