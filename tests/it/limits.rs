//! How often and how much at once: answers, records, and who is counted with whom.

use crate::harness::audit::reason;
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Gateway, Setup, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_its_rate_is_told_when_to_come_back() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let other = gw.grant_to(&caller.org, &caller.user, &gw.client(None).await, "metrics:read").await;
    let get = |token: &str| Request::get("/tight/rate").bearer(token);
    let mut conn = Conn::open(gw.running.public).await;
    for _ in 0..2 {
        assert_eq!(conn.ask(&get(&caller.token)).await.status, 200);
    }
    let response = conn.ask(&get(&caller.token)).await;
    assert_eq!((response.status, response.reason().as_deref()), (429, Some("rate_limited")), "{response:?}");
    assert_eq!(response.header("retry-after"), Some("5"));
    let record = gw.record_of(&response).await;
    assert_eq!((reason(&record), record.org.as_ref()), ("rate_limited", Some(&caller.org.id)));
    assert_eq!(conn.ask(&get(&other.token)).await.status, 200, "another client of the same user");
    assert_eq!(gw.upstream.count(), 3);
    gw.advance(5);
    assert_eq!(conn.ask(&get(&caller.token)).await.status, 200);
    assert_eq!(conn.ask(&get(&caller.token)).await.status, 429);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_on_for_what_they_may_not_have_is_told_to_wait() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let other = gw.grant_to(&caller.org, &caller.user, &gw.client(None).await, "metrics:read").await;
    // A token that was good once is known too.
    let revoked = gw.grant_to(&caller.org, &caller.user, &gw.client(None).await, "metrics:read").await;
    gw.revoke(&revoked.grant).await;
    let refused = |token: &str| Request::get("/prometheus/api/v1/rules").bearer(token);
    let mut conn = Conn::open(gw.running.public).await;
    for number in 1..=300 {
        assert_eq!(conn.ask(&refused(&caller.token)).await.status, 403, "{number}");
    }
    let mut last = None;
    for _ in 0..100 {
        let response = conn.ask(&refused(&caller.token)).await;
        assert_eq!((response.status, response.reason().as_deref()), (429, Some("rate_limited")), "{response:?}");
        assert_eq!(response.header("retry-after"), Some("1"));
        last.get_or_insert(response);
    }
    assert_eq!(reason(&gw.record_of(&last.expect("a refusal")).await), "rate_limited");
    let mut why = String::new();
    for number in 1..=400 {
        let response = conn.ask(&refused(&revoked.token)).await;
        assert_eq!(response.status, 401, "{number}: who needs another token is told so, however often");
        assert!(response.header("www-authenticate").is_some(), "{response:?}");
        why = response.reason().expect("a reason");
    }
    assert_eq!(conn.ask(&Request::get("/prometheus/api/v1/query").bearer(&caller.token)).await.status, 200, "what it may have");
    assert_eq!(conn.ask(&refused(&other.token)).await.status, 403, "another client of the same user");
    let calls = gw.calls().await;
    let kept = |what: &dyn Fn(&str) -> bool| calls.iter().filter(|record| what(reason(record))).count();
    assert_eq!(kept(&|reason| reason == "rate_limited"), 60, "of what one caller is told over and over, not everything is kept");
    assert_eq!(kept(&|reason| reason == why), 300, "nor of a token that has ended");
    gw.advance(1);
    assert_eq!(conn.ask(&refused(&caller.token)).await.status, 403);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_token_is_counted_by_address() {
    let gw = Gateway::start().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(ask(gw.running.public, &Request::get("/tight/address")).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_over_its_rate_is_refused_in_json_rpc() {
    let gw = Gateway::start().await;
    let caller = gw.open_caller("acme", &["agent"], "mcp:few:invoke").await;
    let mut conn = Conn::open(gw.running.public).await;
    let call = |tool: &str| {
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{{}}}}}}"
        );
        Request::new("POST", "/mcp/few").bearer(&caller.token).header("Content-Type", "application/json").body(body)
    };
    assert_eq!(conn.ask(&call("echo")).await.status, 200);
    let refused = conn.ask(&call("echo")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")), "{refused:?}");
    let json = refused.json();
    assert_eq!((&json["id"], &json["error"]["data"]["reason"]), (&7.into(), &"rate_limited".into()), "{json}");
    assert_eq!(reason(&gw.record_of(&refused).await), "rate_limited");
    assert_eq!(conn.ask(&call("other")).await.status, 200, "another tool has its own rate");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_serves_as_many_at_once_as_it_may() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let get = || Request::get("/tight/one").bearer(&caller.token);
    let mut first = Conn::open(gw.running.public).await;
    first.send(&get().header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    let response = ask(gw.running.public, &get()).await;
    assert_eq!((response.status, response.reason().as_deref()), (429, Some("too_many_at_once")), "{response:?}");
    assert_eq!(response.header("retry-after"), Some("1"));
    gw.upstream.emit("");
    assert_eq!(first.response().await.status, 200);
    within("room for another", async {
        while ask(gw.running.public, &get()).await.status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_cap_of_its_route_is_refused() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let post = || Request::new("POST", "/tight/small").bearer(&caller.token);
    assert_eq!(ask(gw.running.public, &post().body("0123456789")).await.status, 200);
    let declared = ask(gw.running.public, &post().body("0123456789a")).await;
    assert_eq!((declared.status, declared.reason().as_deref()), (413, Some("body_too_large")), "{declared:?}");
    assert_eq!(gw.upstream.count(), 1);
    let streamed = ask(gw.running.public, &post().chunked(b"0123456789abcdef", 4)).await;
    assert_eq!((streamed.status, streamed.reason().as_deref()), (413, Some("body_too_large")), "{streamed:?}");
    gw.running.stop().await;
}

/// An MCP server has one URL, so that what its API says is what it has.
#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_server_has_caps_of_its_own() {
    let more = "[[apis]]\nname = \"capped\"\nmount = \"/mcp/capped\"\nkind = \"mcp\"\nupstream = \"plain\"\n\
                tools = { default = [] }\nmax_concurrent = 1\nmax_body = \"256B\"\ntimeouts = { total = \"1s\" }\n\
                [roles.capped]\npermissions = [\"mcp:capped:invoke\"]\n";
    let gw = Gateway::start_with(Setup { more: more.to_owned(), ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["capped"], "mcp:capped:invoke").await;
    let said = |padding: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"x\",\"arguments\":{{\"p\":\"{padding}\"}}}}}}"
        )
    };
    let post = || Request::new("POST", "/mcp/capped").bearer(&caller.token).header("Content-Type", "application/json");
    let long = said(&"a".repeat(256));
    for request in [post().body(long.as_str()), post().chunked(long.as_bytes(), 64)] {
        let refused = ask(gw.running.public, &request).await;
        assert_eq!((refused.status, reason(&gw.record_of(&refused).await)), (413, "body_too_large"), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.body).contains("256"), "how long it may be: {refused:?}");
    }
    assert_eq!(gw.upstream.count(), 0, "nothing of them goes on");
    let mut first = Conn::open(gw.running.public).await;
    first.send(&post().body(said("a")).header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    let second = ask(gw.running.public, &post().body(said("a"))).await;
    assert_eq!((second.status, reason(&gw.record_of(&second).await)), (429, "too_many_at_once"), "{second:?}");
    let late = first.response().await;
    assert_eq!(late.status, 504, "its time is over: {late:?}");
    gw.running.stop().await;
}

/// A cap of an API counts all of its routes together.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_serves_as_many_at_once_as_it_may() {
    let more = "[[apis]]\nname = \"whole\"\nmount = \"/whole\"\nupstream = \"plain\"\nmax_concurrent = 1\n\
                [[apis.routes]]\nid = \"whole.a\"\nmatch = \"/a\"\nmethods = [\"GET\"]\npublic = true\n\
                [[apis.routes]]\nid = \"whole.b\"\nmatch = \"/b\"\nmethods = [\"GET\"]\npublic = true\nmax_concurrent = 1\n";
    let gw = Gateway::start_with(Setup { more: more.to_owned(), ..Setup::default() }).await;
    let mut first = Conn::open(gw.running.public).await;
    first.send(&Request::get("/whole/a").header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    for path in ["/whole/a", "/whole/b"] {
        let response = ask(gw.running.public, &Request::get(path)).await;
        assert_eq!((response.status, response.reason().as_deref()), (429, Some("too_many_at_once")), "{path}: {response:?}");
    }
    gw.upstream.emit("");
    assert_eq!(first.response().await.status, 200);
    // What was refused by one of the two caps has left no place taken under the other.
    within("room for another", async {
        while ask(gw.running.public, &Request::get("/whole/b")).await.status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gw.running.stop().await;
}
