//! Upstreams by name, and what becomes of their connections when the name moves.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tollgate::gateway::upstream::Resolver;

use super::{get, pair, seen, send, send_from_many};
use crate::harness::api::{HTTP2, OPEN};
use crate::harness::grpc::{Collector, frame, rest};
use crate::harness::http1::Conn;
use crate::harness::{Api, Gateway, Setup, Upstream, http2, within};

/// Names whose addresses a test changes.
#[derive(Debug, Default)]
struct Names(Mutex<Vec<SocketAddr>>);

impl Names {
    fn are(&self, of: &[&Upstream]) {
        self.at(of.iter().map(|upstream| upstream.address).collect());
    }

    fn at(&self, addresses: Vec<SocketAddr>) {
        *self.0.lock() = addresses;
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let known = self.0.lock().clone();
        if known.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(known) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_moves_is_followed_and_what_is_under_way_ends_where_it_began() {
    let (a, b, names) = (Upstream::start().await, Upstream::start().await, Arc::new(Names::default()));
    names.are(&[&a]);
    let setup = pair(&["moving.test:80".to_owned()], "resolve = \"10s\"");
    let gw = Gateway::start_with(Setup { resolver: Some(Arc::clone(&names) as _), ..setup }).await;
    assert_eq!(send(&gw, 3).await, [200; 3]);
    assert_eq!((a.count(), b.count()), (3, 0));
    let mut held = Conn::open(gw.running.public).await;
    held.send(&get().header("X-Behave", "hold").bytes()).await;
    a.asked(4).await;

    names.are(&[&b]);
    assert_eq!(send(&gw, 3).await, [200; 3]);
    assert_eq!((a.count(), b.count()), (7, 0), "what is known is believed for a while");
    gw.advance(11);
    within("the new address", async {
        // Whoever asks in the meantime is answered, here or there.
        while b.count() == 0 {
            assert_eq!(send(&gw, 1).await, [200]);
        }
    })
    .await;
    let before = a.count();
    assert_eq!(send(&gw, 20).await, [200; 20]);
    assert_eq!(a.count(), before, "nothing new comes to the old address");
    a.emit("");
    assert_eq!(held.response().await.status, 200, "what was under way there ends well");

    names.are(&[]);
    gw.advance(11);
    assert_eq!(send(&gw, 20).await, [200; 20], "a name that is gone keeps its last address");
    assert_eq!(a.count(), before);
    names.are(&[&a, &b]);
    gw.advance(11);
    within("both addresses", async {
        while a.count() == before {
            assert_eq!(send(&gw, 1).await, [200]);
        }
    })
    .await;
    gw.running.stop().await;
}

/// Whether a request fails by its address is told behind one name, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_fails_requests_is_left_to_the_others_of_its_name() {
    let (a, b, names) = (Upstream::start().await, Upstream::start().await, Arc::new(Names::default()));
    names.are(&[&a, &b]);
    let setup = pair(&["several.test:80".to_owned()], "ejection = { failures = 3, base = \"30s\", longest = \"5m\" }");
    let gw = Gateway::start_with(Setup { resolver: Some(Arc::clone(&names) as _), ..setup }).await;
    a.force(Some("fail"));
    let first = send_from_many(&gw, 20).await;
    assert_eq!(first.iter().filter(|s| **s == 500).count(), 3, "{first:?}");
    assert_eq!(a.count(), 3);
    let view = seen(&gw).await;
    let endpoint = &view["endpoints"][0];
    assert_eq!((&endpoint["condition"], &endpoint["ejections"]), (&"up".into(), &1.into()), "{endpoint}");
    assert_eq!(endpoint["left_out"], serde_json::json!([a.address.to_string()]));
    a.force(None);
    gw.advance(30);
    assert_eq!(send(&gw, 50).await, [200; 50]);
    assert!((4..15).contains(&a.count()), "it has its turn again, and seldom at first: {}", a.count());
    assert_eq!(seen(&gw).await["endpoints"][0]["left_out"], serde_json::json!([]));
    gw.running.stop().await;
}

/// The same over HTTP/2, where the connection to the old address has room for more requests and one is under way on it.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_goes_to_an_address_that_its_name_no_longer_has() {
    let (a, b, names) = (Collector::start().await, Collector::start().await, Arc::new(Names::default()));
    names.at(vec![a.address]);
    let calls = Api::named("calls").at("moving.test:80", &format!("{HTTP2}\nresolve = \"10s\""));
    let calls = calls.keys("services = [\"test.v1.Calls\"]").route("any", "POST", "/test.v1.Calls/Call", OPEN);
    let setup = Setup { resolver: Some(Arc::clone(&names) as _), ..Setup::from(calls) };
    let gw = Gateway::start_with(setup).await;
    let call = |behave| {
        let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("x-behave", behave)];
        http2::request("POST", "/test.v1.Calls/Call", &headers)
    };
    let mut conn = http2::Conn::open(gw.running.public).await;
    let (mut sending, begun) = conn.open_stream(call("echo")).await.expect("a stream");
    let (head, mut echoed) = begun.head().await.expect("a head");
    a.called(1).await;
    assert_eq!(head.status, 200);

    names.at(vec![b.address]);
    gw.advance(11);
    let message = || Some(frame(b"a call"));
    within("the new address", async {
        // Whoever asks in the meantime is answered, here or there.
        while b.count() == 0 {
            assert_eq!(conn.ask(call(""), message()).await.expect("an answer").status, 200);
        }
    })
    .await;
    let (before_a, before_b) = (a.count(), b.count());
    for _ in 0..20 {
        assert_eq!(conn.ask(call(""), message()).await.expect("an answer").status, 200);
    }
    assert_eq!((a.count(), b.count()), (before_a, before_b + 20), "nothing new comes to the old address");
    sending.send_data(frame(b"still here"), true).expect("room");
    let (said, trailers) = rest(&mut echoed).await;
    assert_eq!((said, &trailers["grpc-status"]), (frame(b"still here").to_vec(), &"0".parse().expect("0")));
    gw.running.stop().await;
}
