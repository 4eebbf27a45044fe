//! G3 on several nodes: once a revocation is acknowledged, no node serves what it took; and a store that forgot revocations is
//! served from by nobody who knew of them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _};
use tollgate::boot::{self, BootError, Options};
use tollgate::config::Config;
use tollgate::store::{NodeRole, NodeRow, RevokeReason, SharedStore, sql};
use tollgate::types::{NodeId, SystemEntropy};
use tollgate::web::{FormToken, started_session};

use crate::harness::gateway::{config_text, secret};
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::line::Line;
use crate::harness::{Command, Gateway, Setup, Upstream, within};

const QUERY: &str = "/prometheus/api/v1/query";

async fn on(store: &str) -> Gateway {
    Gateway::start_with(Setup { store: Some(store.to_owned()), ..Setup::default() }).await
}

/// Asks until the answer has this status. A request that is under way when what allowed it ends has none: it is cut.
async fn until(gw: &Gateway, query: &Request, status: u16) -> Response {
    within("another answer", async {
        loop {
            let mut conn = Conn::open(gw.running.public).await;
            conn.send(&query.bytes()).await;
            if let Some(answer) = conn.try_response().await.filter(|answer| answer.status == status) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

async fn row(store: &SharedStore, id: &NodeId) -> Option<NodeRow> {
    store.nodes().await.expect("rows").into_iter().find(|row| row.id == *id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_says_is_revoked_no_other_serves_even_if_it_hears_nothing() {
    let database = crate::postgres::fresh_database().await;
    let line = Line::to(&database).await;
    let (here, there) = (on(&database).await, on(&line.url).await);
    let caller = here.caller("acme", &["reader"], "metrics:read").await;
    for round in 0..12_u64 {
        let held = round % 3 > 0;
        let taken = here.grant_to(&caller.org, &caller.user, &caller.client, "metrics:read").await;
        let query = Request::get(QUERY).bearer(&taken.token);
        until(&there, &query, 200).await;
        // Each time at another moment between two looks at the feed.
        tokio::time::sleep(Duration::from_millis(round * 3 % 16)).await;
        if held {
            line.hold();
        }
        here.revoke(&taken.grant).await;
        let before = there.upstream.count();
        let answers = [ask(there.running.public, &query).await, ask(there.running.public, &query).await];
        line.release();
        for answer in answers {
            let refused = (answer.status, answer.reason());
            // One that heard nothing can't know of anything; one that did knows of this.
            let stale = (503, Some("node_stale".to_owned()));
            assert!(answer.status == 401 || (held && refused == stale), "round {round}: {answer:?}");
        }
        assert_eq!(there.upstream.count(), before, "round {round}");
    }
    here.running.stop().await;
    there.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_presses_second_is_not_answered_before_it_holds() {
    let database = crate::postgres::fresh_database().await;
    let line = Line::to(&database).await;
    let (here, there) = (on(&database).await, on(&line.url).await);
    let caller = here.caller("acme", &["reader"], "metrics:read").await;
    let query = Request::get(QUERY).bearer(&caller.token);
    until(&there, &query, 200).await;
    let node = &here.running.node;
    let (secret, session) = started_session(node, &node.config.load(), &caller.user);
    node.store.start_session(&session, None, &node.own_cause()).await.expect("a session");
    let csrf = FormToken::of_session(&node.keys, &secret);
    let form = Request::new("POST", "/settings/applications")
        .header("Cookie", &format!("__Host-tollgate={}", secret.expose()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("csrf={}&grant_id={}", csrf.as_str(), caller.grant.id));
    line.hold();
    let answer = tokio::select! {
        one = ask(here.running.public, &form) => one,
        other = ask(here.running.public, &form) => other,
    };
    let refused = ask(there.running.public, &query).await;
    line.release();
    let to = answer.header("location").unwrap_or_default();
    assert!(answer.status == 303 && to.starts_with("/settings/applications?"), "{answer:?}");
    assert!(matches!(refused.status, 401 | 503), "the other node still serves: {refused:?}");
    here.running.stop().await;
    there.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_given_up_serves_only_once_it_is_listed_anew() {
    let gw = on(&crate::postgres::fresh_database().await).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let node = &gw.running.node;
    let mut applied = node.view.applied();
    for _ in 0..3 {
        let given_up = within("a row that rests", async {
            loop {
                let seen = row(&node.store, &node.id).await.expect("this node's row");
                if node.store.fence_node(&seen).await.expect("an answer") {
                    return NodeRow { fenced: true, ..seen };
                }
            }
        })
        .await;
        // It may have come back already.
        node.store.forget_node(&given_up).await.expect("an answer");
        // Whatever it applies from now on, it has read after it was back.
        gw.member(&caller.org, &caller.user, &["reader"]).await;
        assert!(applied.borrow_and_update().position > 0);
        let back = row(&node.store, &node.id).await.expect("it is listed anew");
        assert!(!back.fenced && back.role == NodeRole::Serves);
        until(&gw, &Request::get(QUERY).bearer(&caller.token), 200).await;
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_node_that_was_stopped() {
    let database = crate::postgres::fresh_database().await;
    let (here, there) = (on(&database).await, on(&database).await);
    let id = there.running.node.id.clone();
    assert!(row(&here.running.node.store, &id).await.is_some());
    there.running.stop().await;
    assert!(row(&here.running.node.store, &id).await.is_none());
    here.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_gateway_that_did_not_start() {
    let (dir, upstream) = (tempfile::tempdir().expect("a directory"), Upstream::start().await);
    // Where proxies ask is bound late: by then the node is listed, and follows the feed.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let asked = taken.local_addr().expect("its address");
    let listen = format!("public = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nauthorizer = \"{asked}\"");
    let more =
        "[authorizer]\ndialects = [\"nginx\"]\ntrusted_proxies = [\"127.0.0.1/32\"]\nstrips_headers = true\nuses_target = true\n";
    let setup = Setup { more: more.to_owned(), ..Setup::default() };
    let text = config_text(dir.path(), upstream.address, &setup, &listen);
    let store = format!("sqlite:{}/store.db", dir.path().display());
    let url = store.clone();
    let environment = move |name: &str| match name {
        "SECRET" => Some(secret()),
        "STORE" => Some(url.clone()),
        _ => None,
    };
    let (config, _) = Config::parse(&text, &environment, 1).unwrap_or_else(|e| panic!("a sound configuration: {e:?}"));
    match boot::start(Options::new(config, None, Arc::new(environment))).await {
        Err(BootError::Listen { address, .. }) => assert_eq!(address, asked),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("somebody else listens there"),
    }
    let looking = NodeId::parse("node_looking").expect("an id");
    let store = sql::open(&store, &looking, Arc::new(SystemEntropy)).await.expect("a handle");
    assert!(store.nodes().await.expect("rows").is_empty());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_alone_writes_nothing_about_itself() {
    let gw = Gateway::start().await;
    let node = &gw.running.node;
    let at_first = row(&node.store, &node.id).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    gw.revoke(&caller.grant).await;
    assert_eq!(row(&node.store, &node.id).await, at_first);
    // Somebody comes: now it says what it has applied.
    let newcomer = NodeId::parse("node_newcomer").expect("an id");
    node.store.list_node(&newcomer, NodeRole::Commands).await.expect("listed");
    let head = node.store.feed_head(&newcomer).await.expect("a head").point;
    within("a confirmation", async {
        while row(&node.store, &node.id).await.is_none_or(|row| row.position < head.position) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_the_store_waits_for_a_gateway_that_hears_nothing() {
    let database = crate::postgres::fresh_database().await;
    let line = Line::to(&database).await;
    let gw = on(&line.url).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = Request::get(QUERY).bearer(&caller.token);
    until(&gw, &query, 200).await;
    let command = Command::on(&gw, &database).await;
    line.hold();
    let cause = command.node.own_cause();
    let revoked = command.node.store.revoke_grant(&caller.grant.id, None, RevokeReason::Admin, &cause).await;
    assert!(revoked.expect("a revocation"), "the grant was live");
    command.node.settle().await.expect("nobody serves it");
    let refused = ask(gw.running.public, &query).await;
    line.release();
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("node_stale")), "{refused:?}");
    let refused = until(&gw, &query, 401).await;
    assert!(refused.header("www-authenticate").unwrap_or_default().contains("invalid_token"));
    command.close().await;
    gw.running.stop().await;
}

/// What a fail-over to a server that was behind leaves of the feed, told by its statements.
const BEHIND: &str = "BEGIN; UPDATE feed_head SET position = position - 2; \
     DELETE FROM changes WHERE position > (SELECT position FROM feed_head); COMMIT";
/// The same, when as much happened there since.
const LEVEL: &str = "BEGIN; UPDATE changes SET mark = mark + 1 WHERE position = (SELECT position FROM feed_head); COMMIT";
/// The same, when more happened there since.
const AHEAD: &str = "BEGIN; UPDATE changes SET mark = mark + 1 WHERE position = (SELECT position FROM feed_head); \
     INSERT INTO changes (position, subject, changed_at) \
     SELECT position + 1, subject, changed_at FROM changes WHERE position = (SELECT position FROM feed_head); \
     UPDATE feed_head SET position = position + 1; COMMIT";

async fn execute(url: &str, statements: &'static str) {
    if url.starts_with("sqlite:") {
        let mut conn = sqlx::SqliteConnection::connect(url).await.expect("the store opens");
        conn.execute(statements).await.expect("it was changed");
        conn.close().await.expect("closed");
    } else {
        let mut conn = sqlx::PgConnection::connect(url).await.expect("the store opens");
        conn.execute(statements).await.expect("it was changed");
        conn.close().await.expect("closed");
    }
}

async fn parted(mut gw: Gateway) {
    for (n, statements) in [BEHIND, LEVEL, AHEAD].into_iter().enumerate() {
        let caller = gw.caller(&format!("org{n}"), &["reader"], "metrics:read").await;
        let query = Request::get(QUERY).bearer(&caller.token);
        until(&gw, &query, 200).await;
        execute(&gw.store_url, statements).await;
        // On a busy machine it may have been late for a moment before it knows what happened.
        let ready = within("a feed that parted", async {
            loop {
                let ready = ask(gw.running.admin, &Request::get("/readyz").host("127.0.0.1")).await;
                if ready.text().contains("feed_forked") {
                    return ready;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert!(ready.status == 503 && !ready.text().contains("feed_stale"), "{ready:?}");
        let refused = ask(gw.running.public, &query).await;
        assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("node_stale")), "{statements}");
        // What was used up in the lost part looks unused.
        let form = format!("grant_type=authorization_code&code=any&client_id={}", caller.client.id);
        let redeem = Request::new("POST", "/oauth2/token").header("Content-Type", "application/x-www-form-urlencoded").body(form);
        let answer = ask(gw.running.public, &redeem).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (503, Some("temporarily_unavailable")), "{answer:?}");
        // It goes on knowing what it can: but what it knew counts for nothing until people have looked.
        gw.member(&caller.org, &caller.user, &["reader"]).await;
        assert_eq!(ask(gw.running.public, &query).await.status, 503);
        let Gateway { running, dir, store_url, .. } = gw;
        running.stop().await;
        gw = on(&store_url).await;
        until(&gw, &query, 200).await;
        drop(dir);
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_changes_is_served_from_by_nobody_who_knew_of_them() {
    parted(on(&crate::postgres::fresh_database().await).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lost_changes_is_served_from_by_nobody_who_knew_of_them() {
    let dir = tempfile::tempdir().expect("a directory");
    parted(on(&format!("sqlite:{}/shared.db", dir.path().display())).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_leaves_nothing_behind() {
    let gw = Gateway::start().await;
    let command = Command::on(&gw, &gw.store_url).await;
    let id = command.node.id.clone();
    assert_eq!(row(&gw.running.node.store, &id).await.map(|row| row.role), Some(NodeRole::Commands));
    command.close().await;
    let looking = NodeId::parse("node_looking").expect("an id");
    let store = sql::open(&gw.store_url, &looking, gw.running.node.entropy.clone()).await.expect("another handle");
    assert!(row(&store, &id).await.is_none());
    store.close().await;
    gw.running.stop().await;
}
