use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::upstreams::peer::Peer as _;

use super::*;
use crate::config::{
    Breaker, Checks, Ejection, Endpoint, Health, Kind as _, Retries, RouteTimeouts, UpstreamLimits, UpstreamProtocol,
    UpstreamTimeouts, UpstreamTls,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000)
}

fn endpoint(url: &str, weight: u32) -> Endpoint {
    Endpoint { weight, ..Endpoint::read(url).expect("an endpoint") }
}

fn upstream(endpoints: Vec<Endpoint>) -> Upstream {
    let seconds = Duration::from_secs;
    Upstream {
        name: "u".into(),
        endpoints,
        protocol: UpstreamProtocol::Http1,
        health: None,
        checks: Checks { interval: seconds(10), timeout: seconds(3), healthy: 2, unhealthy: 3 },
        ejection: Ejection { failures: NonZeroU32::new(3), base: seconds(30), longest: seconds(300) },
        breaker: Breaker { failures: NonZeroU32::new(4), base: seconds(1), longest: seconds(8) },
        retries: Retries { tries: 2, budget: 20, reserve: 10 },
        limits: UpstreamLimits { in_flight: 100, pending: 10, queue: seconds(1), connections: 100, idle: 2 },
        slow_start: seconds(30),
        resolve: seconds(30),
        tls: UpstreamTls::default(),
        timeouts: UpstreamTimeouts {
            connect: seconds(5),
            read: seconds(60),
            stream_idle: seconds(3600),
            write: seconds(30),
            first_byte: None,
            total: None,
        },
        inject: Vec::new(),
    }
}

fn resolver() -> Arc<dyn Resolver> {
    Arc::new(SystemResolver)
}

fn pool_of(upstream: Upstream) -> Arc<Pool> {
    Arc::new(Pool::new(Arc::new(upstream), &resolver(), None))
}

fn pool(weights: &[u32]) -> Arc<Pool> {
    let urls = weights.iter().enumerate().map(|(i, w)| endpoint(&format!("http://127.0.0.{}:80", i + 1), *w));
    pool_of(upstream(urls.collect()))
}

/// How many of a hundred requests each endpoint gets.
fn shares(pool: &Arc<Pool>, now: Timestamp) -> Vec<usize> {
    let mut shares = vec![0; pool.members().len()];
    for _ in 0..100 {
        shares[pool.choose(now, Tried::default()).expect("an endpoint").index()] += 1;
    }
    shares
}

/// Fails as many requests at an endpoint as eject it.
fn fail(pool: &Arc<Pool>, index: usize, now: Timestamp) {
    for _ in 0..3 {
        let others = (0..pool.members().len()).filter(|i| *i != index).fold(Tried::default(), Tried::and);
        let mut attempt = pool.choose(now, others).expect("an endpoint");
        assert_eq!(attempt.index(), index);
        attempt.failed(now);
    }
}

#[test]
fn endpoints_get_requests_by_weight() {
    for (weights, expected) in [(&[1, 1][..], [50, 50]), (&[1, 3], [25, 75]), (&[1, 9], [10, 90])] {
        let got = shares(&pool(weights), at(0));
        let near = got.iter().zip(expected).all(|(got, expected)| got.abs_diff(expected) <= 2);
        assert!(near, "{weights:?}: {got:?}");
    }
}

#[test]
fn an_ejected_endpoint_gets_nothing_and_comes_back_slowly() {
    let pool = pool(&[1, 1]);
    fail(&pool, 0, at(0));
    assert_eq!(pool.members()[0].condition(at(0)), Condition::Ejected(at(30)));
    assert_eq!(pool.members()[0].condition(at(-3600)), Condition::Up, "a clock that went back makes it no longer");
    assert_eq!(shares(&pool, at(0)), [0, 100]);
    assert_eq!(shares(&pool, at(29)), [0, 100]);
    let first = shares(&pool, at(30))[0];
    let half = shares(&pool, at(45))[0];
    let whole = shares(&pool, at(60))[0];
    assert!((5..15).contains(&first) && (28..40).contains(&half) && (48..53).contains(&whole), "{first} {half} {whole}");
}

#[test]
fn ejections_grow_and_the_growth_ends() {
    let pool = pool(&[1, 1]);
    let mut now = at(0);
    let mut spans = Vec::new();
    for _ in 0..6 {
        fail(&pool, 0, now);
        let Condition::Ejected(until) = pool.members()[0].condition(now) else { panic!("it is ejected") };
        spans.push(until.since(now).as_secs());
        now = until;
    }
    assert_eq!(spans, [30, 60, 120, 240, 300, 300]);
    now = now.plus(Duration::from_secs(300));
    fail(&pool, 0, now);
    assert_eq!(pool.members()[0].condition(now), Condition::Ejected(now.plus(Duration::from_secs(30))), "long ago");
}

#[test]
fn never_more_than_half_are_ejected() {
    for (endpoints, ejected) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
        let pool = pool(&vec![1; endpoints]);
        for index in 0..endpoints {
            fail(&pool, index, at(0));
        }
        let left_out = pool.members().iter().filter(|m| m.condition(at(0)) != Condition::Up).count();
        assert_eq!(left_out, ejected, "of {endpoints}");
    }
}

#[test]
fn only_failures_in_a_row_count() {
    let pool = pool(&[1, 1]);
    let callers = ["ada", "bob"].map(|user| Caller::from(holders::Who::User { org: "acme", user }));
    let mut callers = callers.into_iter().cycle();
    let mut answer = |status| {
        let mut attempt = pool.choose(at(0), Tried::default().and(1)).expect("an endpoint");
        let caller = callers.next().expect("a caller");
        attempt.answered(status, || (caller, at(0)));
        // Only the first word about an attempt counts.
        attempt.failed(at(0));
    };
    for status in [500, 503, 200, 502, 504, 404, 500, 500, 501, 599, 500] {
        answer(status);
    }
    assert_eq!(pool.members()[0].condition(at(0)), Condition::Up);
    answer(500);
    assert_ne!(pool.members()[0].condition(at(0)), Condition::Up);
    let tally = pool.members()[0].tally();
    assert_eq!((tally.answered, tally.failed, tally.ejections, tally.in_flight), (3, 9, 1, 0));
}

#[test]
fn checks_take_out_and_bring_back() {
    let (pool, checks) = (pool(&[1, 1]), Checks { healthy: 2, unhealthy: 3, ..upstream(Vec::new()).checks });
    let member = &pool.members()[0];
    assert!(member.checked(true, &checks, at(0)), "the first check decides by itself");
    let bad: Vec<_> = (0..3).map(|_| member.checked(false, &checks, at(1))).collect();
    assert_eq!(bad, [false, false, true]);
    assert_eq!((member.condition(at(1)), shares(&pool, at(1))), (Condition::Unhealthy, vec![0, 100]));
    assert!(!member.checked(true, &checks, at(2)));
    assert!(!member.checked(false, &checks, at(2)), "a bad one starts the count anew");
    assert!(!member.checked(true, &checks, at(2)));
    assert!(member.checked(true, &checks, at(3)));
    assert!(shares(&pool, at(3))[0] < 15, "it starts slowly");
    assert!(member.check_is_due(&checks, at(3)));
    assert!(!member.check_is_due(&checks, at(12)));
    assert!(member.check_is_due(&checks, at(13)));
}

#[test]
fn when_all_seem_ill_all_are_asked() {
    let (pool, checks) = (pool(&[1, 1]), upstream(Vec::new()).checks);
    for member in pool.members() {
        member.checked(false, &checks, at(0));
    }
    let got = shares(&pool, at(0));
    assert!(got.iter().all(|n| *n > 40), "{got:?}");
}

#[test]
fn a_retry_goes_elsewhere_and_no_endpoint_gets_more_than_its_connections() {
    let two = upstream(vec![endpoint("http://127.0.0.1", 1), endpoint("http://127.0.0.2", 1)]);
    let pool = pool_of(Upstream { limits: UpstreamLimits { connections: 2, ..two.limits }, ..two });
    let tried = Tried::default().and(1);
    let held: Vec<_> = (0..3).map(|_| pool.choose(at(0), tried).expect("room")).collect();
    assert_eq!(held.iter().map(Attempt::index).collect::<Vec<_>>(), [0, 0, 1], "the first is full then");
    let last = pool.choose(at(0), Tried::default()).expect("room");
    assert!(matches!(pool.choose(at(0), Tried::default()), Err(NoPeer::Full { .. })));
    drop(last);
    assert!(pool.choose(at(0), Tried::default()).is_ok());
}

#[test]
fn what_was_learnt_outlives_a_configuration() {
    let before = pool(&[1, 1]);
    fail(&before, 0, at(0));
    let urls = vec![endpoint("http://127.0.0.3:80", 1), endpoint("http://127.0.0.1:80", 5), endpoint("http://127.0.0.2:80", 1)];
    let after = Arc::new(Pool::new(Arc::new(upstream(urls)), &resolver(), Some((&before, at(0)))));
    let ejected: Vec<_> = after.members().iter().map(|m| m.condition(at(1)) != Condition::Up).collect();
    assert_eq!(ejected, [false, true, false]);
    assert_eq!(shares(&after, at(1))[1], 0);
    let later = shares(&after, at(90))[1];
    assert!(later.abs_diff(71) <= 2, "the new weight counts: {later}");
}

/// Prometheus answers 503 to a query that has more to do than its own `timeout=1ms`: whoever asks so must not have it left out.
#[test]
fn no_caller_alone_has_an_endpoint_left_out_for_others() {
    let ask = |pool: &Arc<Pool>, user: &str, status: Option<u16>, code: u16| {
        let mut attempt = pool.choose(at(0), Tried::default().and(1)).expect("an endpoint");
        let who = || (holders::Who::User { org: "acme", user }.into(), at(0));
        match status {
            Some(status) => attempt.answered(status, who),
            None => attempt.called(code, who),
        }
    };
    for status in [Some(503), Some(504), None] {
        let pool = pool(&[1, 1]);
        (0..100).for_each(|_| ask(&pool, "eve", status, 14));
        assert_eq!(pool.members()[0].condition(at(0)), Condition::Up, "{status:?}");
        (0..5).for_each(|_| ask(&pool, "bob", Some(200), 0));
        for user in ["eve", "eve", "bob", "eve"] {
            assert_eq!(pool.members()[0].condition(at(0)), Condition::Up, "{status:?}");
            ask(&pool, user, status, 14);
        }
        assert_ne!(pool.members()[0].condition(at(0)), Condition::Up, "{status:?}: others are told so too");
    }
}

#[test]
fn what_a_reload_brings_starts_slowly_and_nothing_else_does() {
    let before = pool(&[1, 1]);
    let urls = [1, 2, 3].map(|n| endpoint(&format!("http://127.0.0.{n}:80"), 1)).to_vec();
    let after = Arc::new(Pool::new(Arc::new(upstream(urls.clone())), &resolver(), Some((&before, at(0)))));
    let first = shares(&after, at(0));
    assert!(first[2] < 8 && first[0] > 40 && first[1] > 40, "{first:?}");
    let half = shares(&after, at(15))[2];
    assert!((15..26).contains(&half), "{half}");
    assert!(shares(&after, at(30))[2] > 30);
    // The next one brings nothing, and does not begin anew.
    let again = Arc::new(Pool::new(Arc::new(upstream(urls)), &resolver(), Some((&after, at(30)))));
    let whole = shares(&again, at(30));
    assert!(whole.iter().all(|n| *n > 30), "{whole:?}");
    assert!(shares(&before, at(0)).iter().all(|n| *n > 45), "those of the start have their whole share");
}

#[tokio::test]
async fn connections_made_under_other_tls_are_not_used_again() {
    let of = |digest: u64, name: &str| {
        let tls = UpstreamTls { digest, ..UpstreamTls::default() };
        pool_of(Upstream { tls, name: name.into(), ..upstream(vec![endpoint("https://127.0.0.1:443", 1)]) })
    };
    let mut hashes = Vec::new();
    for pool in [of(1, "u"), of(1, "u"), of(2, "u"), of(1, "v")] {
        hashes.push(pool.peer(0, None, &briefly(), at(0)).await.expect("a peer").reuse_hash());
    }
    assert_eq!(hashes[0], hashes[1], "the same upstream after a reload");
    assert_ne!(hashes[0], hashes[2], "other authorities or another certificate");
    assert_ne!(hashes[0], hashes[3], "another upstream");
}

#[test]
fn the_narrower_of_two_timeouts_is_kept() {
    let (of_upstream, seconds) = (upstream(Vec::new()).timeouts, Duration::from_secs);
    let route = RouteTimeouts { connect: Some(seconds(1)), first_byte: Some(seconds(90)), ..RouteTimeouts::default() };
    let spans = Spans::of(&of_upstream, &route, Coming::Whole);
    assert_eq!((spans.connect, spans.read, spans.idle, spans.total), (seconds(1), seconds(90), Some(seconds(60)), None));
    let spans = Spans::of(&of_upstream, &RouteTimeouts::default(), Coming::Events);
    assert_eq!((spans.read, spans.idle), (seconds(3600), None));
    let whole = UpstreamTimeouts { first_byte: Some(seconds(70)), total: Some(seconds(80)), ..of_upstream };
    let events = Spans::of(&whole, &RouteTimeouts::default(), Coming::Events);
    assert_eq!((events.read, events.total), (seconds(3600), None), "streams end when they end");
    assert_eq!(Spans::of(&whole, &RouteTimeouts::default(), Coming::Whole).total, Some(seconds(80)));
}

/// A resolver that says what it is told to, and counts.
#[derive(Debug, Default)]
struct Scripted {
    answer: Mutex<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Scripted {
    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.lock().clone();
        if answer.is_empty() { Err(std::io::ErrorKind::NotFound.into()) } else { Ok(answer) }
    }
}

const SLOW: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_name_that_resolved_once_keeps_no_request_waiting() {
    let scripted = Arc::new(Scripted::default());
    let addresses = Addresses::of(&endpoint("http://name:80", 1), &(Arc::clone(&scripted) as Arc<dyn Resolver>));
    let asked = || scripted.asked.load(Ordering::SeqCst);
    assert!(addresses.pick(None, SLOW, at(0)).await.is_err());
    assert!(addresses.pick(None, SLOW, at(0)).await.is_err());
    assert_eq!(asked(), 1, "requests do not ask again at once");
    let [a, b]: [SocketAddr; 2] = ["192.0.2.1:80", "192.0.2.2:80"].map(|t| t.parse().expect("an address"));
    *scripted.answer.lock() = vec![a, b];
    assert_eq!(addresses.pick(None, SLOW, at(1)).await.expect("an address"), a);
    assert_eq!(addresses.pick(None, SLOW, at(1)).await.expect("an address"), b);
    assert_eq!(addresses.pick(None, SLOW, at(100)).await.expect("an address"), a);
    assert_eq!(asked(), 2, "an old answer is good enough for a request");
    let believed = Duration::from_secs(30);
    addresses.refresh(believed, at(30)).await;
    assert_eq!(asked(), 2, "not due yet");
    *scripted.answer.lock() = vec![b];
    addresses.refresh(believed, at(31)).await;
    assert_eq!((asked(), addresses.pick(None, SLOW, at(31)).await.expect("an address")), (3, b));
    scripted.answer.lock().clear();
    addresses.refresh(believed, at(61)).await;
    assert_eq!((asked(), addresses.pick(None, SLOW, at(61)).await.expect("an address")), (4, b), "the last answer stays");
}

/// A pool of one endpoint whose name has these addresses.
fn named(answer: Vec<SocketAddr>) -> Arc<Pool> {
    let scripted = Scripted { answer: Mutex::new(answer), ..Scripted::default() };
    let upstream = Upstream { health: Some(Health::Path("/".into())), ..upstream(vec![endpoint("http://name:80", 1)]) };
    Arc::new(Pool::new(Arc::new(upstream), &(Arc::new(scripted) as Arc<dyn Resolver>), None))
}

fn briefly() -> Spans {
    let second = Duration::from_secs(1);
    Spans { connect: second, read: second, first: None, idle: None, write: second, total: None, stream: None }
}

#[tokio::test]
async fn every_address_of_a_name_has_its_turn() {
    let [a, b]: [SocketAddr; 2] = ["192.0.2.1:80", "192.0.2.2:80"].map(|t| t.parse().expect("an address"));
    let pool = named(vec![a, b]);
    let sent = async |tried: Option<SocketAddr>, now: i64| {
        let mut to_a = 0;
        for _ in 0..100 {
            let peer = pool.peer(0, tried, &briefly(), at(now)).await.expect("a peer");
            to_a += usize::from(peer.address().as_inet() == Some(&a));
        }
        to_a
    };
    assert_eq!(sent(None, 0).await, 50, "first tries go to both");
    assert_eq!((sent(Some(a), 0).await, sent(Some(b), 0).await), (0, 100), "a retry goes to the other");
    let addresses = pool.members()[0].addresses();
    addresses.leave_out(b, at(0));
    assert_eq!(sent(None, 29).await, 100, "one that can't be reached is left out");
    addresses.refresh(Duration::from_secs(1), at(29)).await;
    assert_eq!(sent(None, 29).await, 100, "also when the name was resolved again");
    assert_eq!(sent(Some(a), 29).await, 0, "unless the other was tried");
    assert_eq!(sent(None, 31).await, 50, "and has its turn again after a while");
    addresses.leave_out(b, at(1_000));
    assert_eq!(sent(None, 31).await, 50, "a clock that goes back leaves nobody out");
}

/// Asks `pool` once; says where. An address of `ill` fails the request, the others answer it.
async fn asked(pool: &Arc<Pool>, ill: &[SocketAddr], now: Timestamp) -> SocketAddr {
    let mut attempt = pool.choose(now, Tried::default()).expect("an endpoint");
    attempt.peer(None, &briefly(), now).await.expect("a peer");
    let address = attempt.address().expect("an address");
    if ill.contains(&address) {
        attempt.failed(now);
    } else {
        attempt.settle();
    }
    address
}

/// How many of a hundred requests each of these addresses gets.
async fn turns(pool: &Arc<Pool>, all: &[SocketAddr], ill: &[SocketAddr], now: Timestamp) -> Vec<usize> {
    let mut turns = vec![0; all.len()];
    for _ in 0..100 {
        let address = asked(pool, ill, now).await;
        turns[all.iter().position(|a| *a == address).expect("one of them")] += 1;
    }
    turns
}

fn addresses<const N: usize>() -> [SocketAddr; N] {
    std::array::from_fn(|i| SocketAddr::from(([192, 0, 2, u8::try_from(i + 1).expect("few")], 80)))
}

#[tokio::test]
async fn an_address_that_fails_requests_is_left_to_the_others_of_its_name() {
    let all = addresses::<2>();
    let (pool, ill) = (named(all.to_vec()), &all[1..]);
    assert_eq!(turns(&pool, &all, ill, at(0)).await, [97, 3], "after as many as eject it");
    assert_eq!(pool.members()[0].addresses().left_out(at(0)), ill);
    assert_eq!((pool.members()[0].condition(at(0)), pool.members()[0].tally().ejections), (Condition::Up, 1));
    assert_eq!(turns(&pool, &all, ill, at(29)).await, [100, 0]);
    pool.members()[0].addresses().refresh(Duration::from_secs(1), at(29)).await;
    assert_eq!(turns(&pool, &all, ill, at(29)).await, [100, 0], "also when the name was resolved again");
    let first = turns(&pool, &all, &[], at(30)).await[1];
    let half = turns(&pool, &all, &[], at(45)).await[1];
    assert!((2..9).contains(&first) && (20..30).contains(&half), "it comes back slowly: {first} {half}");
    assert_eq!(turns(&pool, &all, &[], at(60)).await, [50, 50]);
    assert_eq!(turns(&pool, &all, ill, at(61)).await, [97, 3]);
    assert_eq!(turns(&pool, &all, &[], at(120)).await, [100, 0], "and is left out for longer the next time");
    assert_eq!(turns(&pool, &all, &[], at(151)).await, [50, 50]);
}

#[tokio::test]
async fn an_address_that_a_name_gets_starts_slowly() {
    let all = addresses::<3>();
    let scripted = Arc::new(Scripted { answer: Mutex::new(all[..2].to_vec()), ..Scripted::default() });
    let upstream = Arc::new(upstream(vec![endpoint("http://name:80", 1)]));
    let pool = Arc::new(Pool::new(upstream, &(Arc::clone(&scripted) as Arc<dyn Resolver>), None));
    assert_eq!(turns(&pool, &all, &[], at(0)).await, [50, 50, 0], "those of the start do not");
    let moved = async |to: &[SocketAddr], now: i64| {
        *scripted.answer.lock() = to.to_vec();
        pool.members()[0].addresses().refresh(Duration::from_secs(1), at(now)).await;
        turns(&pool, &all, &[], at(now)).await
    };
    let begun = moved(&all, 10).await[2];
    assert!((1..8).contains(&begun), "{begun}");
    let grown = turns(&pool, &all, &[], at(40)).await[2];
    assert!((32..36).contains(&grown), "{grown}");
    assert_eq!(moved(&all[2..], 50).await, [0, 0, 100]);
    assert_eq!(moved(&all[..1], 60).await, [100, 0, 0], "where there is no other it has all of it");
}

#[tokio::test]
async fn what_an_address_answers_well_is_not_held_against_it() {
    let all = addresses::<2>();
    let pool = named(all.to_vec());
    for _ in 0..10 {
        turns(&pool, &all, &[], at(0)).await;
        for _ in 0..2 {
            while asked(&pool, &all[1..], at(0)).await != all[1] {}
        }
    }
    assert_eq!(pool.members()[0].addresses().left_out(at(0)), [], "two in a row are not three");
}

/// Of those that can be reached: to the others there may be no way at all.
#[tokio::test]
async fn never_more_than_half_of_the_addresses_are_left_out_for_failing() {
    for (number, away, ejected) in [(1, 0, 0), (2, 0, 1), (3, 0, 1), (4, 0, 2), (4, 2, 1), (4, 3, 0)] {
        let all = &addresses::<4>()[..number];
        let pool = named(all.to_vec());
        asked(&pool, &[], at(0)).await;
        for address in &all[..away] {
            pool.members()[0].addresses().leave_out(*address, at(0));
        }
        turns(&pool, all, all, at(0)).await;
        assert_eq!(pool.members()[0].addresses().left_out(at(0)).len(), away + ejected, "{number} with {away} away");
    }
}

#[tokio::test]
async fn no_caller_alone_has_an_address_left_out() {
    let all = addresses::<2>();
    let pool = named(all.to_vec());
    let ada = Caller::from(holders::Who::User { org: "acme", user: "ada" });
    for _ in 0..100 {
        let mut attempt = pool.choose(at(0), Tried::default()).expect("an endpoint");
        attempt.peer(None, &briefly(), at(0)).await.expect("a peer");
        attempt.answered(503, || (ada, at(0)));
    }
    assert_eq!(pool.members()[0].addresses().left_out(at(0)), []);
}

#[tokio::test]
async fn a_name_is_well_while_one_of_its_addresses_is() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let open = listener.local_addr().expect("an address");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            while !read.ends_with(b"\r\n\r\n") && stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {}
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let connector = pingora_core::connectors::http::Connector::new(None);
    let pool = named(vec![gone, open]);
    for now in [0, 1, 100, 101] {
        check::check(&connector, &pool, 0, at(now)).await.unwrap_or_else(|e| panic!("{now}: {e:?}"));
    }
    let pool = named(vec![gone]);
    assert!(check::check(&connector, &pool, 0, at(0)).await.is_err(), "nobody is well");
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_what_takes_too_long() {
    use crate::gateway::streams::CutSwitch;

    let cut = Arc::new(CutSwitch::default());
    let watch = Watch::start(Arc::clone(&cut), None, Watched { total: Some(Duration::from_secs(5)), ..Watched::default() });
    watch.touch();
    cut.wait().await;
    assert!(watch.fired() == Some(Slow::Upstream));
    let other = Arc::new(CutSwitch::default());
    drop(Watch::start(Arc::clone(&other), None, Watched { total: Some(Duration::from_secs(5)), ..Watched::default() }));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!other.is_cut(), "nobody watches any more");
}

#[tokio::test]
async fn a_body_that_stops_is_its_clients_fault_until_an_answer_begins() {
    use crate::gateway::streams::CutSwitch;

    let longest = Duration::from_millis(20);
    let watch = |pieces: &Arc<Pieces>, pauses| {
        let cut = Arc::new(CutSwitch::default());
        let body = Some(Awaited { pieces: Arc::clone(pieces), longest, pauses });
        (Watch::start(Arc::clone(&cut), None, Watched { body, ..Watched::default() }), cut)
    };
    let begun = || {
        let pieces = Arc::new(Pieces::default());
        pieces.piece(false);
        pieces
    };
    let whole = begun();
    whole.piece(true);
    let answered = watch(&begun(), false);
    answered.0.touch();
    let ((_whole, whole), (_call, call)) = (watch(&whole, false), watch(&begun(), true));
    // The last of them, so that the others had their time when this one has.
    for (pieces, pauses) in [(begun(), false), (Arc::default(), true)] {
        let (watch, cut) = watch(&pieces, pauses);
        cut.wait().await;
        assert_eq!(watch.fired(), Some(Slow::Client), "{pieces:?}");
    }
    for (what, cut) in [("it came whole", whole), ("the answer began", answered.1), ("a call may pause", call)] {
        assert!(!cut.is_cut(), "{what}");
    }
}

#[tokio::test]
async fn a_connection_more_than_are_kept_is_closed_after_its_use() {
    let pool = pool_of(Upstream {
        retries: Retries { tries: 1, budget: 0, reserve: 0 },
        ..upstream(vec![endpoint("http://127.0.0.1:80", 1)])
    });
    let member = &pool.members()[0];
    let _attempt = pool.choose(at(0), Tried::default()).expect("an endpoint");
    let counter = member.counter();
    let kept = async || {
        let peer = pool.peer(0, None, &briefly(), at(0)).await.expect("a peer");
        peer.options.idle_timeout.is_some_and(|idle| !idle.is_zero())
    };
    for (open, expected) in [(0, true), (1, true), (2, true), (3, false), (4, false)] {
        assert_eq!((member.tally().connections, kept().await), (open, expected));
        pingora_core::upstreams::peer::Tracing::on_connected(&counter);
    }
}

#[test]
fn what_is_kept_has_room_for_every_upstream() {
    let endpoints = || vec![endpoint("http://127.0.0.1:80", 1), endpoint("http://127.0.0.2:80", 1)];
    let all = [Arc::new(upstream(endpoints())), Arc::new(upstream(Vec::new())), Arc::new(upstream(endpoints()))];
    assert_eq!(most_connections(&all), 400);
}

#[test]
fn an_answer_that_may_be_a_stream_begins_as_soon_as_any_other() {
    let (plain, seconds) = (upstream(Vec::new()).timeouts, Duration::from_secs);
    let of_upstream = UpstreamTimeouts { first_byte: Some(seconds(70)), total: Some(seconds(80)), ..plain };
    let spans = Spans::of(&of_upstream, &RouteTimeouts::default(), Coming::Either);
    assert_eq!((spans.first, spans.idle, spans.total), (Some(seconds(70)), Some(seconds(60)), Some(seconds(80))));
    assert_eq!((spans.read, spans.stream), (seconds(3600), Some(Stream { idle: seconds(3600), total: None })));
    let route = RouteTimeouts { idle: Some(seconds(5)), first_byte: Some(seconds(9)), ..RouteTimeouts::default() };
    let spans = Spans::of(&plain, &route, Coming::Either);
    assert_eq!(spans, Spans::of(&plain, &route, Coming::Whole), "a route's own limits are for streams too");
}

#[tokio::test]
async fn only_an_answer_that_is_a_stream_has_the_time_of_one() {
    use crate::gateway::streams::CutSwitch;

    let (short, long) = (Duration::from_millis(40), Duration::from_secs(3600));
    let watch = || {
        let cut = Arc::new(CutSwitch::default());
        let stream = Some(Stream { idle: long, total: None });
        let until = Watched { first: Some(short), idle: Some(short), total: Some(short), stream, body: None };
        (Watch::start(Arc::clone(&cut), None, until), cut)
    };
    let ((silent, unanswered), (plain, answered), (events, streaming)) = (watch(), watch(), watch());
    plain.touch();
    events.streams();
    events.touch();
    // The last began after the others: they had their time when it has had its own.
    let (_last, last) = watch();
    for cut in [unanswered, answered, last] {
        cut.wait().await;
    }
    assert_eq!((silent.fired(), plain.fired()), (Some(Slow::Upstream), Some(Slow::Upstream)));
    assert!(events.fired().is_none() && !streaming.is_cut());
}
