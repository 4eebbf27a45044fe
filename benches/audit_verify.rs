//! How fast the log is proved, beside what its texts cost alone.
//!
//! `cargo bench --bench audit_verify [-- --records N --rounds N --within TIMES]`. A fresh SQLite store is filled through a notary, in
//! batches as large as the largest of the gateway. Each round takes its floor, to read the texts in one go and hash each, and then
//! proves the log. The run fails when the log is not proved, or when the median proof takes more than `--within` times the median floor.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use futures::StreamExt as _;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio::sync::mpsc;
use tollgate::audit::{Asked, NoMetrics, Notary, Report, Step, verify};
use tollgate::record::{Actor, AuditRecord, Call, Decision, Event, Measured, Origin, Outcome, Written};
use tollgate::store::{AuditKey, Digest, SharedStore, Signer, Store, sql};
use tollgate::types::{
    ApiName, ChainId, ClientId, GrantId, KeyId, NodeId, OrgId, RecordId, RequestId, ResourceId, RouteId, ScopeSet, SystemClock,
    SystemEntropy, Timestamp, UserId,
};

/// The production allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records in one batch: the most that the gateway carries to the store at a time.
const BATCH: usize = 500;
/// When the first record was made.
const BEGUN: Timestamp = Timestamp::from_millis(1_795_219_200_123);

/// The key that seals.
struct Pair {
    id: KeyId,
    pair: Ed25519KeyPair,
}

impl Pair {
    fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
        Self { id: KeyId::generate(BEGUN, &SystemEntropy), pair }
    }

    fn public(&self) -> AuditKey {
        let public = self.pair.public_key().as_ref().to_vec();
        AuditKey { id: self.id.clone(), public, sealed: Vec::new(), vouched: Vec::new(), created_at: BEGUN }
    }
}

impl Signer for Pair {
    fn key(&self) -> &KeyId {
        &self.id
    }

    fn sign(&self, digest: &Digest) -> Vec<u8> {
        self.pair.sign(digest.bytes()).as_ref().to_vec()
    }
}

/// A call as most are: let through, and ended.
fn record(n: u64) -> Option<AuditRecord> {
    let time = BEGUN.plus(Duration::from_millis(n * 5));
    Some(AuditRecord {
        id: RecordId::generate(time, &SystemEntropy),
        time,
        org: OrgId::parse("org_0190b2c4e5f67890abcdef0123456789").ok(),
        actor: Actor {
            user: UserId::parse("usr_0190b2c4e5f67890abcdef0123456789").ok(),
            client: ClientId::parse("cl_0190b2c4e5f67890abcdef0123456789").ok(),
            client_name: Some("Acme command line".into()),
            grant: GrantId::parse("gr_0190b2c4e5f67890abcdef0123456789").ok(),
            token: Some("0190b2c4e5f67890abcdef0123456789".into()),
        },
        origin: Origin {
            request: RequestId::generate(time, &SystemEntropy),
            node: NodeId::parse("node_0190b2c4e5f67890abcdef0123456789").ok()?,
            peer: "203.0.113.7:51234".parse().ok(),
            user_agent: Some("acme/1.0 (linux; x86_64)".into()),
            trace: Some("0af7651916cd43dd8448eb211c80319c".into()),
            certificate: None,
        },
        event: Event::Call(Box::new(Call {
            api: ApiName::parse("prometheus").ok()?,
            route: RouteId::parse("prometheus.query_range").ok(),
            method: "GET".into(),
            path: "/prometheus/api/v1/query_range".into(),
            mcp: None,
            scopes_needed: ScopeSet::parse("metrics:read").ok()?,
            scopes_held: ScopeSet::parse("logs:read metrics:read traces:read").ok()?,
            resource: ResourceId::parse("https://gw.example.com/prometheus").ok(),
            decision: Decision::Allowed,
            would_deny: None,
            outcome: Outcome::Completed(Measured { status: 200, bytes: 8123, micros: 1234 + n, call: None }),
            forwarder: None,
        })),
    })
}

async fn fill(store: &SharedStore, pair: Arc<Pair>, records: u64) {
    let ids = (ChainId::generate(BEGUN, &SystemEntropy), NodeId::generate(BEGUN, &SystemEntropy));
    let notary: Notary<dyn Store> = Notary::new(Arc::clone(store), pair, ids, Arc::new(SystemClock), Arc::new(NoMetrics));
    let all: Vec<u64> = (0..records).collect();
    for some in all.chunks(BATCH) {
        let some: Option<Vec<_>> = some.iter().copied().map(record).collect();
        let written = Written::all(&some.expect("the sample is valid")).expect("text");
        notary.append(&written).await.expect("stored");
    }
}

/// Reads every text in one go and hashes it.
async fn floor(connection: &mut SqliteConnection) -> (Duration, u64) {
    let (began, mut bytes) = (Instant::now(), 0);
    let mut rows = sqlx::query("SELECT record FROM audit_records").fetch(connection);
    while let Some(row) = rows.next().await {
        let row = row.expect("a row");
        let text: &str = row.get(0);
        bytes += text.len() as u64;
        std::hint::black_box(Digest::of(text.as_bytes()));
    }
    (began.elapsed(), bytes)
}

async fn prove(store: &SharedStore, key: AuditKey) -> (Duration, Report) {
    let (tell, mut told) = mpsc::channel(64);
    let asked = Asked { keys: vec![key], vouches: Box::new(|_| false), known: Vec::new() };
    let (store, began, mut report) = (Arc::clone(store), Instant::now(), None);
    let walking = tokio::spawn(async move { verify(&*store, asked, tell).await });
    while let Some(step) = told.recv().await {
        match step {
            Step::Proved(_) => {}
            Step::Fault(fault) => panic!("{fault:?}"),
            Step::Done(done) => report = Some(*done),
        }
    }
    walking.await.expect("no panic").expect("the store answers");
    (began.elapsed(), report.expect("a report"))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn run(records: u64, rounds: u64, within: f64) -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let node = NodeId::generate(BEGUN, &SystemEntropy);
    let (store, pair) = (sql::open(&url, &node, Arc::new(SystemEntropy)).await.expect("a store"), Arc::new(Pair::new()));
    fill(&store, Arc::clone(&pair), records).await;
    let mut connection = SqliteConnection::connect(&url).await.expect("a connection");
    let (mut floors, mut proofs) = (Vec::new(), Vec::new());
    let mut size = 0;
    for _ in 0..rounds.max(1) {
        let (took, bytes) = floor(&mut connection).await;
        floors.push(took);
        size = bytes;
        let (took, report) = prove(&store, pair.public()).await;
        assert_eq!((report.proved, report.records, report.waiting), (true, records, 0));
        proofs.push(took);
    }
    connection.close().await.expect("closed");
    store.close().await;
    let (floor, proof) = (median(floors), median(proofs));
    let ratio = proof.as_secs_f64() / floor.as_secs_f64();
    let each_second = |took: Duration| u128::from(records) * 1_000_000 / took.as_micros().max(1);
    println!("| {records} records, {size} bytes of text | records a second | of the floor |");
    println!("|---|---|---|");
    println!("| floor: read the texts, SHA-256 over each | {} | 1.0 |", each_second(floor));
    println!("| audit verify | {} | {ratio:.1} |", each_second(proof));
    if ratio <= within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).map(String::as_str);
    let number = |name: &str, default: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let within = value("--within").map_or(f64::INFINITY, |v| v.parse().expect("--within takes a number"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(number("--records", 200_000), number("--rounds", 5), within))
}
