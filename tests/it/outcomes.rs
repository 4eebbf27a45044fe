//! G4: no call without a record, and the record says how the call ended.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tollgate::audit::{Disk, Files, Sink};

use crate::harness::audit::{outcome, reason};
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Gateway, Setup, within};

const QUERY: &str = "/prometheus/api/v1/query";

/// Everything in the journal's files.
fn journal(gw: &Gateway) -> String {
    let files = std::fs::read_dir(gw.dir.path().join("journal")).expect("a directory");
    let bytes = files.filter_map(|f| std::fs::read(f.ok()?.path()).ok());
    bytes.map(|b| String::from_utf8_lossy(&b).into_owned()).collect::<Vec<_>>().concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_stands_before_the_upstream_is_asked() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&Request::get(QUERY).bearer(&caller.token).header("X-Behave", "hold").bytes()).await;
    let id = gw.upstream.asked(1).await.header("x-request-id");
    assert!(journal(&gw).contains(&id), "{id} is not in the journal while the upstream works on it");
    gw.upstream.emit("");
    assert_eq!(conn.response().await.status, 200);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_on_record() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    for (n, behave) in ["hold", "events"].into_iter().enumerate() {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&Request::get(QUERY).bearer(&caller.token).header("X-Behave", behave).bytes()).await;
        let id = gw.upstream.asked(n + 1).await.header("x-request-id");
        drop(conn);
        gw.upstream.ended(n + 1).await;
        assert_eq!(outcome(&gw.record_of_request(&id).await), "Client", "{behave}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_fails_is_on_record() {
    let gw = Gateway::start_with(Setup { read_timeout: "300ms", ..Setup::default() }).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = |behave: &str| Request::get(QUERY).bearer(&caller.token).header("X-Behave", behave);
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&query("broken").bytes()).await;
    let head = within("a head", conn.head()).await.expect("a head");
    assert_eq!(head.status, 200);
    assert!(conn.try_response().await.is_none(), "a truncated answer must not look whole");
    assert_eq!(outcome(&gw.record_of(&head).await), "Upstream");
    let cases = [
        (query("drop"), 502, "upstream_broken"),
        (query("silent"), 504, "upstream_timeout"),
        (Request::get("/gone/x"), 502, "upstream_unreachable"),
    ];
    for (request, status, code) in cases {
        let response = ask(gw.running.public, &request).await;
        assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{response:?}");
        let record = gw.record_of(&response).await;
        assert_eq!((reason(&record), outcome(&record).as_str()), ("allowed", "Upstream"), "{code}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_not_sent_twice() {
    let gw = Gateway::start().await;
    let mut conn = Conn::open(gw.running.public).await;
    let response = conn.ask(&Request::new("POST", "/open/x").header("X-Behave", "drop").body("once")).await;
    assert_eq!(response.status, 502);
    assert_eq!(gw.upstream.count(), 1);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_route_is_on_the_operators_record() {
    let gw = Gateway::start().await;
    let response =
        ask(gw.running.public, &Request::new("POST", "/dash/health").header("Authorization", "Bearer x").body("hi")).await;
    assert_eq!(response.status, 200);
    let seen = gw.upstream.last();
    assert_eq!((seen.target().as_str(), seen.values("authorization").len()), ("/health", 0));
    let record = gw.record_of(&response).await;
    assert_eq!((reason(&record), record.org.as_ref()), ("allowed", None));
    gw.running.stop().await;
}

/// A disk that is full when the test says so.
#[derive(Clone, Default)]
struct Full(Arc<AtomicBool>);

struct FullSink(Full, Box<dyn Sink>);

impl Full {
    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for Full {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>> {
        self.check()?;
        Ok(Box::new(FullSink(self.clone(), Files.create(path)?)))
    }
}

impl Sink for FullSink {
    fn append(&self, line: &[u8]) -> io::Result<usize> {
        self.0.check()?;
        self.1.append(line)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.check()?;
        self.1.sync()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_recorded_is_not_forwarded() {
    let full = Full::default();
    let gw = Gateway::start_with(Setup { disk: Some(Box::new(full.clone())), ..Setup::default() }).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = Request::get(QUERY).bearer(&caller.token);
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(conn.ask(&query).await.status, 200);
    let mut under_way = Conn::open(gw.running.public).await;
    under_way.send(&Request::get(QUERY).bearer(&caller.token).header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(2).await;
    full.0.store(true, Ordering::SeqCst);
    let refused = conn.ask(&query).await;
    assert_eq!((refused.status, refused.reason().as_deref()), (503, Some("journal_unavailable")), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let unknown = conn.ask(&Request::get(QUERY)).await;
    assert_eq!(unknown.status, 503, "a refusal that can't be recorded is no exception: {unknown:?}");
    assert_eq!(gw.upstream.count(), 2, "nothing was forwarded");
    assert!(gw.running.journal.is_failing());
    let ready = ask(gw.running.admin, &Request::get("/readyz").host("127.0.0.1")).await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.text().contains("journal_failing"), "{ready:?}");
    gw.upstream.emit("");
    let ended = under_way.response().await;
    assert_eq!(ended.status, 200, "what was recorded before may end");
    full.0.store(false, Ordering::SeqCst);
    gw.advance(1);
    let again = conn.ask(&query).await;
    assert_eq!(again.status, 200, "it recovers without a restart");
    assert_eq!(ask(gw.running.admin, &Request::get("/readyz").host("127.0.0.1")).await.status, 200);
    assert_eq!(outcome(&gw.record_of(&ended).await), "200", "its end was kept until the disk took it");
    gw.running.stop().await;
}
