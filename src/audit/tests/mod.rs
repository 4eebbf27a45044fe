//! A journal in a directory of its own, a disk that fails on demand and a store in memory.

mod crash;
mod journal;
mod ship;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Condvar, Mutex};

use super::journal::{Disk, Sink};
use super::*;
use crate::record::{Actor, AuditRecord, Call, Caller, Decision, Event, Measured, Opening, Origin, Outcome, Written};
use crate::store::{Digest, Head, Place, SealStore, Signer, StoreError};
use crate::types::{ApiName, ChainId, KeyId, ManualClock, NodeId, OrgId, RecordId, RequestId, ScopeSet, Timestamp, UserId};

const NOW: Timestamp = Timestamp::from_millis(1_795_219_200_123);

/// What a call looks like before it is forwarded.
fn opening(n: u64) -> AuditRecord {
    AuditRecord {
        id: RecordId::parse(&format!("rec_{n}")).unwrap(),
        time: NOW,
        org: OrgId::parse("org_7").ok(),
        actor: Actor { user: UserId::parse("usr_12").ok(), ..Actor::default() },
        origin: Origin {
            request: RequestId::parse(&format!("req_{n}")).unwrap(),
            node: NodeId::parse("node_1").unwrap(),
            peer: "203.0.113.7:51234".parse().ok(),
            user_agent: Some("curl/8\r\n\u{1e}".into()),
            trace: None,
            certificate: None,
        },
        event: Event::Call(Box::new(Call {
            api: ApiName::parse("loki").unwrap(),
            route: None,
            method: "GET".into(),
            path: "/loki/api/v1/query".into(),
            mcp: None,
            scopes_needed: ScopeSet::parse("logs:read").unwrap(),
            scopes_held: ScopeSet::default(),
            resource: None,
            decision: Decision::Allowed,
            would_deny: None,
            outcome: Outcome::Unknown,
            forwarder: None,
        })),
    }
}

/// Opens the call of a record.
async fn begin(journal: &Journal, record: &AuditRecord) -> Result<OpenCall, JournalError> {
    let caller = Caller::from(record);
    journal.open_call(&Opening::of(record, &caller).unwrap()).await
}

const fn completed(status: u16) -> Outcome {
    Outcome::Completed(Measured { status, bytes: 7, micros: 41, call: None })
}

fn outcome(record: &AuditRecord) -> &Outcome {
    match &record.event {
        Event::Call(call) => &call.outcome,
        Event::Control(_) => panic!("{record:?} is no call"),
    }
}

/// Every record with its outcome; fails when one occurs twice.
fn outcomes(records: &[AuditRecord]) -> HashMap<String, Outcome> {
    let by_id: HashMap<_, _> = records.iter().map(|r| (r.id.to_string(), outcome(r).clone())).collect();
    assert_eq!(by_id.len(), records.len(), "a record was recovered twice");
    by_id
}

/// A disk with so much room, that can be told to fail.
#[derive(Clone, Default)]
struct Faults {
    room: Arc<AtomicI64>,
    broken: Arc<AtomicBool>,
    unsynced: Arc<AtomicBool>,
    syncs: Arc<AtomicU64>,
    gate: Arc<Gate>,
}

/// Holds syncs back.
#[derive(Default)]
struct Gate {
    state: Mutex<(Held, u32)>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Held {
    Back,
    #[default]
    Not,
}

impl Gate {
    fn turn(&self, held: Held) {
        self.state.lock().0 = held;
        self.changed.notify_all();
    }

    /// Returns once a sync waits.
    fn reached(&self) {
        let mut state = self.state.lock();
        while state.1 == 0 {
            self.changed.wait(&mut state);
        }
    }

    fn pass(&self) {
        let mut state = self.state.lock();
        state.1 += 1;
        self.changed.notify_all();
        while state.0 == Held::Back {
            self.changed.wait(&mut state);
        }
        state.1 -= 1;
    }
}

impl Faults {
    fn with_room(room: i64) -> Self {
        Self { room: Arc::new(AtomicI64::new(room)), ..Self::default() }
    }

    fn make_room(&self, room: i64) {
        self.room.store(room, Ordering::SeqCst);
    }
}

struct FaultyFile(fs::File, Faults);

impl Disk for Faults {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>> {
        let file = fs::OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Box::new(FaultyFile(file, self.clone())))
    }
}

impl Sink for FaultyFile {
    fn append(&self, line: &[u8]) -> io::Result<usize> {
        if self.1.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("EIO"));
        }
        let room = usize::try_from(self.1.room.load(Ordering::SeqCst)).unwrap_or(0);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = room.min(line.len());
        self.1.room.fetch_sub(i64::try_from(taken).unwrap(), Ordering::SeqCst);
        Sink::append(&self.0, &line[..taken])
    }

    fn sync(&self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::SeqCst);
        self.1.gate.pass();
        if self.1.unsynced.load(Ordering::SeqCst) { Err(io::Error::other("EIO")) } else { Ok(()) }
    }
}

/// A directory, and the parts that belong to it.
struct Site {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    options: JournalOptions,
}

impl Site {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::starting_at(NOW)),
            options: JournalOptions::default(),
        }
    }

    fn with_segments_of(bytes: u64) -> Self {
        let mut site = Self::new();
        site.options.segment_bytes = bytes;
        site
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn open(&self) -> (Journal, Backlog) {
        let node = NodeId::parse("node_1").unwrap();
        Journal::open(self.path(), &node, self.options, self.clock.clone(), Arc::new(NoMetrics)).unwrap()
    }

    fn open_on(&self, disk: &Faults) -> (Journal, Backlog) {
        let node = NodeId::parse("node_1").unwrap();
        let hold = Hold::take(self.path()).unwrap();
        Journal::open_on(Box::new(disk.clone()), hold, &node, self.options, self.clock.clone(), Arc::new(NoMetrics)).unwrap()
    }

    /// One that is measured.
    fn open_measured(&self, metrics: &Arc<Meter>) -> (Journal, Backlog) {
        let (node, disk) = (NodeId::parse("node_1").unwrap(), Box::new(Files));
        let hold = Hold::take(self.path()).unwrap();
        Journal::open_on(disk, hold, &node, self.options, self.clock.clone(), Arc::clone(metrics) as _).unwrap()
    }

    fn segments(&self) -> Vec<PathBuf> {
        recover::segments(self.path()).unwrap()
    }

    /// What a process that is killed now would leave behind.
    fn after_kill(&self) -> Self {
        let copy = Self { options: self.options, ..Self::new() };
        for path in self.segments() {
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        copy
    }
}

/// What was measured last.
#[derive(Debug, Default)]
struct Meter {
    lag: AtomicU64,
    set_aside: AtomicU64,
    retried: AtomicU64,
}

impl JournalMetrics for Meter {
    fn lag(&self, lag: Duration) {
        self.lag.store(lag.as_secs(), Ordering::SeqCst);
    }
    fn set_aside(&self) {
        self.set_aside.fetch_add(1, Ordering::SeqCst);
    }
    fn retried(&self) {
        self.retried.fetch_add(1, Ordering::SeqCst);
    }
}

/// A store that keeps records by id and can be told to fail.
#[derive(Default)]
struct MemoryStore {
    records: Mutex<BTreeMap<RecordId, AuditRecord>>,
    appended: AtomicU64,
    failures: AtomicI64,
    /// A record that is never taken.
    refused: Option<RecordId>,
}

impl MemoryStore {
    fn failing(times: i64) -> Arc<Self> {
        Arc::new(Self { failures: AtomicI64::new(times), ..Self::default() })
    }

    fn all(&self) -> Vec<AuditRecord> {
        self.records.lock().values().cloned().collect()
    }
}

#[async_trait]
impl SealStore for MemoryStore {
    async fn append_sealed(&self, records: &[Written], _: &Place<'_>) -> Result<Option<Head>, StoreError> {
        if self.failures.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(StoreError::Unusable("down".into()));
        }
        if records.iter().any(|written| Some(&written.record.id) == self.refused.as_ref()) {
            return Err(StoreError::Rejected { what: "write audit records", source: "too long".into() });
        }
        self.appended.fetch_add(records.len() as u64, Ordering::SeqCst);
        let mut stored = self.records.lock();
        for Written { record, .. } in records {
            stored.entry(record.id.clone()).or_insert_with(|| record.clone());
        }
        Ok(None)
    }
    async fn seal_waiting(&self, _: &Place<'_>, _: u32) -> Result<Option<Head>, StoreError> {
        Ok(None)
    }
    async fn seal_word(&self, place: &Place<'_>, trim: Option<Timestamp>) -> Result<Head, StoreError> {
        Ok(place.batch(&[], &[], trim).head())
    }
    async fn chain_head(&self, _: &ChainId) -> Result<Option<Head>, StoreError> {
        Ok(None)
    }
    async fn waiting_to_be_sealed(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        Ok((0, None))
    }
}

/// Signs nothing.
struct Nobody(KeyId);

impl Signer for Nobody {
    fn key(&self) -> &KeyId {
        &self.0
    }
    fn sign(&self, _: &Digest) -> Vec<u8> {
        Vec::new()
    }
}

/// Seals for a store that keeps no batches.
fn notary(store: &Arc<MemoryStore>) -> Arc<Notary<MemoryStore>> {
    let signer = Arc::new(Nobody(KeyId::parse("key_1").unwrap()));
    let ids = (ChainId::parse("chain_1").unwrap(), NodeId::parse("node_1").unwrap());
    let clock = Arc::new(ManualClock::starting_at(NOW));
    Arc::new(Notary::new(Arc::clone(store), signer, ids, clock, Arc::new(NoMetrics)))
}
