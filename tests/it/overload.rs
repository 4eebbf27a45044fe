//! More than the node may do at one time: refused early, with a reason, and never on the admin listener.

use http::Method;
use tollgate::gateway::overload::{Overload, Strain};

use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Gateway, Setup, http2, within};

const QUERY: &str = "/prometheus/api/v1/query";

async fn admin_answers(gw: &Gateway) {
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(gw.running.admin, &Request::get(path).host("127.0.0.1")).await.status, 200, "{path}");
    }
}

async fn metrics(gw: &Gateway) -> String {
    ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text()
}

fn under_way(requests: usize) -> String {
    format!("tollgate_requests_in_flight {requests}\n")
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
async fn one_address_holds_no_more_requests_than_its_share() {
    let limits = "max_in_flight = 10\nmax_in_flight_per_address = 2";
    let listen = "trusted_proxies = [\"127.0.0.1/32\"]".to_owned();
    let gw = Gateway::start_with(Setup { listen, limits, ..Setup::default() }).await;
    let of = |client: &str| Request::get("/open/x").header("X-Forwarded-For", client);
    let mut held = Vec::new();
    for (number, client) in [(1, "2001:db8::1"), (2, "2001:db8::2")] {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&of(client).header("X-Behave", "hold").bytes()).await;
        gw.upstream.asked(number).await;
        held.push(conn);
    }
    let refused = ask(gw.running.public, &of("2001:db8::3")).await;
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("overloaded")), "the same /64: {refused:?}");
    assert!(metrics(&gw).await.contains("reason=\"overloaded\""));
    for other in [of("2001:db8:0:1::1"), of("192.0.2.1"), Request::get("/open/x")] {
        assert_eq!(ask(gw.running.public, &other).await.status, 200, "others have theirs, and the proxy is nobody");
    }
    let mut direct = Conn::open_from([127, 0, 0, 2].into(), gw.running.public).await;
    assert_eq!(direct.ask(&of("2001:db8::1")).await.status, 200, "what somebody untrusted says of itself does not count");
    gw.upstream.emit("");
    for conn in &mut held {
        assert_eq!(conn.response().await.status, 200);
    }
    within("its share again", async { while ask(gw.running.public, &of("2001:db8::3")).await.status != 200 {} }).await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_connection_count_as_requests_of_its_address() {
    let limits = "max_in_flight = 10\nmax_in_flight_per_address = 3";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let mut held = Vec::new();
    for number in 1..=3 {
        // Nobody is known by these: the body that is promised never comes.
        let (body, begun) = conn.open_stream(http2::request("POST", "/open/x", &[])).await.expect("a stream");
        held.push((body, begun));
        within("a request under way", async { while !metrics(&gw).await.contains(&under_way(number)) {} }).await;
    }
    let refused = conn.ask(http2::request("GET", "/open/x", &[]), None).await.expect("an answer");
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("overloaded")), "{refused:?}");
    let mut other = Conn::open_from([127, 0, 0, 2].into(), gw.running.public).await;
    assert_eq!(other.ask(&Request::get("/open/x")).await.status, 200, "another address is served");
    drop((held, conn));
    within("its share again", async { while ask(gw.running.public, &Request::get("/open/x")).await.status != 200 {} }).await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_no_more_connections_than_its_share() {
    for (listen, trusted) in [("", false), ("trusted_proxies = [\"127.0.0.1/32\"]", true)] {
        let limits = "max_connections = 5\nmax_connections_per_address = 2";
        let gw = Gateway::start_with(Setup { limits, listen: listen.to_owned(), ..Setup::default() }).await;
        let get = Request::get("/open/x");
        let (mut a, mut b) = (Conn::open(gw.running.public).await, Conn::open(gw.running.public).await);
        for conn in [&mut a, &mut b] {
            assert_eq!(conn.ask(&get).await.status, 200);
        }
        let mut third = Conn::open(gw.running.public).await;
        third.send(&get.bytes()).await;
        assert_eq!(third.try_response().await.is_some(), trusted, "a proxy has as many as it wants");
        let refused = gw.running.metrics.text().contains("tollgate_connections_refused_total{reason=\"address\"} 1");
        assert_eq!(refused, !trusted);
        let mut other = Conn::open_from([127, 0, 0, 2].into(), gw.running.public).await;
        assert_eq!(other.ask(&get).await.status, 200, "another address is served");
        drop((a, b));
        let again = within("room for another connection", async {
            loop {
                let mut conn = Conn::open(gw.running.public).await;
                conn.send(&get.bytes()).await;
                if let Some(response) = conn.try_response().await {
                    return response.status;
                }
            }
        });
        assert_eq!(again.await, 200);
        gw.running.stop().await;
    }
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
async fn a_revocation_takes_a_kept_place_once_it_has_come() {
    let limits = "max_in_flight = 1\nmax_pending = 1\nqueue = \"10ms\"";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let mut held = Conn::open(gw.running.public).await;
    held.send(&Request::get("/open/x").header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    let form = "token=none&client_id=nobody";
    let revoke =
        Request::new("POST", "/oauth2/revoke").header("Content-Type", "application/x-www-form-urlencoded").body(form).bytes();
    let (first, rest) = revoke.split_at(revoke.len() - 5);
    let mut slow = Conn::open(gw.running.public).await;
    slow.send(first).await;
    let measured = async || while !metrics(&gw).await.contains(&under_way(1)) {};
    within("the request that is held to be counted", measured()).await;
    assert_eq!(gw.running.gate.overload.load().0, 1, "what has not come takes no place");
    slow.send(rest).await;
    let answered = slow.response().await;
    assert!([400, 401].contains(&answered.status), "it is looked at: {answered:?}");
    assert_eq!(ask(gw.running.public, &Request::get("/open/x")).await.status, 503, "others are shed");
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

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_held_have_one_budget() {
    let limits = "buffer_memory = \"1MiB\"\nmax_mcp_body = \"64KiB\"";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["operator"], "alerts:read metrics:read").await;
    let memory = std::sync::Arc::clone(&gw.running.node.memory);
    let alerts = |size: usize| {
        let get = Request::get("/shared/api/v1/alerts").bearer(&caller.token).header("X-Behave", "half");
        get.header("X-Size", &size.to_string()).bytes()
    };
    let mut held = Conn::open(gw.running.public).await;
    held.send(&alerts(600_000)).await;
    within("an answer that is held", async {
        while memory.held() < 600_000 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for number in 1..=8 {
        let mut refused = Conn::open(gw.running.public).await;
        refused.send(&alerts(600_000)).await;
        let refused = refused.response().await;
        assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("overloaded")), "{refused:?}");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert!(memory.held() <= 1 << 20 && memory.refused() >= number, "{memory:?}");
    }
    assert_eq!(ask(gw.running.public, &Request::get("/open/x")).await.status, 200, "what is not held needs none");
    gw.upstream.emit("");
    let answer = held.response().await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 600_000 && answer.text().contains("tenant-acme"));
    within("all that was given back", async {
        while memory.held() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within("the gauge", async { while !metrics(&gw).await.contains("tollgate_buffer_bytes 0\n") {} }).await;
    assert!(metrics(&gw).await.contains("tollgate_buffer_refused_total "));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_held_is_shed_while_memory_is_short() {
    let limits = "buffer_memory = \"1MiB\"\nmax_mcp_body = \"64KiB\"";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["operator"], "alerts:read metrics:read").await;
    let memory = std::sync::Arc::clone(&gw.running.node.memory);
    let taken = memory.take(900_000).expect("room");
    let is = async |up: &str| {
        let line = format!("tollgate_strained{{signal=\"memory\"}} {up}\n");
        within("the signal", async { while !metrics(&gw).await.contains(&line) {} }).await;
    };
    is("1").await;
    let query = Request::get("/shared/api/v1/query?query=up").bearer(&caller.token);
    let refused = ask(gw.running.public, &query).await;
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("overloaded")), "{refused:?}");
    for path in ["/open/x", "/.well-known/oauth-authorization-server"] {
        assert_eq!(ask(gw.running.public, &Request::get(path)).await.status, 200, "{path}");
    }
    drop(taken);
    is("0").await;
    assert_eq!(ask(gw.running.public, &query).await.status, 200);
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
    let refused = |overload: &Overload| {
        [None, api("tollgate"), api("prometheus")].map(|api| overload.admit(api, &Method::DELETE, "/x").is_err())
    };
    let revoked = |overload: &Overload| {
        let revoked = overload.admit(None, &Method::POST, "/oauth2/revoke").is_ok();
        revoked && overload.admit(api("tollgate"), &Method::DELETE, "/api/v1/grants/g").is_ok()
    };
    assert_eq!(refused(&overload), [false, false, false]);
    assert!(overload.set(Strain::StoreLatency, true));
    assert_eq!(refused(&overload), [true, true, false]);
    assert!(revoked(&overload), "what takes something away goes on");
    let code = |overload: &Overload| overload.admit(None, &Method::GET, "/login").err().map(|denial| denial.code());
    assert_eq!(code(&overload), Some("overloaded"));
    assert!(overload.store_fails(true) && !overload.store_fails(true), "news once");
    assert_eq!(code(&overload), Some("store_unavailable"), "that is not for want of room");
    assert!(overload.store_fails(false));
    assert!(overload.set(Strain::StoreLatency, false) && overload.set(Strain::AuditBacklog, true));
    assert_eq!(refused(&overload), [false, true, true]);
    assert!(revoked(&overload), "what takes something away goes on");
}

/// Keeps the store busy until it is dropped: nobody else can write, or on PostgreSQL touch the heartbeat.
async fn busy(gw: &Gateway) -> Box<dyn std::any::Any> {
    use sqlx::{Connection as _, Executor as _};

    if gw.store_url.starts_with("sqlite:") {
        let mut conn = sqlx::SqliteConnection::connect(&gw.store_url).await.expect("the store opens");
        conn.execute("BEGIN IMMEDIATE").await.expect("the lock");
        return Box::new(conn);
    }
    let mut conn = sqlx::PgConnection::connect(&gw.store_url).await.expect("the store opens");
    for lock in ["BEGIN", "LOCK TABLE heartbeat IN ACCESS EXCLUSIVE MODE"] {
        conn.execute(lock).await.expect("the lock");
    }
    Box::new(conn)
}

async fn sheds_while_the_store_is_slow(store: Option<String>) {
    // More than a busy machine takes for one question.
    let limits = "max_store_latency = \"2s\"";
    let gw = Gateway::start_with(Setup { limits, store, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["clerk"], "metrics:read members:read mcp:tollgate:invoke").await;
    let is = async |up: &str| {
        let line = format!("tollgate_strained{{signal=\"store_latency\"}} {up}\n");
        within("the signal", async {
            while !gw.running.metrics.text().contains(&line) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    let query = Request::get(QUERY).bearer(&caller.token);
    let listing = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}";
    let tools = Request::new("POST", "/mcp").bearer(&caller.token).header("Content-Type", "application/json");
    let asks = [
        ("a page", Request::get("/login")),
        ("an OAuth endpoint", Request::get("/.well-known/oauth-authorization-server")),
        (
            "a token endpoint",
            Request::new("POST", "/oauth2/token").header("Content-Type", "application/x-www-form-urlencoded").body("a=b"),
        ),
        ("our own API", Request::get("/api/v1/members").bearer(&caller.token)),
        ("our own MCP server", tools.header("Accept", "application/json, text/event-stream").body(listing)),
    ];
    is("0").await;
    assert_eq!(ask(gw.running.public, &query).await.status, 200);
    for (what, request) in &asks {
        assert!(ask(gw.running.public, request).await.status < 500, "{what}");
    }
    let lock = busy(&gw).await;
    is("1").await;
    for (what, request) in &asks {
        let refused = ask(gw.running.public, request).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{what}: {refused:?}");
        assert!(refused.text().contains("overloaded"), "{what}: {refused:?}");
    }
    for _ in 0..20 {
        assert_eq!(ask(gw.running.public, &query).await.status, 200, "what needs no store goes on");
    }
    let health = ask(gw.running.admin, &Request::get("/healthz").host("127.0.0.1")).await;
    assert_eq!(health.status, 200, "the admin listener has no part in it");
    drop(lock);
    is("0").await;
    for (what, request) in &asks {
        assert!(ask(gw.running.public, request).await.status < 500, "{what} is served again");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_is_spared_and_asked_again_once_it_keeps_up() {
    sheds_while_the_store_is_slow(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_on_postgres_is_spared_and_asked_again() {
    sheds_while_the_store_is_slow(Some(crate::postgres::fresh_database().await)).await;
}
