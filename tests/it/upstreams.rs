//! Several endpoints: which gets a request, what is tried again, what an upstream may hold, how long it may take.

mod circuits;
mod names;

use crate::harness::api::{HTTP2, OPEN, READERS};
use crate::harness::audit::{outcome, reason};
use crate::harness::gateway::free_port;
use crate::harness::grpc::{Collector, frame, rest};
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::http2;
use crate::harness::{Api, Gateway, Setup, Upstream, within};

/// An upstream with these endpoints, open to anybody at `/pair`.
fn pair(endpoints: &[String], keys: &str) -> Setup {
    let endpoints: Vec<_> = endpoints.iter().map(|e| format!("http://{e}")).collect();
    let open = |more: &str| format!("{OPEN}\n{more}");
    let pair = Api::named("pair").at_each(&endpoints, keys);
    pair.route("short", "GET", "/short", &open("timeouts = { first_byte = \"300ms\", idle = \"200ms\" }"))
        .route("upload", "POST", "/upload", &open("timeouts = { first_byte = \"300ms\", idle = \"300ms\" }"))
        .route("total", "GET", "/total", &open("timeouts = { total = \"400ms\" }"))
        .route("any", "GET POST", "/any/**", OPEN)
        .into()
}

async fn two(keys: &str) -> (Gateway, Upstream, Upstream) {
    let (a, b) = (Upstream::start().await, Upstream::start().await);
    let gw = Gateway::start_with(pair(&[a.address.to_string(), b.address.to_string()], keys)).await;
    (gw, a, b)
}

fn get() -> Request {
    Request::get("/pair/any/x")
}

/// The statuses of so many requests, each over a connection of its own.
async fn send(gw: &Gateway, requests: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..requests {
        statuses.push(ask(gw.running.public, &get()).await.status);
    }
    statuses
}

/// The same, each from another address.
async fn send_from_many(gw: &Gateway, requests: u8) -> Vec<u16> {
    let mut statuses = Vec::new();
    for n in 0..requests {
        statuses.push(Conn::open_from([127, 0, 0, 2 + n].into(), gw.running.public).await.ask(&get()).await.status);
    }
    statuses
}

/// What the admin listener says of the upstream `pair`.
async fn seen(gw: &Gateway) -> serde_json::Value {
    let token = gw.running.admin_token.expose().to_owned();
    let request = Request::get("/admin/v1/upstreams").host("127.0.0.1").bearer(&token);
    let all = ask(gw.running.admin, &request).await.json();
    let pair = all.as_array().expect("a list").iter().find(|u| u["name"] == "pair");
    pair.expect("the upstream").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_is_left_out_and_comes_back_slowly() {
    let (gw, a, b) = two("ejection = { failures = 3, base = \"30s\", longest = \"5m\" }").await;
    a.force(Some("fail"));
    let first = send_from_many(&gw, 20).await;
    assert_eq!(first.iter().filter(|s| **s == 500).count(), 3, "{first:?}");
    a.force(None);
    let before = a.count();
    assert_eq!(send(&gw, 20).await, [200; 20]);
    assert_eq!(a.count(), before, "an ejected endpoint gets nothing");
    assert_eq!(seen(&gw).await["endpoints"][0]["condition"], "ejected");
    gw.advance(30);
    send(&gw, 50).await;
    let little = a.count() - before;
    assert!((1..15).contains(&little), "{little} of 50 at first");
    gw.advance(60);
    send(&gw, 50).await;
    let half = a.count() - before - little;
    assert!((20..30).contains(&half), "{half} of 50 at last");
    assert_eq!(a.count() + b.count(), 140);
    gw.running.stop().await;
}

/// A caller whose own query makes an endpoint answer 5xx must not take it from the others; one that fails everything goes all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_left_out_for_one_caller_alone_only_after_a_while() {
    let (gw, a, _b) = two("ejection = { failures = 3, base = \"30s\", longest = \"5m\" }").await;
    let condition = async || seen(&gw).await["endpoints"][0]["condition"].as_str().map(str::to_owned);
    a.force(Some("fail"));
    let failed = send(&gw, 30).await.iter().filter(|status| **status == 500).count();
    assert!(failed > 10, "{failed}");
    assert_eq!(condition().await.as_deref(), Some("up"));
    gw.advance(30);
    send(&gw, 5).await;
    assert_eq!(condition().await.as_deref(), Some("ejected"), "nobody was answered for as long");
    gw.running.stop().await;
}

/// Two gRPC servers behind one upstream.
async fn two_collectors(keys: &str) -> (Gateway, Collector, Collector) {
    let (a, b) = (Collector::start().await, Collector::start().await);
    let keys = format!("protocol = \"http2\"\n{keys}");
    let gw = Gateway::start_with(pair(&[a.address.to_string(), b.address.to_string()], &keys)).await;
    (gw, a, b)
}

/// How so many calls end, each from another address.
async fn call(gw: &Gateway, calls: u8, behave: &str) -> Vec<String> {
    let mut ends = Vec::new();
    for n in 0..calls {
        let mut conn = http2::Conn::open_from([127, 0, 0, 2 + n].into(), gw.running.public).await;
        let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("x-behave", behave)];
        let request = http2::request("POST", "/pair/any/x", &headers);
        let (head, mut body) = conn.start(request, Some(frame(b"x"))).await.expect("an answer");
        let (_, trailers) = rest(&mut body).await;
        let told = trailers.get("grpc-status").and_then(|v| v.to_str().ok()).or_else(|| head.header("grpc-status"));
        ends.push(told.expect("a status").to_owned());
    }
    ends
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_calls_are_unavailable_is_left_out() {
    for behave in ["at-once", "at-the-end"] {
        let (gw, a, b) = two_collectors("ejection = { failures = 5, base = \"30s\", longest = \"5m\" }").await;
        a.fail(Some("14"));
        let ends = call(&gw, 30, behave).await;
        assert_eq!(ends.iter().filter(|code| *code == "14").count(), 5, "{behave}: {ends:?}");
        assert_eq!((a.count(), b.count()), (5, 25), "{behave}");
        assert_eq!(seen(&gw).await["endpoints"][0]["condition"], "ejected", "{behave}");
        let metrics = gw.running.metrics.text();
        for line in [
            "tollgate_upstream_calls_total{code=\"UNAVAILABLE\",upstream=\"pair\"} 5",
            "tollgate_upstream_calls_total{code=\"OK\",upstream=\"pair\"} 25",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
        gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_over_grpc_takes_an_endpoint_out_and_brings_it_back() {
    let checks = "checks = { interval = \"1s\", timeout = \"1s\", healthy = 2, unhealthy = 2 }";
    let keys = format!("health = {{ grpc = \"\" }}\nejection = {{ failures = 0 }}\n{checks}");
    let (gw, a, b) = two_collectors(&keys).await;
    let becomes = async |condition: &str| {
        within(condition, async {
            while seen(&gw).await["endpoints"][0]["condition"] != condition {
                gw.advance(1);
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    a.fail(Some("14"));
    becomes("unhealthy").await;
    assert_eq!(call(&gw, 10, "").await, ["0"; 10]);
    assert_eq!((a.count(), b.count()), (0, 10), "an endpoint that is not well gets nothing");
    a.fail(None);
    becomes("up").await;
    gw.advance(60);
    assert_eq!(call(&gw, 10, "").await, ["0"; 10]);
    assert!(a.count() > 0);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_can_bring_about_is_not_the_endpoints_fault() {
    let (gw, a, _b) = two_collectors("ejection = { failures = 2, base = \"30s\", longest = \"5m\" }").await;
    for code in ["2", "4", "8", "13"] {
        a.fail(Some(code));
        let ends = call(&gw, 10, "").await;
        assert!(ends.iter().filter(|end| *end == code).count() > 2, "{ends:?}");
        let view = seen(&gw).await;
        let endpoint = &view["endpoints"][0];
        assert_eq!((endpoint["condition"].as_str(), endpoint["failed"].as_u64()), (Some("up"), Some(0)), "{code}: {endpoint}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_sending_is_not_the_endpoints_fault() {
    let (gw, a, b) = two("ejection = { failures = 2, base = \"30s\", longest = \"5m\" }").await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    for number in 0..8 {
        let request = http2::request("POST", "/pair/upload", &[("content-length", "10")]);
        let (mut body, begun) = conn.open_stream(request).await.expect("a stream");
        body.send_data("half".into(), false).expect("room");
        let answer = begun.response().await.expect("an answer");
        assert_eq!((answer.status, answer.reason().as_deref()), (408, Some("body_broken")), "{number}: {answer:?}");
        let record = gw.record_of(&answer).await;
        assert_eq!(outcome(&record), "Client");
    }
    for endpoint in seen(&gw).await["endpoints"].as_array().expect("endpoints") {
        assert_eq!((endpoint["condition"].as_str(), endpoint["failed"].as_u64()), (Some("up"), Some(0)), "{endpoint}");
    }
    // Who sends all and is not answered has an endpoint to complain about.
    a.force(Some("silent"));
    b.force(Some("silent"));
    let whole = http2::request("POST", "/pair/upload", &[("content-length", "4")]);
    let answer = conn.ask(whole, Some("half".into())).await.expect("an answer");
    assert_eq!((answer.status, answer.reason().as_deref()), (504, Some("upstream_timeout")), "{answer:?}");
    let failed: u64 =
        seen(&gw).await["endpoints"].as_array().expect("endpoints").iter().filter_map(|e| e["failed"].as_u64()).sum();
    assert_eq!(failed, 1);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_goes_elsewhere() {
    let b = Upstream::start().await;
    let gone = format!("127.0.0.1:{}", free_port());
    let gw = Gateway::start_with(pair(&[gone, b.address.to_string()], "")).await;
    for number in 1..=10 {
        let response = ask(gw.running.public, &Request::new("POST", "/pair/any/x").body("once")).await;
        assert_eq!((response.status, b.count()), (200, number), "{response:?}");
        assert_eq!(b.last().body, b"once");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_can_do_nothing_twice_is_sent_twice() {
    let (gw, a, b) = two("ejection = { failures = 0 }").await;
    a.force(Some("drop"));
    assert_eq!(send(&gw, 10).await, [200; 10]);
    let (at_a, at_b) = (a.count(), b.count());
    assert!(at_a > 0 && at_b == 10, "{at_a} {at_b}");
    let mut broken = 0;
    for _ in 0..10 {
        let response = ask(gw.running.public, &Request::new("POST", "/pair/any/x").body("once")).await;
        broken += usize::from(response.status == 502);
    }
    assert!(broken > 0 && a.count() == at_a + broken, "{broken}");
    assert_eq!(a.count() + b.count(), at_a + at_b + 10, "no POST was sent twice");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_keep_to_their_budget_in_a_storm() {
    let (gw, a, b) = two("ejection = { failures = 0 }\nretries = { tries = 3, budget = 10, reserve = 3 }").await;
    a.force(Some("drop"));
    b.force(Some("drop"));
    assert_eq!(send(&gw, 100).await, [502; 100]);
    let sent = a.count() + b.count();
    assert!((103..=113).contains(&sent), "{sent}");
    let pair = seen(&gw).await;
    assert_eq!(pair["retries"], sent - 100);
    assert!(pair["refused_retries"].as_u64() > Some(50), "{pair}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_holds_as_many_requests_as_it_may() {
    let (gw, a, b) = two("limits = { in_flight = 1, pending = 1, queue = \"60s\" }").await;
    let mut held = Conn::open(gw.running.public).await;
    held.send(&get().header("X-Behave", "hold").bytes()).await;
    within("the first request", async {
        while a.count() + b.count() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut waits = Conn::open(gw.running.public).await;
    waits.send(&get().bytes()).await;
    within("a request in the queue", async { while seen(&gw).await["waiting"] != 1 {} }).await;
    let refused = ask(gw.running.public, &get()).await;
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("upstream_overloaded")), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(ask(gw.running.public, &Request::get("/open/x")).await.status, 200, "another upstream has its own places");
    a.emit("");
    b.emit("");
    assert_eq!(held.response().await.status, 200);
    assert_eq!(waits.response().await.status, 200, "who waited is served");
    gw.running.stop().await;
}

/// Opens streams until one is refused; gives how many there were, and the refusal.
async fn open_streams(gw: &Gateway, upstream: &Upstream, token: &str, held: &mut Vec<Conn>) -> (usize, Response) {
    let before = held.len();
    loop {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&Request::get("/wide/tail").bearer(token).header("X-Behave", "events").bytes()).await;
        let answer = within("a head", conn.head()).await.expect("a head");
        if answer.status != 200 {
            return (held.len() - before, answer);
        }
        held.push(conn);
        assert_eq!(upstream.count(), held.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_alone_holds_all_places_of_an_upstream() {
    let wide = Upstream::start().await;
    let api = Api::named("wide").at(wide.address, "limits = { in_flight = 64, pending = 0 }");
    let gw = Gateway::start_with(api.route("tail", "GET", "/tail", READERS).into()).await;
    let ada = gw.caller("acme", &["reader"], "metrics:read").await;
    let eve = gw.user("eve@acme.test").await;
    gw.member(&ada.org, &eve, &["reader"]).await;
    let eve = gw.grant_to(&ada.org, &eve, &ada.client, "metrics:read").await;
    let bob = gw.caller("beta", &["reader"], "metrics:read").await;
    let carl = gw.caller("gamma", &["reader"], "metrics:read").await;
    let mut held = Vec::new();
    for (caller, places, refusal) in
        [(&ada, 48, "upstream_share_used"), (&eve, 8, "upstream_share_used"), (&bob, 8, "upstream_share_used")]
    {
        let (opened, refused) = open_streams(&gw, &wide, &caller.token, &mut held).await;
        let seen = (opened, refused.status, refused.header("retry-after"));
        assert_eq!(seen, (places, 429, Some("1")), "{}: {refused:?}", caller.user.email);
        assert_eq!(reason(&gw.record_of(&refused).await), refusal);
    }
    let (opened, refused) = open_streams(&gw, &wide, &carl.token, &mut held).await;
    assert_eq!((opened, refused.status), (0, 503), "all are taken: {refused:?}");
    assert_eq!(reason(&gw.record_of(&refused).await), "upstream_overloaded");
    wide.finish();
    for conn in &mut held {
        assert_eq!(within("the end of a stream", conn.chunk()).await, Some(None));
    }
    within("free places", async {
        loop {
            let answer = ask(gw.running.public, &Request::get("/wide/tail").bearer(&ada.token)).await;
            if answer.status == 200 {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_takes_an_endpoint_out_and_brings_it_back() {
    let (gw, a, b) =
        two("health = \"/well\"\nchecks = { interval = \"1s\", timeout = \"1s\", healthy = 2, unhealthy = 2 }").await;
    let becomes = async |condition: &str| {
        within(condition, async {
            while seen(&gw).await["endpoints"][0]["condition"] != condition {
                gw.advance(1);
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    a.asked(1).await;
    assert_eq!(a.last().target(), "/well");
    a.force(Some("fail"));
    becomes("unhealthy").await;
    let asked = |u: &Upstream| u.seen().iter().filter(|s| s.target() == "/any/x").count();
    assert_eq!(send(&gw, 20).await, [200; 20]);
    assert_eq!((asked(&a), asked(&b)), (0, 20), "an endpoint that is not well gets nothing");
    a.force(None);
    becomes("up").await;
    gw.advance(60);
    send(&gw, 20).await;
    assert!((7..=13).contains(&asked(&a)), "{}", asked(&a));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_shows_what_requests_show() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "Basic b3VyczpzZWNyZXQ=").expect("a secret");
    let inject = format!("inject = [{{ header = \"Authorization\", value_file = \"{}\" }}]", secret.path().display());
    let checks = "checks = { interval = \"1s\", timeout = \"1s\", healthy = 2, unhealthy = 2 }";
    let (gw, a, _b) = two(&format!("health = \"/well\"\n{checks}\n{inject}")).await;
    a.asked(1).await;
    assert_eq!((a.last().target(), a.last().header("authorization")), ("/well".to_owned(), "Basic b3VyczpzZWNyZXQ=".to_owned()));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_no_longer_than_its_route_allows() {
    let (gw, a, b) = two("").await;
    let silent = ask(gw.running.public, &Request::get("/pair/short").header("X-Behave", "silent")).await;
    assert_eq!((silent.status, silent.reason().as_deref()), (504, Some("upstream_timeout")), "{silent:?}");
    assert_eq!(a.count() + b.count(), 1, "an upstream that is slow is not asked twice");
    let late = ask(gw.running.public, &Request::get("/pair/total").header("X-Behave", "silent")).await;
    assert_eq!((late.status, late.reason().as_deref()), (504, Some("upstream_timeout")), "{late:?}");
    for path in ["/pair/short", "/pair/total"] {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&Request::get(path).header("X-Behave", "events").bytes()).await;
        let head = within("a head", conn.head()).await.expect("a head");
        assert_eq!(head.status, 200);
        assert!(within("the end", conn.try_response()).await.is_none(), "it has no whole body");
        assert_eq!(outcome(&gw.record_of(&head).await), "Upstream", "{path}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_of_itself_gives_it_no_more_time() {
    let (gw, a, b) = two("timeouts = { connect = \"200ms\", read = \"300ms\" }").await;
    let ask_for_events = || get().header("Accept", "application/json, text/event-stream");
    let mut streaming = Conn::open(gw.running.public).await;
    streaming.send(&ask_for_events().header("X-Behave", "events").bytes()).await;
    assert_eq!(streaming.head().await.expect("a head").status, 200);
    let (before_a, before_b) = (a.count(), b.count());
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&ask_for_events().header("X-Behave", "silent").bytes()).await;
    let silent = conn.response().await;
    assert_eq!((silent.status, silent.reason().as_deref()), (504, Some("upstream_timeout")), "no longer than for any answer");
    let seen = if a.count() > before_a { a.last() } else { b.last() };
    assert_eq!(a.count() + b.count(), before_a + before_b + 1);
    assert_eq!(outcome(&gw.record_of_request(&seen.header("x-request-id")).await), "Upstream");
    let mut conn = http2::Conn::open(gw.running.public).await;
    let call = http2::request("POST", "/pair/any/x", &[("content-type", "application/grpc"), ("x-behave", "silent")]);
    let (mut body, begun) = conn.open_stream(call).await.expect("a stream");
    body.send_data("all".into(), true).expect("room");
    let (told, _) = within("an answer", begun.head()).await.expect("a route that is for no calls has no long ones");
    assert_eq!((told.status, told.header("grpc-status")), (200, Some("4")), "{told:?}");
    a.emit("data: late\n\n");
    b.emit("data: late\n\n");
    let event = within("an event after a pause", streaming.chunk()).await.flatten();
    assert_eq!(event.as_deref(), Some(&b"data: late\n\n"[..]), "the answer is a stream and has its time");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_keeps_so_many_idle_connections_and_no_more() {
    let (gw, a, b) = two("limits = { idle = 2 }").await;
    let mut held = Vec::new();
    for number in 1..=12 {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&get().header("X-Behave", "hold").bytes()).await;
        within("a request that is held", async {
            while a.count() + b.count() < number {
                tokio::task::yield_now().await;
            }
        })
        .await;
        held.push(conn);
    }
    a.emit("");
    b.emit("");
    for conn in &mut held {
        assert_eq!(conn.response().await.status, 200);
    }
    within("as many connections as are kept", async {
        loop {
            send(&gw, 2).await;
            let pair = seen(&gw).await;
            let open: Vec<_> =
                pair["endpoints"].as_array().expect("endpoints").iter().filter_map(|e| e["connections"].as_i64()).collect();
            if open.iter().all(|open| *open <= 3) {
                return;
            }
        }
    })
    .await;
    let made = a.connections() + b.connections();
    send(&gw, 20).await;
    assert!(a.connections() + b.connections() <= made + 2, "those that are kept are used");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_keeps_nobody_else_waiting() {
    let (gw, a, b) = two("limits = { in_flight = 4, pending = 0 }\nretries = { tries = 1 }").await;
    let mut lost = Vec::new();
    for number in 1..=4 {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&get().header("X-Behave", "silent").bytes()).await;
        within("the request in the hole", async {
            while a.count() + b.count() < number {
                tokio::task::yield_now().await;
            }
        })
        .await;
        lost.push(conn);
    }
    assert_eq!(send(&gw, 3).await, [503; 3]);
    for _ in 0..20 {
        assert_eq!(ask(gw.running.public, &Request::get("/open/x")).await.status, 200);
    }
    assert_eq!(seen(&gw).await["in_flight"], 4);
    drop(lost);
    within("places that are free again", async { while send(&gw, 1).await != [200] {} }).await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_name_endpoints_and_the_view_needs_the_secret() {
    let (gw, a, _b) = two("").await;
    send(&gw, 4).await;
    let labels = format!("endpoint=\"http://{}\",upstream=\"pair\"", a.address);
    within("the counts", async {
        loop {
            let text = ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text();
            let answered = format!("tollgate_upstream_requests_total{{endpoint=\"http://{}\",outcome=\"answered\"", a.address);
            if text.contains(&format!("tollgate_upstream_endpoint_up{{{labels}}} 1")) && text.contains(&answered) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let stranger = ask(gw.running.admin, &Request::get("/admin/v1/upstreams").host("127.0.0.1")).await;
    assert_eq!(stranger.status, 401);
    gw.running.stop().await;
}

/// What the endpoints of `pair` say of their failures, all together.
async fn failures(gw: &Gateway) -> u64 {
    let seen = seen(gw).await;
    seen["endpoints"].as_array().expect("endpoints").iter().filter_map(|e| e["failed"].as_u64()).sum()
}

/// Who asks for a stream on a route that is for none waits for its first byte no longer than others, and is told so; the endpoint that
/// said nothing is to blame. Over HTTP/2 only it is told, in its own form: the others of its connection go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_begin_is_an_endpoint_that_does_not_answer() {
    let timeouts = "timeouts = { connect = \"2s\", read = \"2s\", stream_idle = \"1h\", write = \"30s\" }";
    let (gw, a, b) = two(timeouts).await;
    let events = get().header("Accept", "text/event-stream");
    let asked = ask(gw.running.public, &events).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    a.force(Some("silent"));
    b.force(Some("silent"));
    let answer = ask(gw.running.public, &events).await;
    assert_eq!((answer.status, answer.reason().as_deref()), (504, Some("upstream_timeout")), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(outcome(&gw.record_of(&answer).await), "Upstream");
    assert_eq!(failures(&gw).await, 1);

    let mut conn = http2::Conn::open(gw.running.public).await;
    let accept = [("accept", "text/event-stream")];
    let late = conn.ask(http2::request("GET", "/pair/any/x", &accept), None).await.expect("an answer");
    assert_eq!((late.status, late.reason().as_deref()), (504, Some("upstream_timeout")), "{late:?}");
    assert_eq!(late.header("content-type"), Some("application/problem+json"));
    assert_eq!(outcome(&gw.record_of(&late).await), "Upstream");
    assert_eq!(failures(&gw).await, 2);
    let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    let late = conn.ask(http2::request("POST", "/pair/any/x", &grpc), Some("all".into())).await.expect("an answer");
    let status = |name| late.header(name).unwrap_or_default().to_owned();
    assert_eq!((late.status, status("grpc-status"), status("content-type")), (200, "4".into(), "application/grpc".into()));
    assert_eq!(outcome(&gw.record_of(&late).await), "Upstream");
    assert_eq!(failures(&gw).await, 3);
    a.force(None);
    b.force(None);
    let answer = conn.ask(http2::request("GET", "/pair/any/x", &accept), None).await.expect("an answer");
    assert_eq!(answer.status, 200, "the connection lives on");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_answered_is_the_upstreams_to_explain() {
    let server = Collector::start().await;
    let calls = Api::named("calls").at(server.address, HTTP2).keys("services = [\"test.v1.Calls\"]");
    let brief = format!("{OPEN}\ntimeouts = {{ idle = \"300ms\", first_byte = \"300ms\" }}");
    let gw = Gateway::start_with(calls.route("any", "POST", "/test.v1.Calls/Call", &brief).into()).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let call = http2::request("POST", "/test.v1.Calls/Call", &[("content-type", "application/grpc"), ("te", "trailers")]);
    let (mut sending, begun) = conn.open_stream(call).await.expect("a stream");
    sending.send_data(frame(b"one of many"), false).expect("room");
    let (told, _) = within("an answer", begun.head()).await.expect("a head");
    assert_eq!((told.status, told.header("grpc-status")), (200, Some("4")), "{told:?}");
    assert_eq!(outcome(&gw.record_of(&told).await), "Upstream");
    gw.running.stop().await;
}
