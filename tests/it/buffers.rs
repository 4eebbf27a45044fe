//! The memory for bodies that are held as a whole: each organization, and each address while nobody knows whose its requests are,
//! has a share, and gives it back as soon as what it holds is of no use.

use std::sync::Arc;

use tollgate::types::{Memory, Owner};

use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::{Caller, Gateway, Setup, within};

const LIMITS: &str = "buffer_memory = \"8MiB\"\nbuffer_memory_share = \"1MiB\"";

async fn start() -> (Gateway, Arc<Memory>) {
    let gw = Gateway::start_with(Setup { limits: LIMITS, ..Setup::default() }).await;
    let memory = Arc::clone(&gw.running.node.memory);
    (gw, memory)
}

/// Waits until so much is held.
async fn held(memory: &Memory, enough: impl Fn(usize) -> bool) {
    within("what should be held", async {
        while !enough(memory.held()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Asks for an answer of 600 000 bytes that is held until all of it is there.
fn alerts(caller: &Caller) -> Request {
    let get = Request::get("/shared/api/v1/alerts").bearer(&caller.token);
    get.header("X-Behave", "half").header("X-Size", "600000")
}

fn is_refused(response: &Response, who: &str) {
    assert_eq!((response.status, response.reason().as_deref()), (503, Some("overloaded")), "{who}: {response:?}");
    assert_eq!(response.header("retry-after"), Some("1"), "{who}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_holds_its_share_and_the_next_is_served() {
    let (gw, memory) = start().await;
    let ada = gw.open_caller("acme", &["operator"], "alerts:read metrics:read").await;
    let bob = gw.user("bob@acme.test").await;
    gw.member(&ada.org, &bob, &["operator"]).await;
    let bob = gw.grant_to(&ada.org, &bob, &gw.client(None).await, "alerts:read metrics:read").await;
    let eve = gw.open_caller("globex", &["operator"], "alerts:read metrics:read").await;
    let mut first = Conn::open(gw.running.public).await;
    first.send(&alerts(&ada).bytes()).await;
    held(&memory, |bytes| bytes >= 600_000).await;
    for (who, caller) in [("again", &ada), ("another user of the organization, by another client", &bob)] {
        is_refused(&ask(gw.running.public, &alerts(caller)).await, who);
    }
    assert_eq!((memory.refused(), memory.refused_shares()), (2, 2));
    let share = memory.of(Owner::Organization(ada.org.id.clone()));
    assert!(share.held() >= 600_000 && share.held() <= 1 << 20, "{share:?}");
    let mut theirs = Conn::open(gw.running.public).await;
    theirs.send(&alerts(&eve).bytes()).await;
    held(&memory, |bytes| bytes >= 1_200_000).await;
    let query = Request::get("/shared/api/v1/query?query=up").bearer(&ada.token);
    assert_eq!(ask(gw.running.public, &query).await.status, 200, "what fits is served");
    gw.upstream.emit("");
    for (who, conn, tenant) in [("acme", &mut first, "tenant-acme"), ("globex", &mut theirs, "tenant-globex")] {
        let answer = conn.response().await;
        assert_eq!(answer.status, 200, "{who}");
        assert_eq!(answer.text().contains(tenant), who == "acme", "{who}: the alert is acme's");
    }
    held(&memory, |bytes| bytes == 0).await;
    let refused = "tollgate_buffer_share_refused_total 2\n";
    within("the counter", async {
        while !gw.running.metrics.text().contains(refused) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(gw.running.metrics.text().contains("tollgate_strained{signal=\"memory\"} 0"), "one alone strains nobody");
    let mut again = Conn::open(gw.running.public).await;
    again.send(&alerts(&bob).bytes()).await;
    held(&memory, |bytes| bytes >= 600_000).await;
    drop(again);
    held(&memory, |bytes| bytes == 0).await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_a_share_while_nobody_knows_more() {
    let (gw, memory) = start().await;
    let caller = gw.open_caller("acme", &["operator"], "alerts:read metrics:read").await;
    let piece = "x".repeat(60_000);
    let upload = format!("POST /open/x HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {}\r\n\r\n", piece.len() + 1);
    let upload = [upload.as_bytes(), piece.as_bytes()].concat();
    let mut held_open = Vec::new();
    for number in 1..=17 {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&upload).await;
        held(&memory, |bytes| bytes >= number * piece.len()).await;
        held_open.push(conn);
    }
    let mut refused = Conn::open(gw.running.public).await;
    refused.send(&upload).await;
    is_refused(&refused.response().await, "one more of the address");
    let mut elsewhere = Conn::open_from([127, 0, 0, 2].into(), gw.running.public).await;
    elsewhere.send(&upload).await;
    held(&memory, |bytes| bytes >= 18 * piece.len()).await;
    let mut known = Conn::open(gw.running.public).await;
    known.send(&alerts(&caller).bytes()).await;
    held(&memory, |bytes| bytes >= 18 * piece.len() + 600_000).await;
    gw.upstream.emit("");
    assert_eq!(known.response().await.status, 200, "an organization has its own, wherever it calls from");
    for conn in held_open.iter_mut().chain([&mut elsewhere]) {
        conn.send(b"x").await;
        assert_eq!(conn.response().await.status, 200, "what was begun goes on");
    }
    held(&memory, |bytes| bytes == 0).await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_held_until_its_answer_begins() {
    let (gw, memory) = start().await;
    let caller = gw.open_caller("acme", &["agent"], "mcp:tools:invoke").await;
    let message = |behave: &str| {
        let params = serde_json::json!({"name": "echo", "arguments": {"text": "x".repeat(50_000)}});
        let body = serde_json::json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        let post = Request::new("POST", "/mcp/tools").bearer(&caller.token).header("Content-Type", "application/json");
        post.header("X-Behave", behave).body(body.to_string())
    };
    let mut waits = Conn::open(gw.running.public).await;
    waits.send(&message("hold").bytes()).await;
    gw.upstream.asked(1).await;
    held(&memory, |bytes| bytes >= 50_000).await;
    let share = memory.of(Owner::Organization(caller.org.id.clone()));
    assert_eq!(share.held(), memory.held(), "it is the organization's");
    gw.upstream.emit("");
    assert_eq!(waits.response().await.status, 200);
    held(&memory, |bytes| bytes == 0).await;
    let mut streams = Conn::open(gw.running.public).await;
    streams.send(&message("events").bytes()).await;
    assert_eq!(streams.head().await.expect("an answer that has begun").status, 200);
    held(&memory, |bytes| bytes == 0).await;
    gw.upstream.emit("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n");
    assert!(streams.chunk().await.flatten().is_some(), "the answer goes on, with nothing held for it");
    assert_eq!(memory.held(), 0);
    gw.running.stop().await;
}
