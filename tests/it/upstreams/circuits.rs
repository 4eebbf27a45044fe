//! An upstream that nobody can reach is left alone for a while.

use super::{get, pair, seen, send, two};
use crate::harness::audit::reason;
use crate::harness::gateway::free_port;
use crate::harness::http1::{Request, ask};
use crate::harness::{Gateway, Upstream, within};

/// Waits until the upstream `pair` has this circuit, letting `seconds` pass at each look.
async fn until_circuit(gw: &Gateway, circuit: &str, seconds: u64) {
    within(circuit, async {
        while seen(gw).await["circuit"] != circuit {
            gw.advance(seconds);
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_nobody_can_reach_is_not_asked() {
    let port = free_port();
    let keys = "breaker = { failures = 6, base = \"10s\", longest = \"1m\" }\nretries = { tries = 2, reserve = 100 }";
    let gw = Gateway::start_with(pair(&[format!("127.0.0.1:{port}")], keys)).await;
    assert_eq!(send(&gw, 3).await, [502; 3], "each was tried twice");
    let refused = ask(gw.running.public, &get()).await;
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("upstream_circuit_open")), "{refused:?}");
    let wait: u64 = refused.header("retry-after").and_then(|w| w.parse().ok()).expect("when to come again");
    assert!((8..=10).contains(&wait), "{wait}");
    assert_eq!(reason(&gw.record_of(&refused).await), "upstream_circuit_open");
    let pair = seen(&gw).await;
    assert_eq!((&pair["circuit"], pair["endpoints"][0]["failed"].as_u64()), (&"open".into(), Some(6)), "{pair}");
    assert!(pair["circuit_open_until"].is_string() && pair["short_circuited"] == 1, "{pair}");
    gw.advance(10);
    assert_eq!(send(&gw, 2).await, [502, 503], "one tries, in vain");
    // Somebody listens again.
    let back = Upstream::start_at(port).await;
    assert_eq!(send(&gw, 1).await, [503], "it is too early to know");
    gw.advance(20);
    assert_eq!(send(&gw, 5).await, [200; 5]);
    assert_eq!((back.count(), seen(&gw).await["circuit"].as_str()), (5, Some("closed")));
    within("the metrics", async {
        loop {
            let text = ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text();
            let has = |line: &str| text.lines().any(|l| l == line);
            if has("tollgate_upstream_circuit_open{upstream=\"pair\"} 0")
                && has("tollgate_upstream_circuit_refused_total{upstream=\"pair\"} 3")
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_well_closes_the_circuit() {
    let port = free_port();
    let keys = "breaker = { failures = 2, base = \"1h\", longest = \"1h\" }\nhealth = \"/well\"\n\
                checks = { interval = \"1s\", timeout = \"1s\" }";
    let gw = Gateway::start_with(pair(&[format!("127.0.0.1:{port}")], keys)).await;
    assert_eq!(send(&gw, 2).await, [502, 503]);
    let _back = Upstream::start_at(port).await;
    until_circuit(&gw, "closed", 1).await;
    assert_eq!(send(&gw, 1).await, [200]);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_can_be_reached_has_a_closed_circuit() {
    let (gw, a, b) = two("breaker = { failures = 2 }\ntimeouts = { read = \"100ms\" }").await;
    for (behave, status) in [("silent", 504), ("drop", 502), ("fail", 500)] {
        a.force(Some(behave));
        b.force(Some(behave));
        assert_eq!(send(&gw, 5).await, [status; 5], "{behave}");
        assert_eq!(seen(&gw).await["circuit"], "closed", "{behave}");
    }
    gw.running.stop().await;
}
