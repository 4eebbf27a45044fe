//! Both eras of the protocol on one URL: sessions of the legacy one, and what each of them no longer or not yet has.

use serde_json::{Value, json};

use super::{INITIALIZE, PING, URL, agent, post};
use crate::harness::Caller;
use crate::harness::Gateway;
use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request};

/// Opens a session; gives its id as the client has it.
async fn opened(conn: &mut Conn, caller: &Caller) -> String {
    let response = conn.ask(&post(caller, INITIALIZE).header("X-Behave", "session")).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.header("mcp-session-id").expect("a session").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_users_in_their_organization_on_one_route() {
    let gw = Gateway::start().await;
    let held = "mcp:tools:invoke mcp:few:invoke";
    let ada = gw.open_caller("acme", &["agent"], held).await;
    let mut conn = Conn::open(gw.running.public).await;
    let session = opened(&mut conn, &ada).await;
    assert!(session.starts_with("up-1.") && session.len() > "up-1.".len(), "{session}");
    assert_eq!(opened(&mut conn, &ada).await, session, "a server repeats the id in its answers: it must stay one session");

    let with = |caller: &Caller, id: &str| post(caller, PING).header("Mcp-Session-Id", id);
    let pinged = conn.ask(&with(&ada, &session).header("Last-Event-ID", "7")).await;
    assert_eq!(pinged.status, 200, "{pinged:?}");
    let seen = gw.upstream.last();
    assert_eq!((seen.header("mcp-session-id").as_str(), seen.header("last-event-id").as_str()), ("up-1", "7"));
    let again = gw.grant_to(&ada.org, &ada.user, &gw.client(None).await, held).await;
    assert_eq!(conn.ask(&with(&again, &session)).await.status, 200, "who authorizes again keeps the session");

    // The same organization, another user; the same user, another organization; somebody else altogether.
    let bob = gw.user("bob@acme.test").await;
    gw.member(&ada.org, &bob, &["agent"]).await;
    let bob = gw.grant_to(&ada.org, &bob, &ada.client, held).await;
    let beta = gw.org("beta").await;
    gw.member(&beta, &ada.user, &["agent"]).await;
    let elsewhere = gw.grant_to(&beta, &ada.user, &ada.client, held).await;
    let stranger = gw.open_caller("gamma", &["agent"], held).await;
    let last = session.chars().last().map_or('A', |c| if c == 'A' { 'Q' } else { 'A' });
    let forged = [
        format!("{}{last}", &session[..session.len() - 1]),
        format!("x{session}"),
        "up-1".into(),
        "up-1.".into(),
        session.replace('.', ".."),
        ".".into(),
    ];
    let before = gw.upstream.count();
    let foreign = [&bob, &elsewhere, &stranger].map(|caller| (caller, session.clone()));
    for (caller, id) in foreign.into_iter().chain(forged.into_iter().map(|id| (&ada, id))) {
        let refused = conn.ask(&with(caller, &id)).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (404, None), "{id}: {refused:?}");
        let body = refused.json();
        assert_eq!((&body["id"], &body["error"]["data"]["reason"]), (&json!("p"), &json!("session_not_yours")), "{body}");
        let record = gw.record_of(&refused).await;
        assert_eq!((reason(&record), record.org.as_ref()), ("session_not_yours", Some(&caller.org.id)), "{id}");
        assert_eq!(record.actor.user.as_ref(), Some(&caller.user.id));
        assert_eq!(call(&record).mcp.as_ref().map(|m| m.method.as_str()), Some("ping"));
        for method in ["GET", "DELETE"] {
            let request = Request::new(method, URL).bearer(&caller.token).header("Mcp-Session-Id", &id);
            let refused = conn.ask(&request).await;
            assert_eq!((refused.status, reason(&gw.record_of(&refused).await)), (404, "session_not_yours"), "{method} {id}");
        }
    }
    let other = Request::new("POST", "/mcp/few").bearer(&ada.token).header("Content-Type", "application/json");
    let refused = conn.ask(&other.header("Mcp-Session-Id", &session).body(PING)).await;
    assert_eq!((refused.status, reason(&gw.record_of(&refused).await)), (404, "session_not_yours"), "another server's");
    assert_eq!(gw.upstream.count(), before);
    let ended = conn.ask(&Request::new("DELETE", URL).bearer(&ada.token).header("Mcp-Session-Id", &session)).await;
    assert_eq!((ended.status, gw.upstream.last().header("mcp-session-id").as_str()), (200, "up-1"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_modern_era_and_servers_that_are_unsure_have_no_session() {
    let (gw, caller, mut conn) = agent().await;
    let modern = json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover",
        "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}});
    let modern =
        post(&caller, modern.to_string()).header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", "server/discover");
    let response =
        conn.ask(&modern.header("Mcp-Session-Id", "anything").header("Last-Event-ID", "7").header("X-Behave", "session")).await;
    assert_eq!((response.status, response.header("mcp-session-id")), (200, None), "{response:?}");
    let seen = gw.upstream.last();
    assert!(seen.values("mcp-session-id").is_empty() && seen.values("last-event-id").is_empty(), "{}", seen.text());
    let twice = conn.ask(&post(&caller, INITIALIZE).header("X-Behave", "sessions")).await;
    assert_eq!((twice.status, twice.header("mcp-session-id")), (200, None), "{twice:?}");
    let without = conn.ask(&post(&caller, PING).header("Last-Event-ID", "7")).await;
    assert_eq!(without.status, 200);
    assert!(gw.upstream.last().values("last-event-id").is_empty(), "ids of events belong to a session");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_modern_era_has_no_more_is_for_its_server_to_say() {
    let (gw, caller, mut conn) = agent().await;
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let ask = |params: Value| json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
        let modern = |body: String| post(&caller, body).header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", method);
        let before = gw.upstream.count();
        let answered = conn.ask(&modern(ask(json!({"_meta": meta})))).await;
        assert_eq!((answered.status, gw.upstream.count()), (200, before + 1), "{method}: {answered:?}");
        // What names a resource is judged, whatever its server makes of it, and the legacy era has to name one.
        let named = conn.ask(&modern(ask(json!({"_meta": meta, "uri": "log:///a"})))).await;
        assert_eq!(reason(&gw.record_of(&named).await), "target_denied", "{named:?}");
        let legacy = conn.ask(&post(&caller, ask(json!({})))).await;
        assert_eq!((legacy.status, &legacy.json()["error"]["code"]), (400, &json!(-32602)), "{legacy:?}");
        assert_eq!(reason(&gw.record_of(&legacy).await), "message_malformed");
        assert_eq!(gw.upstream.count(), before + 1);
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_an_unknown_version_learns_the_versions_of_its_era() {
    let (gw, caller, mut conn) = agent().await;
    let ask = async |conn: &mut Conn, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "server/discover", "params": params}).to_string();
        let response = conn.ask(&post(&caller, body).header("MCP-Protocol-Version", "v999.0.0")).await;
        assert_eq!((response.status, &response.json()["error"]["code"]), (400, &json!(-32022)), "{response:?}");
        response.json()["error"]["data"].clone()
    };
    let modern = ask(&mut conn, json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "v999.0.0"}})).await;
    assert_eq!(modern, json!({"supported": ["2026-07-28"], "requested": "v999.0.0"}));
    let legacy = ask(&mut conn, json!({})).await;
    assert_eq!(legacy["supported"].as_array().map(Vec::len), Some(5), "{legacy}");
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}
