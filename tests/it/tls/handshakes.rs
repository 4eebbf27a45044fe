//! Handshakes: how many are under way, how many an address may begin, and how long they may take.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::Rig;
use crate::harness::{Setup, within};

/// A connection from there that begins with these bytes and says no more.
async fn silent(from: [u8; 4], to: SocketAddr, begin: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from.into(), 0)).expect("an address of this machine");
    let mut stream = socket.connect(to).await.expect("the kernel accepts");
    let _ = stream.write_all(begin).await;
    stream
}

/// Whether it was closed within a moment that a served connection would not be.
async fn closed(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut [0; 64])).await;
    read.is_ok_and(|read| read.is_err() || read.is_ok_and(|n| n == 0))
}

/// The first bytes of a handshake (RFC 8446 §5.1), whose rest never comes.
const HALF_A_HANDSHAKE: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252];

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_stall_count_towards_the_share_of_their_address() {
    let limits = "max_connections = 20\nmax_connections_per_address = 3";
    let rig = Rig::set_up(Setup { limits, ..Setup::default() }, |_| String::new()).await;
    let public = rig.gw.running.public;
    for (stalling, begin) in [([127, 0, 0, 2], &b""[..]), ([127, 0, 0, 3], HALF_A_HANDSHAKE)] {
        let mut stalled = Vec::new();
        for _ in 0..3 {
            stalled.push(silent(stalling, public, begin).await);
        }
        let before = rig.gw.running.metrics.connections_refused.with_label_values(&["address"]).get();
        within("a refusal", async {
            // The last of them may not have been looked at yet.
            while !closed(&mut silent(stalling, public, begin).await).await {}
        })
        .await;
        assert!(rig.gw.running.metrics.connections_refused.with_label_values(&["address"]).get() > before);
        assert!(!closed(&mut stalled[0]).await, "what was admitted stays");
        let answer = rig.request(&rig.client(None), "gw.test").send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "another address is served at once");
        drop(stalled);
    }
    // Handshakes that fail or end free their places, many more times than there are places.
    let stalling = [127, 0, 0, 2];
    let from = |client: reqwest::ClientBuilder| client.local_address(Some(stalling.into())).build().expect("a client");
    let client = from(rig.builder(None));
    for round in 0..12 {
        drop(silent(stalling, public, b"GET / HTTP/1.1\r\n\r\n").await);
        let served = within("room for another", async {
            loop {
                if let Ok(answer) = rig.request(&client, "gw.test").send().await {
                    return answer.status();
                }
            }
        });
        assert_eq!(served.await, 200, "{round}");
    }
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_begin_a_handshake_is_not_waited_for() {
    let limits = "header_timeout = \"200ms\"";
    let rig = Rig::set_up(Setup { limits, ..Setup::default() }, |_| String::new()).await;
    let mut stream = silent([127, 0, 0, 1], rig.gw.running.public, b"").await;
    let read = within("its end", stream.read(&mut [0; 64])).await;
    assert_eq!(read.expect("an end in order"), 0);
    let read = rig.request(&rig.client(None), "gw.test").send().await.expect("an answer");
    assert_eq!(read.status(), 200);
    rig.gw.running.stop().await;
}

/// The status that an address is answered on a connection of its own.
async fn status(rig: &Rig, from: [u8; 4]) -> Option<u16> {
    let client = rig.builder(None).local_address(Some(from.into())).build().expect("a client");
    rig.request(&client, "gw.test").send().await.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_too_many_handshakes_waits_in_turn_or_is_refused() {
    let limits = "max_handshakes_per_address = 1";
    let rig = Rig::set_up(Setup { limits, ..Setup::default() }, |_| String::new()).await;
    let (busy, other, metrics) = ([127, 0, 0, 2], [127, 0, 0, 1], &rig.gw.running.metrics);
    let refused = || metrics.connections_refused.with_label_values(&["handshakes"]).get();
    assert_eq!(status(&rig, busy).await, Some(200));
    assert_eq!((metrics.handshakes_delayed.get(), refused()), (0, 0));
    let mut begun = Vec::new();
    within("a refusal", async {
        // So many are more than may wait; the last of them may not have been looked at yet.
        while refused() == 0 {
            if begun.len() < 50 {
                begun.push(silent(busy, rig.gw.running.public, HALF_A_HANDSHAKE).await);
            } else {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    within("a wait of those that may", async {
        while metrics.handshakes_delayed.get() < 5 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(status(&rig, other).await, Some(200), "another address is served");
    drop(begun);
    within("its turn again", async { while status(&rig, busy).await != Some(200) {} }).await;
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_begins_as_many_handshakes_as_it_wants() {
    let setup = Setup {
        limits: "max_handshakes_per_address = 1",
        listen: "trusted_proxies = [\"127.0.0.2/32\"]".to_owned(),
        ..Setup::default()
    };
    let rig = Rig::set_up(setup, |_| String::new()).await;
    for n in 0..20 {
        assert_eq!(status(&rig, [127, 0, 0, 2]).await, Some(200), "{n}");
    }
    assert_eq!(rig.gw.running.metrics.handshakes_delayed.get(), 0);
    rig.gw.running.stop().await;
}
