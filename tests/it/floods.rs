//! Floods of HTTP/2 frames (CVE-2023-44487 and its kin): the connection that sends them ends or is throttled, the others live on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::api::OPEN;
use crate::harness::audit::outcome;
use crate::harness::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Ended, Flood, HEADERS, INITIAL_WINDOW_SIZE, PING, PRIORITIZED, PRIORITY,
    PRIORITY_UPDATE, RST_STREAM, SETTINGS, WINDOW_UPDATE, fields, frame,
};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Api, Gateway, Setup, within};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Somebody else, who asks again and again until told to stop.
struct Neighbour {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Neighbour {
    async fn of(gw: &Gateway) -> Self {
        let caller = gw.caller("acme", &["reader"], "metrics:read").await;
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, count, public) = (Arc::clone(&stop), Arc::clone(&answered), gw.running.public);
        let task = tokio::spawn(async move {
            let mut conn = Conn::open(public).await;
            let query = Request::get("/prometheus/api/v1/query?query=up").bearer(&caller.token);
            while !stopped.load(Ordering::Acquire) {
                assert_eq!(conn.ask(&query).await.status, 200);
                count.fetch_add(1, Ordering::AcqRel);
            }
        });
        Self { stop, answered, task }
    }

    /// Stops; was answered every time.
    async fn content(self) {
        self.stop.store(true, Ordering::Release);
        self.task.await.expect("every answer is good");
        assert!(self.answered.load(Ordering::Acquire) > 0);
    }
}

fn stream(i: u32) -> u32 {
    2 * i + 1
}

fn open(i: u32, path: &str, flags: u8) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream(i), &fields("GET", path, &[]))
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_reset_at_once_end_their_connection() {
    let gw = Gateway::start().await;
    let neighbour = Neighbour::of(&gw).await;
    let cancel = 8_u32.to_be_bytes();
    let mut flood = Flood::open(gw.running.public, &[]).await;
    flood.send(50_000, |i| [open(i, "/open/x", END_STREAM), frame(RST_STREAM, 0, stream(i), &cancel)].concat()).await;
    assert_eq!(flood.ended().await, Ended::Goaway(ENHANCE_YOUR_CALM));

    // A window of no bytes is a fault of the stream: the other side is made to reset it.
    let mut flood = Flood::open(gw.running.public, &[]).await;
    flood.send(50_000, |i| [open(i, "/open/x", 0), frame(WINDOW_UPDATE, 0, stream(i), &[0; 4])].concat()).await;
    assert_ne!(flood.ended().await, Ended::Open);
    neighbour.content().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end_ends_its_connection() {
    let gw = Gateway::start().await;
    let neighbour = Neighbour::of(&gw).await;
    let mut flood = Flood::open(gw.running.public, &[]).await;
    let head = frame(HEADERS, END_STREAM, 1, &fields("GET", "/open/x", &[]));
    let more = [("x-more", "y".repeat(8000))];
    let more: Vec<_> = more.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let more = frame(CONTINUATION, 0, 1, &fields("GET", "/", &more)[40..]);
    flood.send(5_000, |i| if i == 0 { head.clone() } else { more.clone() }).await;
    assert_ne!(flood.ended().await, Ended::Open);
    let mut flood = Flood::open(gw.running.public, &[]).await;
    flood.send(50_000, |i| if i == 0 { head.clone() } else { frame(CONTINUATION, 0, 1, &[]) }).await;
    assert_ne!(flood.ended().await, Ended::Open, "empty ones are no better");
    neighbour.content().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_say_nothing_end_their_connection() {
    let gw = Gateway::start().await;
    let neighbour = Neighbour::of(&gw).await;
    let post = frame(HEADERS, END_HEADERS, 1, &fields("POST", "/open/x", &[]));
    let mut empty = Flood::open(gw.running.public, &[]).await;
    empty.send(200_000, |i| if i == 0 { post.clone() } else { frame(DATA, 0, 1, &[]) }).await;
    // What is said at the end may be lost with what the flooder sent and nobody read.
    assert_ne!(empty.ended().await, Ended::Open);
    for kind in [PING, SETTINGS] {
        let payload: &[u8] = if kind == PING { b"12345678" } else { &[] };
        let mut flood = Flood::open(gw.running.public, &[]).await;
        flood.send(100_000, |_| frame(kind, 0, 0, payload)).await;
        assert_ne!(flood.ended().await, Ended::Open);
    }
    let metrics = gw.running.metrics.text();
    assert!(metrics.contains("tollgate_connections_thrown_out_total 3"), "{metrics}");
    neighbour.content().await;
    gw.running.stop().await;
}

/// What a stream depends on, and with which weight (RFC 9113 §6.3).
fn dependency(on: u32) -> [u8; 5] {
    let [a, b, c, d] = on.to_be_bytes();
    [a, b, c, d, 15]
}

/// The frames of a flood, by their number.
type Frames<'f> = &'f dyn Fn(u32) -> Vec<u8>;

#[tokio::test(flavor = "multi_thread")]
async fn frames_about_priorities_end_their_connection() {
    let gw = Gateway::start().await;
    let neighbour = Neighbour::of(&gw).await;
    let prioritized = |i: u32, on: u32| {
        let block = [&dependency(on)[..], &fields("GET", "/open/x", &[])].concat();
        frame(HEADERS, END_HEADERS | END_STREAM | PRIORITIZED, stream(i), &block)
    };
    let update = |of: u32| [&of.to_be_bytes()[..], b"u=0, i"].concat();
    // RFC 7540 §5.3.1 makes the first two a fault of their stream, of which there may not be any number either.
    let floods: [(&str, Frames<'_>); 7] = [
        ("a stream that depends on itself", &|i| prioritized(i, stream(i))),
        ("a priority of a stream after itself", &|i| frame(PRIORITY, 0, stream(i), &dependency(stream(i)))),
        ("priorities of streams that never open", &|i| frame(PRIORITY, 0, stream(i), &dependency(0))),
        ("priorities in a circle", &|i| frame(PRIORITY, 0, stream(i % 64), &dependency(stream((i + 1) % 64)))),
        ("priorities of a stream that is there", &|i| {
            if i == 0 { open(0, "/open/x", 0) } else { frame(PRIORITY, 0, 1, &dependency(3)) }
        }),
        ("updates of priorities (RFC 9218 §7.1)", &|i| frame(PRIORITY_UPDATE, 0, 0, &update(stream(i)))),
        ("updates of priorities that nobody can read", &|_| frame(PRIORITY_UPDATE, 0, 0, &[0xff; 200])),
    ];
    for (name, frames) in floods {
        let mut flood = Flood::open(gw.running.public, &[]).await;
        flood.send(100_000, frames).await;
        assert_ne!(flood.ended().await, Ended::Open, "{name}");
    }
    neighbour.content().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_with_faults_end_their_connection_by_name() {
    let gw = Gateway::start().await;
    let neighbour = Neighbour::of(&gw).await;
    let faults = [
        ("a window that grows by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a priority of no stream", frame(PRIORITY, 0, 0, &dependency(1))),
        ("a priority of four bytes", frame(PRIORITY, 0, 1, &[0; 4])),
        ("a window of a stream that is not there", frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())),
        ("a window beyond all", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())),
    ];
    for (name, bytes) in faults {
        let mut flood = Flood::open(gw.running.public, &[]).await;
        flood.send(1, |_| bytes.clone()).await;
        // RFC 9113 §5.4 lets a receiver choose a name that says less.
        let ended = flood.ended().await;
        let named = [PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR].map(Ended::Goaway);
        assert!(named.contains(&ended), "{name}: {ended:?}");
    }
    neighbour.content().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_of_them_as_clients_send_end_nothing() {
    let gw = Gateway::start().await;
    let mut modest = Flood::open(gw.running.public, &[]).await;
    modest.send(500, |_| frame(PING, 0, 0, b"12345678")).await;
    assert_eq!(modest.ended().await, Ended::Open);
    gw.running.stop().await;
}

/// Floods from there, as often as it takes until its address is refused.
async fn floods(gw: &Gateway, from: IpAddr) {
    for _ in 0..5 {
        let mut flood = Flood::open_from(from, gw.running.public, &[]).await;
        flood.send(100_000, |_| frame(PING, 0, 0, b"12345678")).await;
        assert_ne!(flood.ended().await, Ended::Open);
    }
}

async fn status(gw: &Gateway, from: IpAddr) -> Option<u16> {
    let mut conn = Conn::open_from(from, gw.running.public).await;
    conn.send(&Request::get("/open/x").bytes()).await;
    conn.try_response().await.map(|response| response.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_floods_again_and_again_is_refused_for_a_while() {
    let gw = Gateway::start_with(Setup { limits: "flood_penalty = \"3s\"", ..Setup::default() }).await;
    let (flooder, other) = ([127, 0, 0, 2].into(), [127, 0, 0, 1].into());
    let neighbour = Neighbour::of(&gw).await;
    floods(&gw, flooder).await;
    assert_eq!(status(&gw, flooder).await, None);
    assert_eq!(status(&gw, other).await, Some(200));
    let forgiven = within("the end of the penalty", async {
        loop {
            // One that is refused waits for its end.
            if let Some(status) = status(&gw, flooder).await {
                return status;
            }
        }
    });
    assert_eq!(forgiven.await, 200);
    neighbour.content().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_not_refused_for_what_comes_through_it() {
    let listen = "trusted_proxies = [\"127.0.0.2/32\"]".to_owned();
    let gw = Gateway::start_with(Setup { listen, ..Setup::default() }).await;
    let proxy = [127, 0, 0, 2].into();
    floods(&gw, proxy).await;
    assert_eq!(status(&gw, proxy).await, Some(200));
    gw.running.stop().await;
}

/// Answers without end, as fast as they are taken.
async fn pour(mut stream: TcpStream, poured: &AtomicU64) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut head).await?;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await?;
    let piece = vec![b'x'; 64 << 10];
    loop {
        let taken = stream.write(&piece).await?;
        poured.fetch_add(u64::try_from(taken).expect("a length"), Ordering::AcqRel);
    }
}

/// An upstream of such answers, and how much of them was taken.
async fn hose() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let poured = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&poured);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move { pour(stream, &count).await });
        }
    });
    (address, poured)
}

/// An API in front of it that is open to everybody.
fn to_the_hose(address: SocketAddr) -> String {
    Api::named("hose").at(address, "").route("any", "GET", "/**", OPEN).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_is_cut_when_a_write_takes_too_long() {
    let (address, _) = hose().await;
    let gw =
        Gateway::start_with(Setup { more: to_the_hose(address), limits: "write_timeout = \"1s\"", ..Setup::default() }).await;
    let neighbour = Neighbour::of(&gw).await;
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&Request::get("/hose/x").bytes()).await;
    let head = conn.head().await.expect("an answer that has begun");
    assert_eq!(head.status, 200);
    // It ends although its client is still there.
    let record = gw.record_of(&head).await;
    assert_eq!(outcome(&record), "Client", "{record:?}");
    drop(conn);
    neighbour.content().await;
    gw.running.stop().await;
}

/// Who gives room for a byte, or for one after another, takes answers for as long as a write may take, and nothing of memory: what
/// the upstream has to say waits there.
#[tokio::test(flavor = "multi_thread")]
async fn windows_of_one_byte_hold_back_their_own_answers_alone() {
    const ANSWERS: u32 = 50;
    let (address, poured) = hose().await;
    let more = to_the_hose(address);
    let gw =
        Gateway::start_with(Setup { more, limits: "idle_timeout = \"1s\"\nwrite_timeout = \"5s\"", ..Setup::default() }).await;
    let neighbour = Neighbour::of(&gw).await;
    let (mut stalled, mut trickling) = (
        Flood::open(gw.running.public, &[(INITIAL_WINDOW_SIZE, 1)]).await,
        Flood::open(gw.running.public, &[(INITIAL_WINDOW_SIZE, 1)]).await,
    );
    for flood in [&mut stalled, &mut trickling] {
        flood.send(ANSWERS, |i| open(i, "/hose/x", END_STREAM)).await;
    }
    let byte = 1_u32.to_be_bytes();
    trickling.send(200_000, |i| [0, stream(i % ANSWERS)].map(|of| frame(WINDOW_UPDATE, 0, of, &byte)).concat()).await;
    within("an upstream that is held back", async {
        // One pause may be the machine's.
        let (mut before, mut pauses) = (0, 0);
        while pauses < 6 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = poured.load(Ordering::Acquire);
            pauses = if now > 0 && now == before { pauses + 1 } else { 0 };
            before = now;
        }
    })
    .await;
    let held_back = poured.load(Ordering::Acquire);
    // Both are cut when a write took as long as it may, and have nothing to do then.
    for flood in [stalled, trickling] {
        assert_ne!(flood.over().await, Ended::Open);
    }
    assert_eq!(poured.load(Ordering::Acquire), held_back, "nothing more was taken in the meantime");
    within("the end of their requests", async {
        while gw.running.metrics.in_flight.get() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    neighbour.content().await;
    gw.running.stop().await;
}
