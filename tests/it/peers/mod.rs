//! How gateways like this one failed, each told in an advisory of theirs, tried over sockets.

mod bodies;
mod names;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::api::World;
use crate::harness::api::READERS;
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Api, Gateway, http2, within};

const QUERY: &str = "/prometheus/api/v1/query";

/// A cache of tokens that looks at less than the whole of one mixes people up (Traefik CVE-2026-71326, Oathkeeper CVE-2026-33496).
#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_at_once_is_who_their_token_says() {
    let gw = Gateway::start().await;
    let mut callers = Vec::new();
    for n in 0..6 {
        callers.push(gw.caller(&format!("org{n}"), &["reader"], "metrics:read").await);
    }
    // Nobody is known yet: their tokens are looked at while others are.
    let mut asking = Vec::new();
    for n in 0..48 {
        let caller = &callers[n % callers.len()];
        let request = Request::get(QUERY).bearer(&caller.token).header("X-Custom", caller.org.slug.as_str());
        let public = gw.running.public;
        asking.push(tokio::spawn(async move { Conn::open(public).await.ask(&request).await.status }));
    }
    for one in asking {
        assert_eq!(one.await.expect("an answer"), 200);
    }
    let seen = gw.upstream.seen();
    assert_eq!(seen.len(), 48);
    for one in &seen {
        assert_eq!(one.header("x-scope-orgid"), format!("tenant-{}", one.header("x-custom")), "{}", one.text());
    }
    // Both are known: nothing of one makes the other.
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (parts(&callers[0].token), parts(&callers[1].token));
    let cut = &callers[0].token[..callers[0].token.len() - 1];
    for token in [
        format!("{}.{}.{}", one[0], one[1], other[2]),
        format!("{}.{}.{}", one[0], other[1], one[2]),
        format!("{}x", callers[0].token),
        cut.to_owned(),
        callers[0].token.to_uppercase(),
    ] {
        assert_eq!(ask(gw.running.public, &Request::get(QUERY).bearer(&token)).await.status, 401, "{token}");
    }
    assert_eq!(gw.upstream.count(), 48);
    gw.running.stop().await;
}

/// An upstream that lets everybody keep its answers, and says which tenant it was asked for.
async fn cacheable() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut read = Vec::new();
                while stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {
                    if !read.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    count.fetch_add(1, Ordering::AcqRel);
                    let head = String::from_utf8_lossy(&read).to_ascii_lowercase();
                    let tenant = head.split("x-scope-orgid: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=3600\r\nETag: \"same\"\r\nContent-Length: {}\r\n\r\n{tenant}",
                        tenant.len()
                    );
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    read.clear();
                }
            });
        }
    });
    (address, asked)
}

/// A cache whose key lacks who asked, or which host (pingora CVE-2026-2836), gives one's answer to another. There is none.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_may_be_kept_is_given_to_nobody_else() {
    let (address, asked) = cacheable().await;
    let tenant = r#"tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.tenant}" }"#;
    let api = Api::named("kept").at(address, "").keys(tenant).route("any", "GET", "/**", READERS);
    let gw = Gateway::start_with(api.into()).await;
    let (acme, beta) =
        (gw.caller("acme", &["reader"], "metrics:read").await, gw.caller("beta", &["reader"], "metrics:read").await);
    let mut conn = Conn::open(gw.running.public).await;
    for (caller, own) in [(&acme, "tenant-acme"), (&beta, "tenant-beta"), (&acme, "tenant-acme"), (&beta, "tenant-beta")] {
        let answer = conn.ask(&Request::get("/kept/same").bearer(&caller.token)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, own));
    }
    assert_eq!(conn.ask(&Request::get("/kept/same")).await.status, 401, "nor to who shows nothing");
    assert_eq!(asked.load(Ordering::Acquire), 4);
    gw.running.stop().await;
}

/// A service's own credential reached what only the inside may ask (Pomerium CVE-2024-47616).
#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_operators_is_on_another_socket_with_another_credential() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["operator"], "metrics:read").await;
    let admin = gw.running.admin_token.expose().to_owned();
    for path in ["/metrics", "/admin/v1/orgs", "/admin/v1/upstreams", "/admin/v1/openapi.json"] {
        for request in [Request::get(path), Request::get(path).bearer(&admin), Request::get(path).bearer(&caller.token)] {
            let answer = ask(gw.running.public, &request).await;
            assert!([401, 404].contains(&answer.status) && !answer.text().contains("tollgate_"), "{path}: {answer:?}");
        }
    }
    let orgs = || Request::get("/admin/v1/orgs").host("127.0.0.1");
    for request in [orgs(), orgs().bearer(&caller.token), orgs().bearer(&admin[1..])] {
        assert_eq!(ask(gw.running.admin, &request).await.status, 401);
    }
    assert_eq!(ask(gw.running.admin, &orgs().bearer(&admin)).await.status, 200);
    gw.running.stop().await;
}

/// Addresses that two readers take for those of different people (oauth2-proxy CVE-2026-40574).
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_invited_by_an_address_that_can_be_read_in_two_ways() {
    let world = World::new().await;
    for email in ["a@b@c.test", "a@evil.test@acme.test", "\"a@b\"@acme.test", "a b@acme.test", "a\u{0}@acme.test", "@acme.test"] {
        let answer = world.post("/invitations", &world.admin, &json!({ "email": email }), None).await;
        assert!([400, 422].contains(&answer.status), "{email:?}: {answer:?}");
    }
    world.gw.running.stop().await;
}

/// A head that is larger over HTTP/2 than any may be.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_over_http2_is_no_longer_than_it_may_be() {
    let gw = Gateway::start().await;
    for bytes in [33 << 10, 70_000] {
        let before = gw.upstream.count();
        let mut conn = http2::Conn::open(gw.running.public).await;
        let asked = conn.ask(http2::request("GET", "/open/x", &[("x-long", &"a".repeat(bytes))]), None);
        if let Ok(answer) = within("an answer or an end", asked).await {
            assert_eq!(answer.status, 431, "{bytes}: {answer:?}");
        }
        assert_eq!(gw.upstream.count(), before, "{bytes}");
    }
    let mut conn = http2::Conn::open(gw.running.public).await;
    assert_eq!(conn.ask(http2::request("GET", "/open/x", &[]), None).await.expect("an answer").status, 200);
    gw.running.stop().await;
}
