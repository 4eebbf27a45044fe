//! What a change of the configuration means for requests that are under way.

use super::{QUERY, gateway};
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Caller, Gateway, Setup, within};

/// How often a caller of open streams was read again.
fn again(gw: &Gateway) -> u64 {
    gw.running.node.verifier.counts.again()
}

/// Waits until that was so many times.
async fn read_again(gw: &Gateway, times: u64) {
    within("a caller read again", async {
        while again(gw) < times {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn stream(gw: &Gateway, caller: &Caller) -> Conn {
    stream_of(gw, Request::get(QUERY).bearer(&caller.token)).await
}

async fn stream_of(gw: &Gateway, request: Request) -> Conn {
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&request.header("X-Behave", "events").header("Accept", "text/event-stream").bytes()).await;
    assert_eq!(within("a response head", conn.head()).await.expect("a head").status, 200);
    conn
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_outlives_a_change_that_leaves_it_its_scopes_and_no_other() {
    let gw = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let other = gw.caller("other", &["operator"], "metrics:read").await;
    let (mut kept, mut revoked) = (stream(&gw, &caller).await, stream(&gw, &other).await);
    let first = gw.text();
    let scope = "\n[scopes.\"aa:first\"]\ndescription = \"Moves every other\"\ngroup = \"X\"\nrisk = \"low\"\n";
    gw.rewrite(&format!("{first}{scope}"));
    assert!(gw.running.reload());
    read_again(&gw, 2).await;
    gw.revoke(&other.grant).await;
    assert_eq!(within("the end of the other stream", revoked.chunk()).await, None);
    gw.upstream.emit("data: on\n\n");
    assert_eq!(within("an event", kept.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
    gw.rewrite(&first.replace("permissions = [\"metrics:read\", \"dash:read\"]", "permissions = [\"dash:read\"]"));
    assert!(gw.running.reload());
    assert_eq!(within("the end of the stream", kept.chunk()).await, None, "its user no longer holds the scope");
    assert_eq!(ask(gw.running.public, &Request::get(QUERY).bearer(&caller.token)).await.status, 403);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_each_caller_of_open_streams_is_read_once() {
    let gw = gateway().await;
    let mut calls = Vec::new();
    for slug in ["acme", "beta", "gamma"] {
        let caller = gw.caller(slug, &["reader"], "metrics:read").await;
        let mut streams = Vec::new();
        for _ in 0..6 {
            streams.push(stream(&gw, &caller).await);
        }
        calls.push((caller, streams));
    }
    let before = again(&gw);
    gw.rewrite(&gw.text().replace("read = \"60s\"", "read = \"59s\""));
    assert!(gw.running.reload());
    read_again(&gw, before + 3).await;
    for (revoked, (caller, streams)) in (1..).zip(calls.iter_mut().take(2)) {
        gw.revoke(&caller.grant).await;
        for stream in streams {
            assert_eq!(within("the end of a stream", stream.chunk()).await, None);
        }
        assert_eq!(again(&gw), before + 3 + revoked, "whom the change named, once, and nobody else");
    }
    gw.upstream.emit("data: on\n\n");
    for stream in &mut calls[2].1 {
        assert_eq!(within("an event", stream.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_tokens_that_are_read_again_together_only_what_is_refused_is_cut() {
    let gw = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    // More than are read in one go.
    let tokens: Vec<_> = (0..70).map(|_| gw.token(&caller.grant, "metrics:read", &[])).collect();
    let mut streams = Vec::new();
    for token in &tokens {
        streams.push(stream_of(&gw, Request::get(QUERY).bearer(token)).await);
    }
    let (before, node) = (again(&gw), &gw.running.node);
    let said = node.verifier.verify(&tokens[40], &node.config.load().issuer, node.now()).expect("a token of ours");
    let until = node.now().plus(std::time::Duration::from_secs(3600));
    node.store.revoke_access_token(&said.jti, &caller.grant.id, until, &node.own_cause()).await.expect("a revocation");
    assert_eq!(within("the end of its stream", streams.swap_remove(40).chunk()).await, None);
    read_again(&gw, before + 70).await;
    gw.upstream.emit("data: on\n\n");
    for stream in &mut streams {
        assert_eq!(within("an event", stream.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
    }
    assert_eq!(again(&gw), before + 70, "each was read once");
    gw.running.stop().await;
}

const STEPS: &str = r#"
[[apis]]
name = "steps"
mount = "/steps"
upstream = "plain"
[[apis.routes]]
id = "steps.one"
match = "/one"
methods = ["GET"]
scopes = ["metrics:read"]
[[apis.routes]]
id = "steps.kept"
match = "/kept"
methods = ["GET"]
scopes = ["metrics:read"]
[[apis.routes]]
id = "steps.open"
match = "/open"
methods = ["GET"]
public = true
[[apis]]
name = "dim"
mount = "/dim"
upstream = "plain"
enforce = "shadow"
[[apis.routes]]
id = "dim.any"
match = "/**"
methods = ["GET"]
scopes = ["metrics:read"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_route_is_closed_or_narrowed_and_no_other_does() {
    let gw = Gateway::start_with(Setup { more: STEPS.to_owned(), file: true, ..Setup::default() }).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let first = gw.text();
    let one = "match = \"/one\"\nmethods = [\"GET\"]\nscopes = [\"metrics:read\"]";
    let open = "match = \"/open\"\nmethods = [\"GET\"]\npublic = true";
    let mut kept = stream_of(&gw, Request::get("/steps/kept").bearer(&caller.token)).await;
    for (what, path, known, before, after) in [
        ("the route is gone", "/steps/one", true, one, one.replace("/one", "/two")),
        ("another method", "/steps/one", true, one, one.replace("GET", "POST")),
        ("one scope more", "/steps/one", true, one, one.replace("\"metrics:read\"", "\"metrics:read\", \"dash:read\"")),
        ("public no more", "/steps/open", false, open, open.replace("public = true", "scopes = [\"metrics:read\"]")),
        ("enforced", "/dim/x", false, "enforce = \"shadow\"\n", String::new()),
        ("elsewhere", "/dim/x", false, "mount = \"/dim\"", "mount = \"/dark\"".to_owned()),
    ] {
        gw.rewrite(&first);
        assert!(gw.running.reload(), "{what}");
        let request = Request::get(path);
        let request = if known { request.bearer(&caller.token) } else { request };
        let mut narrowed = stream_of(&gw, request).await;
        assert!(first.contains(before), "{what}");
        gw.rewrite(&first.replace(before, &after));
        assert!(gw.running.reload(), "{what}");
        assert_eq!(within(what, narrowed.chunk()).await, None, "{what}");
    }
    gw.upstream.emit("data: on\n\n");
    assert_eq!(within("an event", kept.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_only_observed_is_bound_once_its_api_enforces() {
    let gw = Gateway::start_with(Setup { more: STEPS.to_owned(), file: true, ..Setup::default() }).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut known = stream_of(&gw, Request::get("/dim/x").bearer(&caller.token)).await;
    let before = again(&gw);
    gw.rewrite(&gw.text().replace("enforce = \"shadow\"\n", ""));
    assert!(gw.running.reload());
    read_again(&gw, before + 1).await;
    gw.upstream.emit("data: on\n\n");
    assert_eq!(within("an event", known.chunk()).await, Some(Some(b"data: on\n\n".to_vec())), "it may go on");
    gw.revoke(&caller.grant).await;
    assert_eq!(within("the end of the stream", known.chunk()).await, None);
    gw.running.stop().await;
}

const SWAP: &str = r#"
[scopes."mcp:swap:invoke"]
description = "Use what is swapped"
group = "X"
risk = "low"
[roles.swapper]
permissions = ["mcp:swap:invoke"]
[[apis]]
name = "swap"
mount = "/mcp/swap"
upstream = "plain"
"#;
const AS_HTTP: &str = "[[apis.routes]]\nid = \"swap.mcp\"\nmatch = \"/\"\nmethods = [\"GET\"]\nscopes = [\"mcp:swap:invoke\"]\n";
const AS_MCP: &str = "kind = \"mcp\"\ntools = { default = [] }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_api_speaks_something_else() {
    let gw = Gateway::start_with(Setup { more: format!("{SWAP}{AS_HTTP}"), file: true, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["swapper"], "mcp:swap:invoke").await;
    let mut swapped = stream_of(&gw, Request::get("/mcp/swap").bearer(&caller.token)).await;
    gw.rewrite(&gw.text().replace(AS_HTTP, AS_MCP));
    assert!(gw.running.reload());
    assert_eq!(within("the end of the stream", swapped.chunk()).await, None);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_stream_ends_when_the_origin_of_its_page_is_taken_out() {
    let gw = gateway().await;
    let caller = gw.caller("acme", &["agent"], "mcp:tools:invoke metrics:read").await;
    let (first, mount) = (gw.text(), "mount = \"/mcp/tools\"\n");
    assert!(first.contains(mount));
    gw.rewrite(&first.replace(mount, &format!("{mount}allowed_origins = [\"https://page.test\"]\n")));
    assert!(gw.running.reload());
    let request = || Request::get("/mcp/tools").bearer(&caller.token);
    let mut kept = stream_of(&gw, request()).await;
    let mut ended = stream_of(&gw, request().header("Origin", "https://page.test")).await;
    for stream in [&mut kept, &mut ended] {
        let event = within("what a stream begins with", stream.chunk()).await.expect("more").expect("bytes");
        assert!(String::from_utf8_lossy(&event).contains("list_changed"), "{event:?}");
    }
    gw.rewrite(&first);
    assert!(gw.running.reload());
    assert_eq!(within("the end of the page's stream", ended.chunk()).await, None);
    gw.upstream.emit("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n");
    let event = within("an event", kept.chunk()).await.expect("more").expect("bytes");
    assert!(String::from_utf8_lossy(&event).contains("notifications/message"), "{event:?}");
    gw.running.stop().await;
}
