//! More than the node may do at one time: refused early, with a reason, and never on the admin listener.

use tollgate::gateway::overload::{Overload, Strain};

use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Gateway, Setup, within};

const QUERY: &str = "/prometheus/api/v1/query";

async fn admin_answers(gw: &Gateway) {
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(gw.running.admin, &Request::get(path).host("127.0.0.1")).await.status, 200, "{path}");
    }
}

async fn metrics(gw: &Gateway) -> String {
    ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_requests_are_under_way_as_may_be() {
    let limits = "max_in_flight = 2\nmax_pending = 1\nqueue = \"60s\"";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let mut held = Vec::new();
    for number in 1..=2 {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&Request::get("/open/x").header("X-Behave", "hold").bytes()).await;
        gw.upstream.asked(number).await;
        held.push(conn);
    }
    let mut waits = Conn::open(gw.running.public).await;
    waits.send(&Request::get("/open/x").bytes()).await;
    within("a request in the queue", async { while !metrics(&gw).await.contains("tollgate_requests_waiting 1") {} }).await;
    for path in ["/open/x", "/login", "/.well-known/oauth-authorization-server"] {
        let refused = ask(gw.running.public, &Request::get(path)).await;
        assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("overloaded")), "{path}: {refused:?}");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    admin_answers(&gw).await;
    gw.upstream.emit("");
    for conn in &mut held {
        assert_eq!(conn.response().await.status, 200);
    }
    assert_eq!(waits.response().await.status, 200, "who waited is served");
    within("room again", async { while ask(gw.running.public, &Request::get("/open/x")).await.status != 200 {} }).await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_the_queue_allows() {
    let limits = "max_in_flight = 1\nmax_pending = 5\nqueue = \"50ms\"";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let mut held = Conn::open(gw.running.public).await;
    held.send(&Request::get("/open/x").header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    assert_eq!(ask(gw.running.public, &Request::get("/open/x")).await.status, 503);
    gw.upstream.emit("");
    assert_eq!(held.response().await.status, 200);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_shed_while_their_records_pile_up() {
    let limits = "max_audit_backlog = 5";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = Request::get(QUERY).bearer(&caller.token);
    assert_eq!(ask(gw.running.public, &query).await.status, 200);
    // Nobody else can write while this transaction is open: the shipper has to wait.
    let store = sqlx::SqlitePool::connect(&gw.store_url).await.expect("the store opens");
    let mut lock = store.acquire().await.expect("a connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *lock).await.expect("the lock");
    let refused = within("a refusal", async {
        loop {
            let response = ask(gw.running.public, &query).await;
            if response.status != 200 {
                return response;
            }
        }
    })
    .await;
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("overloaded")), "{refused:?}");
    assert!(metrics(&gw).await.contains("tollgate_strained{signal=\"audit_backlog\"} 1"));
    let health = ask(gw.running.admin, &Request::get("/healthz").host("127.0.0.1")).await;
    assert_eq!(health.status, 200, "the admin listener has no part in it");
    sqlx::query("ROLLBACK").execute(&mut *lock).await.expect("the lock is given back");
    within("calls again", async { while ask(gw.running.public, &query).await.status != 200 {} }).await;
    gw.running.stop().await;
}

#[test]
fn a_slow_store_closes_what_asks_it_and_nothing_else() {
    let gw = tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let gw = Gateway::start().await;
        let config = gw.running.node.config.load_full();
        gw.running.stop().await;
        config
    });
    let overload = Overload::new(&gw.listen.limits);
    let api = |name: &str| gw.apis.iter().find(|a| a.name.as_str() == name).map(AsRef::as_ref);
    let refused = |overload: &Overload| [None, api("tollgate"), api("prometheus")].map(|api| overload.admit(api).is_err());
    assert_eq!(refused(&overload), [false, false, false]);
    assert!(overload.set(Strain::StoreLatency, true));
    assert_eq!(refused(&overload), [true, true, false]);
    assert!(overload.set(Strain::StoreLatency, false) && overload.set(Strain::AuditBacklog, true));
    assert_eq!(refused(&overload), [false, true, true]);
}
