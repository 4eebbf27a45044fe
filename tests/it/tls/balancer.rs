//! PROXY headers before the handshake.

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Rig;
use crate::balancer::{BLOCK, LISTEN, LOCAL, connect, line};
use crate::harness::http1::{Conn, Request};
use crate::harness::http2::{self, request_at};
use crate::harness::{Setup, within};

const BALANCER: [u8; 4] = [127, 0, 0, 1];

async fn start(limits: &'static str) -> Rig {
    Rig::set_up(Setup { listen: LISTEN.to_owned(), limits, ..Setup::default() }, |_| String::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_comes_before_the_handshake() {
    let rig = start("").await;
    let line = line("2001:db8::7");
    for (header, wanted) in [(line.as_bytes(), "2001:db8::7"), (BLOCK, "192.0.2.7"), (LOCAL, "127.0.0.1")] {
        for (size, protocol) in [(1, "http/1.1"), (4096, "http/1.1"), (1, "h2"), (4096, "h2")] {
            let stream = connect(&rig.gw, BALANCER, header, size).await;
            let name = ServerName::try_from("gw.test").expect("a name");
            let stream = rig.authority.connector(&[protocol], None).connect(name, stream).await.expect("a handshake");
            let status = if protocol == "h2" {
                let get = request_at("https://gw.test", "GET", "/open/x", &[]);
                http2::Conn::over(stream).await.ask(get, None).await.expect("an answer").status
            } else {
                Conn::over(stream).ask(&Request::get("/open/x")).await.status
            };
            assert_eq!(status, 200, "{wanted} {size} {protocol}");
            assert_eq!(rig.gw.upstream.last().header("x-forwarded-for"), wanted, "{size} {protocol}");
        }
    }
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_without_a_header_or_with_one_of_anybody_fails() {
    let rig = start("").await;
    let refused = || rig.gw.running.metrics.connections_refused.with_label_values(&["proxy_header"]).get();
    let name = || ServerName::try_from("gw.test").expect("a name");
    let connector = rig.authority.connector(&["h2"], None);
    let without = connect(&rig.gw, BALANCER, b"", 1).await;
    assert!(connector.connect(name(), without).await.is_err());
    assert_eq!(refused(), 1);
    let anybody = connect(&rig.gw, [127, 0, 0, 2], BLOCK, 4096).await;
    assert!(connector.connect(name(), anybody).await.is_err());
    let twice = connect(&rig.gw, BALANCER, &[BLOCK, BLOCK].concat(), 4096).await;
    assert!(connector.connect(name(), twice).await.is_err());
    assert_eq!(refused(), 1);
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_take_the_turns_and_places_of_the_client_that_is_named() {
    let rig = start("max_connections = 20\nmax_connections_per_address = 3\nmax_handshakes_per_address = 1").await;
    let refused = |reason: &str| rig.gw.running.metrics.connections_refused.with_label_values(&[reason]).get();
    let mut stalled = Vec::new();
    within("a refusal", async {
        while refused("address") == 0 {
            let mut stream = connect(&rig.gw, BALANCER, BLOCK, 4096).await;
            let _ = stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await;
            stalled.push(stream);
            tokio::task::yield_now().await;
        }
    })
    .await;
    let stream = connect(&rig.gw, BALANCER, line("192.0.2.8").as_bytes(), 4096).await;
    let name = ServerName::try_from("gw.test").expect("a name");
    let stream = rig.authority.connector(&["http/1.1"], None).connect(name, stream).await.expect("another client's handshake");
    assert_eq!(Conn::over(stream).ask(&Request::get("/open/x")).await.status, 200);
    let last = stalled.last_mut().expect("several");
    assert!(within("its end", last.read(&mut [0; 9])).await.map_or(true, |n| n == 0));
    rig.gw.running.stop().await;
}
