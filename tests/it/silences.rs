//! Silences by id, at an Alertmanager that holds everybody's: it is asked whose one is before anything is forwarded.

use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Api, Caller, Gateway, Setup, UPSTREAM_SECRET};

/// Three Alertmanagers for everybody: one that is held, one in shadow mode, one that does not answer.
fn alerts() -> Setup {
    let shared = |name: &str| {
        Api::named(name).pack("alertmanager").keys(r#"tenant = { mode = "label", label = "tenant", value = "{org.tenant}" }"#)
    };
    let alerts = shared("alerts").behind("metrics");
    let dark = shared("darkalerts").mount("/dark").behind("metrics").keys("enforce = \"shadow\"");
    let lost = shared("noalerts").mount("/lost").behind("nobody");
    Setup { more: format!("{alerts}{dark}{lost}"), ..Setup::default() }
}

/// What the upstream has under these ids: see `harness::upstream`.
const OURS: &str = "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2a";
const THEIRS: &str = "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2b";
const FAILING: &str = "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2c";
const GARBLED: &str = "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2d";
const UNKNOWN: &str = "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2e";
const LOCKED: &str = "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2f";

async fn start() -> (Gateway, Caller, Conn) {
    let gw = Gateway::start_with(alerts()).await;
    let caller = gw.open_caller("acme", &["admin"], "silences:read silences:write").await;
    let conn = Conn::open(gw.running.public).await;
    (gw, caller, conn)
}

fn by_id(method: &str, mount: &str, id: &str, caller: &Caller) -> Request {
    Request::new(method, &format!("{mount}/api/v2/silence/{id}")).bearer(&caller.token)
}

fn body_of(id: &str) -> String {
    format!(r#"{{"id":"{id}","comment":"c","matchers":[]}}"#)
}

fn post(mount: &str, body: &str, caller: &Caller) -> Request {
    let target = format!("{mount}/api/v2/silences");
    Request::new("POST", &target).bearer(&caller.token).header("Content-Type", "application/json").body(body)
}

/// What reached the upstream since `before`, as `METHOD target`.
fn since(gw: &Gateway, before: usize) -> Vec<String> {
    gw.upstream.seen()[before..].iter().map(|seen| format!("{} {}", seen.method(), seen.target())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_of_the_caller_is_read_ended_and_replaced() {
    let (gw, caller, mut conn) = start().await;
    let shown = format!("GET /base/api/v2/silence/{OURS}");
    let read =
        conn.ask(&by_id("GET", "/alerts", OURS, &caller).header("X-Mark", "client").header("Accept-Encoding", "gzip")).await;
    assert_eq!(read.status, 200, "{read:?}");
    assert!(read.text().contains("tenant-acme"), "{read:?}");
    assert_eq!(since(&gw, 0), [shown.clone(), shown.clone()]);
    let (asked, sent) = (&gw.upstream.seen()[0], gw.upstream.last());
    assert_eq!((asked.header("authorization"), asked.header("host")), (UPSTREAM_SECRET.to_owned(), sent.header("host")));
    assert!(asked.values("x-mark").is_empty() && sent.values("accept-encoding").is_empty(), "{}", asked.text());
    let id = read.header("x-request-id").expect("an id").to_owned();
    assert_eq!((asked.header("x-request-id"), sent.header("x-request-id")), (id.clone(), id));

    let before = gw.upstream.count();
    let ended = conn.ask(&by_id("DELETE", "/alerts", OURS, &caller)).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(since(&gw, before), [shown.clone(), format!("DELETE /base/api/v2/silence/{OURS}")]);
    assert_eq!(reason(&gw.record_of(&ended).await), "allowed");

    let before = gw.upstream.count();
    let replaced = conn.ask(&post("/alerts", &body_of(OURS), &caller)).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    assert_eq!(since(&gw, before), [shown, "POST /base/api/v2/silences".to_owned()]);
    let sent = String::from_utf8(gw.upstream.last().body).expect("JSON");
    assert!(sent.contains(OURS) && sent.contains(r#""value":"tenant-acme""#), "{sent}");

    let before = gw.upstream.count();
    assert_eq!(conn.ask(&post("/alerts", &body_of(""), &caller)).await.status, 200);
    assert_eq!(since(&gw, before), ["POST /base/api/v2/silences"], "a new one is nobody's yet");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_of_somebody_else_is_one_that_does_not_exist() {
    let (gw, caller, mut conn) = start().await;
    let mut answers = Vec::new();
    for id in [THEIRS, UNKNOWN] {
        for request in [
            by_id("GET", "/alerts", id, &caller),
            by_id("DELETE", "/alerts", id, &caller),
            post("/alerts", &body_of(id), &caller),
        ] {
            let before = gw.upstream.count();
            let response = conn.ask(&request).await;
            assert_eq!((response.status, response.reason().as_deref()), (404, Some("silence_not_yours")), "{response:?}");
            assert_eq!(since(&gw, before), [format!("GET /base/api/v2/silence/{id}")], "nothing but the question");
            let record = gw.record_of(&response).await;
            assert_eq!((reason(&record), record.org.as_ref()), ("silence_not_yours", Some(&caller.org.id)));
            let request = response.header("x-request-id").expect("an id").to_owned();
            answers.push(response.text().replace(&request, ""));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "nobody can tell one from the other: {answers:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_found_out_is_not_let_through() {
    let (gw, caller, mut conn) = start().await;
    for (id, mount, asked) in [(FAILING, "/alerts", 1), (GARBLED, "/alerts", 1), (LOCKED, "/alerts", 1), (OURS, "/lost", 0)] {
        for method in ["GET", "DELETE"] {
            let before = gw.upstream.count();
            let response = conn.ask(&by_id(method, mount, id, &caller)).await;
            let said = (response.status, response.reason(), response.header("retry-after"));
            assert_eq!(said, (503, Some("silence_unread".to_owned()), Some("1")), "{id} {response:?}");
            assert_eq!(since(&gw, before), vec![format!("GET /base/api/v2/silence/{id}"); asked]);
            assert_eq!(reason(&gw.record_of(&response).await), "silence_unread");
        }
    }
    let before = gw.upstream.count();
    for id in ["x", "7d8ab1576f5b4d8e9d4d0a8e3f6a1b2a", "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2"] {
        let response = conn.ask(&by_id("DELETE", "/alerts", id, &caller)).await;
        assert_eq!((response.status, response.reason().as_deref()), (400, Some("silence_malformed")), "{response:?}");
    }
    assert_eq!(gw.upstream.count(), before, "what is no id is asked about nowhere");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_mode_lets_it_pass_as_it_came() {
    let (gw, caller, mut conn) = start().await;
    let own = conn.ask(&by_id("DELETE", "/dark", OURS, &caller)).await;
    assert_eq!((own.status, gw.upstream.last().header("authorization")), (200, UPSTREAM_SECRET.to_owned()));
    assert_eq!(call(&gw.record_of(&own).await).would_deny, None);
    for (id, wanted) in [(THEIRS, "silence_not_yours"), (FAILING, "silence_unread")] {
        let target = "/dark/api/v2/silences?a=%20b&c".to_owned();
        let body = body_of(id);
        let request = Request::new("POST", &target).bearer(&caller.token).header("Content-Type", "application/json").body(&*body);
        for request in [request, by_id("DELETE", "/dark", id, &caller)] {
            let response = conn.ask(&request).await;
            assert_eq!(response.status, 200, "{wanted} {response:?}");
            let seen = gw.upstream.last();
            assert!(seen.values("authorization").is_empty(), "nothing of ours is lent: {}", seen.text());
            if seen.method() == "POST" {
                assert_eq!((seen.target(), seen.body), ("/base/api/v2/silences?a=%20b&c".to_owned(), body.clone().into_bytes()));
            }
            let record = gw.record_of(&response).await;
            assert_eq!(call(&record).would_deny.as_ref().map(|w| w.reason.as_str()), Some(wanted));
        }
    }
    gw.running.stop().await;
}
