//! The proof of the log, on both engines: what was sealed is proved, and whatever is done to it in the store is named with its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::sync::mpsc;

use super::world::*;
use super::{cluster, open};
use crate::audit::{Asked, Fault, FaultKind, NoMetrics, Notary, Report, Step, verify};
use crate::record::{AuditRecord, ControlEvent, Decision, Event, Found, McpCall, Operation, Sealing, Written, sealed_json_line};
use crate::store::{AuditFilter, AuditKey, Batch, Digest, Head, Place, SealStore, SharedStore, Signer, Store, StoreError};
use crate::types::{ChainId, Clock, KeyId, NodeId, Timestamp};

macro_rules! proofs {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let site = super::Site::at(format!("sqlite:{}/store.db", folder.path().display())).await;
                super::$test(&site).await;
                site.store.close().await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let site = super::Site::at(super::cluster::fresh_database().await).await;
                super::$test(&site).await;
                site.store.close().await;
            })*
        }
    };
}

proofs! {
    what_was_sealed_is_proved
    a_long_log_is_proved_page_by_page
    records_that_come_again_are_sealed_once
    an_answer_that_was_lost_breaks_no_chain
    two_processes_with_one_chain_take_turns
    who_is_given_up_breaks_no_chain
    what_others_wrote_is_sealed_by_one_of_them
    a_clock_that_was_set_back_is_no_fault
    a_changed_record_is_named
    a_deleted_record_is_named
    exchanged_records_are_named
    a_record_that_was_put_in_is_named
    a_changed_batch_is_named
    a_deleted_batch_is_named
    exchanged_batches_are_named
    a_chain_that_is_gone_is_named_by_the_next
    an_end_that_is_gone_is_named_by_who_knew_it
    a_chain_made_anew_is_named
    what_a_key_should_not_have_signed_is_named
    keys_follow_each_other
    what_expired_is_no_fault
    what_other_versions_wrote_is_no_fault
    statements_that_nobody_signed_hide_none
    a_record_that_nobody_can_read_is_named
    records_that_nobody_can_read_are_in_nobodys_way
    batches_that_nobody_can_read_are_named
    ids_that_are_no_texts_are_in_nobodys_way
    where_the_last_record_is_sealed_is_known
    what_the_last_proof_found_is_known
}

/// A key of the log.
struct Pair {
    id: KeyId,
    pair: Ed25519KeyPair,
}

impl Pair {
    fn new() -> Arc<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
        Arc::new(Self { id: KeyId::generate(START, &ENTROPY), pair })
    }

    fn public(&self) -> AuditKey {
        let (public, sealed, vouched) = (self.pair.public_key().as_ref().to_vec(), vec![1], b"ours".to_vec());
        AuditKey { id: self.id.clone(), public, sealed, vouched, created_at: START }
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

/// A clock that goes where the test wants it.
#[derive(Debug)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Site {
    store: SharedStore,
    url: String,
    clock: Arc<Hands>,
    pair: Arc<Pair>,
}

type Chain = Notary<dyn Store>;

impl Site {
    async fn at(url: String) -> Self {
        let (store, pair) = (open(&url).await, Pair::new());
        assert!(store.add_audit_key(&pair.public(), true).await.expect("a key"));
        assert!(!store.add_audit_key(&Pair::new().public(), true).await.expect("an answer"), "there is a first one");
        Self { store, url, clock: Arc::new(Hands(AtomicI64::new(after(100).millis()))), pair }
    }

    fn set(&self, seconds: u64) {
        self.clock.0.store(after(seconds).millis(), Ordering::SeqCst);
    }

    fn notary_on<S: SealStore + Send + Sync + ?Sized>(&self, store: Arc<S>, name: &str) -> Notary<S> {
        let ids = (chain(name), NodeId::parse(&format!("node_{name}")).expect("an id"));
        Notary::new(store, self.pair.clone(), ids, self.clock.clone(), Arc::new(NoMetrics))
    }

    fn notary(&self, name: &str) -> Chain {
        self.notary_on(self.store.clone(), name)
    }

    /// The chain `a`: batch 1 has records 0 and 1, batch 2 has 2, batch 3 has 3 and 4, batch 4 has none.
    async fn log(&self) -> (Chain, Vec<AuditRecord>) {
        let notary = self.notary("a");
        let records: Vec<_> = (0..5).map(|n| call(None, "loki", Decision::Allowed, n)).collect();
        for some in [&records[..2], &records[2..3], &records[3..]] {
            notary.append(&Written::all(some).expect("text")).await.expect("stored");
        }
        notary.say().await.expect("said");
        (notary, records)
    }

    async fn verify_with(&self, keys: Vec<AuditKey>, known: Vec<Head>) -> (Report, Vec<Fault>) {
        self.walk(Asked { keys, vouches: Box::new(|_| false), known }).await
    }

    async fn walk(&self, asked: Asked) -> (Report, Vec<Fault>) {
        let (tell, mut told) = mpsc::channel(1);
        let store = self.store.clone();
        let walking = tokio::spawn(async move { verify(&*store, asked, tell).await });
        let (mut report, mut faults) = (None, Vec::new());
        while let Some(step) = told.recv().await {
            match step {
                Step::Proved(_) => {}
                Step::Fault(fault) => faults.push(fault),
                Step::Done(done) => report = Some(*done),
            }
        }
        walking.await.expect("no panic").expect("the store answers");
        let report = report.expect("a report");
        assert_eq!((report.proved, report.faults), (faults.is_empty(), faults.len() as u64));
        (report, faults)
    }

    async fn verify(&self) -> (Report, Vec<Fault>) {
        let mut keys = self.store.audit_keys().await.expect("keys");
        keys.retain(|key| key.vouched == b"ours");
        self.verify_with(keys, Vec::new()).await
    }

    async fn proved(&self) -> Report {
        let (report, faults) = self.verify().await;
        assert_eq!(faults, []);
        report
    }

    /// What is wrong: what, at which batch, with which of these records.
    async fn faults(&self, records: &[AuditRecord]) -> Vec<(FaultKind, Option<u64>, Option<usize>)> {
        let place = |id: &str| records.iter().position(|record| record.id.as_str() == id);
        let (_, faults) = self.verify().await;
        let mut faults: Vec<_> = faults.iter().map(|f| (f.kind, f.batch, f.record.as_deref().and_then(place))).collect();
        faults.sort();
        faults
    }

    async fn sql(&self, statement: &str) -> u64 {
        let text = AssertSqlSafe(statement.to_owned());
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.expect("a connection");
            let done = sqlx::raw_sql(text).execute(&mut connection).await.expect(statement);
            connection.close().await.expect("closed");
            return done.rows_affected();
        }
        let mut connection = PgConnection::connect(&self.url).await.expect("a connection");
        let done = sqlx::raw_sql(text).execute(&mut connection).await.expect(statement);
        connection.close().await.expect("closed");
        done.rows_affected()
    }

    /// Does it to one row.
    async fn one(&self, statement: &str) {
        assert_eq!(self.sql(statement).await, 1, "{statement}");
    }

    fn blob(&self, bytes: &[u8]) -> String {
        let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        if self.url.starts_with("sqlite:") { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") }
    }

    async fn batch(&self, name: &str, seq: u64) -> Batch {
        self.store.audit_batches(&chain(name).as_str().into(), seq - 1, 1).await.expect("batches").batches.remove(0)
    }

    /// Puts a batch in the place of the one that is there.
    async fn put(&self, batch: &Batch) {
        let Batch { chain, seq, node, prev, at, newest, trim: _, links, entries, digest, key, signature } = batch;
        self.sql(&format!("DELETE FROM audit_batches WHERE chain = '{chain}' AND seq = {seq}")).await;
        self.one(&format!(
            "INSERT INTO audit_batches (chain, seq, number, node, prev, at, newest, links, entries, digest, key, signature) VALUES \
             ('{chain}', {seq}, {}, '{node}', {}, {}, {}, {}, {}, {}, '{key}', {})",
            Batch::number(chain, *seq),
            self.blob(prev.bytes()),
            at.millis(),
            newest.millis(),
            self.blob(links),
            self.blob(entries),
            self.blob(digest.bytes()),
            self.blob(signature),
        ))
        .await;
    }
}

fn chain(name: &str) -> ChainId {
    ChainId::parse(&format!("chain_{name}")).expect("an id")
}

fn resigned(mut batch: Batch, pair: &Pair) -> Batch {
    batch.key = pair.id.clone();
    batch.digest = batch.hash();
    batch.signature = pair.sign(&batch.digest);
    batch
}

async fn what_was_sealed_is_proved(site: &Site) {
    site.set(30);
    let nothing = site.proved().await;
    assert_eq!((nothing.records, nothing.chains, nothing.until), (0, 0, None));
    let world = World::new(site.store.clone()).await;
    let (notary, records) = site.log().await;
    let waiting = site.proved().await;
    assert_eq!((waiting.records, waiting.batches, waiting.chains, waiting.waiting), (5, 4, 1, 4), "what others wrote waits");
    assert_eq!(site.store.waiting_to_be_sealed().await.expect("a count"), (4, Some(after(0))));
    notary.sweep().await.expect("sealed");
    let other = site.notary("b");
    world.store.note(Some(&world.org.id), ControlEvent::done(Operation::AuditQuery), &cause(9)).await.expect("noted");
    other.sweep().await.expect("sealed");
    let all = site.proved().await;
    assert_eq!((all.records, all.batches, all.chains, all.waiting), (10, 6, 2, 0));
    assert_eq!(all.until, Some(after(30)));
    let (report, faults) = site.verify_with(vec![site.pair.public()], all.heads.clone()).await;
    assert_eq!((report, faults), (all, Vec::new()));
    assert_eq!(site.store.waiting_to_be_sealed().await.expect("a count"), (0, None));
    let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
    let seals = site.store.seals_of(&ids[..3]).await.expect("seals");
    let text = Digest::of(Written::text_of(&records[2]).expect("text").as_bytes()).to_string();
    let sealing = Sealing { chain: chain("a"), sequence: 2, fingerprint: text.clone() };
    assert_eq!((seals.len(), seals.get(&ids[2])), (3, Some(&sealing)));
    let line = sealed_json_line(&records[2], Some(&sealing));
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let said = serde_json::json!({ "uid": "chain_a", "sequence": 2, "fingerprint": format!("sha256:{text}") });
    assert_eq!(line["unmapped"]["chain"], said);
}

async fn a_long_log_is_proved_page_by_page(site: &Site) {
    let notary = site.notary("a");
    let records: Vec<_> = (0..700).map(|n| call(None, "loki", Decision::Allowed, n)).collect();
    for some in records.chunks(10) {
        notary.append(&Written::all(some).expect("text")).await.expect("stored");
    }
    let report = site.proved().await;
    assert_eq!((report.records, report.batches), (700, 70));
    // The last batch of one page, and the first of the next.
    for (seq, lost) in [(64, 630..640), (65, 640..650)] {
        let whole = site.batch("a", seq).await;
        site.one(&format!("DELETE FROM audit_batches WHERE seq = {seq}")).await;
        let forged = lost.map(|lost| (FaultKind::RecordForged, None, Some(lost)));
        let expected: Vec<_> = forged.chain([(FaultKind::BatchMissing, Some(seq + 1), None)]).collect();
        assert_eq!(site.faults(&records).await, expected);
        site.put(&whole).await;
    }
    for (place, batch) in [(505, 51), (515, 52), (660, 67)] {
        let at = format!("WHERE id = '{}'", records[place].id);
        site.one(&format!("UPDATE audit_records SET record = REPLACE(record, 'GET', 'PUT') {at}")).await;
        assert_eq!(site.faults(&records).await, [(FaultKind::RecordChanged, Some(batch), Some(place))]);
        site.one(&format!("UPDATE audit_records SET record = REPLACE(record, 'PUT', 'GET') {at}")).await;
    }
    site.proved().await;
}

async fn records_that_come_again_are_sealed_once(site: &Site) {
    let (notary, records) = site.log().await;
    let again = Written::all(&records).expect("text");
    notary.append(&again).await.expect("stored");
    assert_eq!(site.proved().await.batches, 4, "nothing was new");
    // The next process finds them in the journal of the one that was killed, and the same once more in one batch.
    let next = site.notary("b");
    let fresh = call(None, "loki", Decision::Allowed, 50);
    let some = [&records[..], &[fresh.clone(), fresh.clone()]].concat();
    next.append(&Written::all(&some).expect("text")).await.expect("stored");
    let report = site.proved().await;
    assert_eq!((report.records, report.batches), (6, 5));
    assert_eq!(site.batch("b", 1).await.entries().expect("entries").len(), 1);
    let page = site.store.search_audit(&AuditFilter::default(), None, 100).await.expect("a page");
    assert_eq!(page.rows.len(), 6);
}

/// A store whose answers can be lost.
struct Lossy {
    store: SharedStore,
    loses: AtomicBool,
}

impl Lossy {
    fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.loses.load(Ordering::SeqCst) { Err(StoreError::Unusable("lost".into())) } else { answer }
    }
}

#[async_trait]
impl SealStore for Lossy {
    async fn append_sealed(&self, records: &[Written], place: &Place<'_>) -> Result<Option<Head>, StoreError> {
        self.answer(self.store.append_sealed(records, place).await)
    }
    async fn seal_waiting(&self, place: &Place<'_>, limit: u32) -> Result<Option<Head>, StoreError> {
        self.answer(self.store.seal_waiting(place, limit).await)
    }
    async fn seal_word(&self, place: &Place<'_>, trim: Option<Timestamp>) -> Result<Head, StoreError> {
        self.answer(self.store.seal_word(place, trim).await)
    }
    async fn chain_head(&self, chain: &ChainId) -> Result<Option<Head>, StoreError> {
        self.answer(self.store.chain_head(chain).await)
    }
    async fn waiting_to_be_sealed(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        self.store.waiting_to_be_sealed().await
    }
}

async fn an_answer_that_was_lost_breaks_no_chain(site: &Site) {
    let lossy = Arc::new(Lossy { store: site.store.clone(), loses: AtomicBool::new(false) });
    let notary = site.notary_on(lossy.clone(), "a");
    for n in 0..4 {
        let records = Written::all(&[call(None, "loki", Decision::Allowed, n)]).expect("text");
        lossy.loses.store(n % 2 == 1, Ordering::SeqCst);
        let lost = notary.append(&records).await;
        assert_eq!(lost.is_err(), n % 2 == 1);
        assert!(n % 2 == 0 || notary.append(&records).await.is_err(), "nobody can say where the chain ends");
        lossy.loses.store(false, Ordering::SeqCst);
        notary.append(&records).await.expect("stored");
    }
    let report = site.proved().await;
    assert_eq!((report.records, report.batches), (4, 4));
}

/// A store that does not answer after it has done what it was told.
struct Silent(SharedStore);

#[async_trait]
impl SealStore for Silent {
    async fn append_sealed(&self, records: &[Written], place: &Place<'_>) -> Result<Option<Head>, StoreError> {
        self.0.append_sealed(records, place).await
    }
    async fn seal_waiting(&self, place: &Place<'_>, limit: u32) -> Result<Option<Head>, StoreError> {
        self.0.seal_waiting(place, limit).await
    }
    async fn seal_word(&self, place: &Place<'_>, trim: Option<Timestamp>) -> Result<Head, StoreError> {
        self.0.seal_word(place, trim).await?;
        std::future::pending().await
    }
    async fn chain_head(&self, chain: &ChainId) -> Result<Option<Head>, StoreError> {
        self.0.chain_head(chain).await
    }
    async fn waiting_to_be_sealed(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        self.0.waiting_to_be_sealed().await
    }
}

async fn who_is_given_up_breaks_no_chain(site: &Site) {
    let notary = site.notary_on(Arc::new(Silent(site.store.clone())), "a");
    let written = async {
        while site.store.chain_head(&chain("a")).await.expect("an answer").is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        said = notary.say() => panic!("{said:?}"),
        () = written => {}
    }
    let records = Written::all(&[call(None, "loki", Decision::Allowed, 1)]).expect("text");
    notary.append(&records).await.expect("stored at the first attempt");
    assert_eq!(site.proved().await.batches, 2);
}

async fn two_processes_with_one_chain_take_turns(site: &Site) {
    // A copy of a machine that was running: both go on where it was.
    let (one, two) = (site.notary("a"), site.notary("a"));
    for (n, notary) in [&one, &two, &one, &two].into_iter().enumerate() {
        let records = Written::all(&[call(None, "loki", Decision::Allowed, n as u64)]).expect("text");
        assert_eq!(notary.append(&records).await.is_err(), n > 0, "the place is taken");
        notary.append(&records).await.expect("stored");
    }
    let report = site.proved().await;
    assert_eq!((report.records, report.batches, report.chains), (4, 4, 1));
}

async fn what_others_wrote_is_sealed_by_one_of_them(site: &Site) {
    for n in 0..450 {
        site.store.note(None, ControlEvent::done(Operation::AuditQuery), &cause(n)).await.expect("noted");
    }
    let (one, two) = (site.notary("a"), site.notary("b"));
    site.set(500);
    let (first, second) = futures::join!(one.sweep(), two.sweep());
    first.and(second).expect("sealed");
    one.sweep().await.expect("sealed");
    let report = site.proved().await;
    assert_eq!((report.records, report.waiting), (450, 0));
}

async fn a_clock_that_was_set_back_is_no_fault(site: &Site) {
    let (notary, _) = site.log().await;
    site.set(10);
    notary.append(&Written::all(&[call(None, "loki", Decision::Allowed, 8)]).expect("text")).await.expect("stored");
    assert_eq!(site.proved().await.until, Some(after(100)));
}

async fn a_changed_record_is_named(site: &Site) {
    let world = World::new(site.store.clone()).await;
    let (grant, _) = world.consent(1).await;
    let (notary, _) = site.log().await;
    notary.sweep().await.expect("sealed");
    let hit = call(Some(&grant), "loki", Decision::Allowed, 60);
    notary.append(&Written::all(std::slice::from_ref(&hit)).expect("text")).await.expect("stored");
    let seq = site.proved().await.heads[0].seq;
    let expected = |kind| Fault {
        kind,
        chain: Some("chain_a".to_owned()),
        batch: Some(seq),
        record: Some(hit.id.to_string()),
        time: Some(hit.time),
        org: Some(world.org.id.to_string()),
    };
    for (change, undo, kind) in [
        ("record = REPLACE(record, 'GET', 'PUT')", "record = REPLACE(record, 'PUT', 'GET')", FaultKind::RecordChanged),
        ("org_id = NULL", &*format!("org_id = '{}'", world.org.id), FaultKind::RecordMisfiled),
        ("client_id = 'cl_other'", &*format!("client_id = '{}'", world.client.id), FaultKind::RecordMisfiled),
        ("denied = (1 = 1), reason = 'x'", "denied = (1 = 0), reason = NULL", FaultKind::RecordMisfiled),
        ("status = 500", "status = 200", FaultKind::RecordMisfiled),
        ("time = time - 1", "time = time + 1", FaultKind::RecordMisfiled),
        ("search = REPLACE(search, 'acme', 'other')", "search = REPLACE(search, 'other', 'acme')", FaultKind::RecordMisfiled),
        ("would_deny = 'x'", "would_deny = NULL", FaultKind::RecordMisfiled),
        ("shadow = 'x'", "shadow = NULL", FaultKind::RecordMisfiled),
        ("micros = 1", "micros = 1500", FaultKind::RecordMisfiled),
        ("tool = 'other'", "tool = 'query_logs'", FaultKind::RecordMisfiled),
        ("about = 'usr_x'", "about = NULL", FaultKind::RecordMisfiled),
    ] {
        if change.starts_with("about") && site.url.starts_with("sqlite:") {
            // There it is made of the text when it is read.
            continue;
        }
        let at = format!("WHERE id = '{}'", hit.id);
        site.one(&format!("UPDATE audit_records SET {change} {at}")).await;
        assert_eq!(site.verify().await.1, [expected(kind)], "{change}");
        site.one(&format!("UPDATE audit_records SET {undo} {at}")).await;
        site.proved().await;
    }
}

async fn a_deleted_record_is_named(site: &Site) {
    let (_, records) = site.log().await;
    site.one(&format!("DELETE FROM audit_records WHERE id = '{}'", records[3].id)).await;
    assert_eq!(site.faults(&records).await, [(FaultKind::RecordMissing, Some(3), Some(3))]);
}

async fn exchanged_records_are_named(site: &Site) {
    let (_, records) = site.log().await;
    let text = |at: usize| Written::text_of(&records[at]).expect("text");
    for (id, text) in [(&records[0].id, text(4)), (&records[4].id, text(0))] {
        site.one(&format!("UPDATE audit_records SET record = '{text}' WHERE id = '{id}'")).await;
    }
    let changed = FaultKind::RecordChanged;
    assert_eq!(site.faults(&records).await, [(changed, Some(1), Some(0)), (changed, Some(3), Some(4))]);
    for (id, text) in [(&records[0].id, text(0)), (&records[4].id, text(4))] {
        site.one(&format!("UPDATE audit_records SET record = '{text}' WHERE id = '{id}'")).await;
    }
    let number = Batch::number(&chain("a"), 2);
    site.one(&format!("UPDATE audit_records SET sealed = {number} WHERE id = '{}'", records[0].id)).await;
    let moved = [(FaultKind::RecordMoved, Some(1), Some(0)), (FaultKind::RecordForged, Some(2), Some(0))];
    assert_eq!(site.faults(&records).await, moved);
}

async fn a_record_that_was_put_in_is_named(site: &Site) {
    let (notary, mut records) = site.log().await;
    site.set(400);
    notary.say().await.expect("said");
    let mut sealed = Vec::new();
    for (place, mark) in [(2, Some(Batch::number(&chain("a"), 2))), (4, Some(77)), (1, Some(0)), (3, None)] {
        let copy = AuditRecord { time: after(200), ..call(None, "loki", Decision::Allowed, 200) };
        let mark = mark.map_or_else(|| "NULL".to_owned(), |mark| mark.to_string());
        let columns = "time, org_id, user_id, client_id, grant_id, request_id, api, operation, tool, denied, reason, status, micros, \
                       search, record, would_deny, shadow";
        let values = columns.replacen("time", &after(200).millis().to_string(), 1);
        site.one(&format!(
            "INSERT INTO audit_records (id, {columns}, sealed) SELECT '{}', {values}, NULL FROM audit_records WHERE id = '{}'",
            copy.id, records[place].id
        ))
        .await;
        sealed.push(format!("UPDATE audit_records SET sealed = {mark} WHERE id = '{}'", copy.id));
        records.push(copy);
    }
    for statement in &sealed {
        site.one(statement).await;
    }
    let forged = FaultKind::RecordForged;
    let expected = [
        (forged, None, Some(6)),
        (forged, None, Some(7)),
        (forged, Some(2), Some(5)),
        (FaultKind::RecordUnsealed, None, Some(8)),
    ];
    assert_eq!(site.faults(&records).await, expected);
}

async fn a_changed_batch_is_named(site: &Site) {
    let (_, records) = site.log().await;
    let whole = site.batch("a", 2).await;
    let mut entries = whole.clone();
    *entries.entries.last_mut().expect("bytes") ^= 1;
    let mut signature = whole.clone();
    signature.signature[5] ^= 1;
    let changed = [(FaultKind::RecordChanged, Some(2), Some(2)), (FaultKind::BatchChanged, Some(2), None)];
    let wrong = [
        (entries, &changed[..]),
        (Batch { entries: vec![9; 40], ..whole.clone() }, &[(FaultKind::RecordForged, Some(2), Some(2)), changed[1]]),
        (signature, &[(FaultKind::BatchForged, Some(2), None)]),
        (Batch { at: after(99), ..whole.clone() }, &[changed[1], (FaultKind::ClockBack, Some(2), None)]),
        (Batch { links: vec![3], ..whole.clone() }, &[changed[1]]),
        (Batch { trim: None, key: KeyId::parse("key_2").expect("an id"), ..whole.clone() }, &[changed[1]]),
    ];
    for (batch, faults) in wrong {
        site.put(&batch).await;
        assert_eq!(site.faults(&records).await, faults, "{batch:?}");
    }
    site.put(&whole).await;
    site.proved().await;
}

async fn a_deleted_batch_is_named(site: &Site) {
    let (_, records) = site.log().await;
    for (seq, after, lost) in [(2, 3, &[2][..]), (1, 2, &[0, 1])] {
        let whole = site.batch("a", seq).await;
        site.one(&format!("DELETE FROM audit_batches WHERE seq = {seq}")).await;
        let forged = lost.iter().map(|lost| (FaultKind::RecordForged, None, Some(*lost)));
        let expected: Vec<_> = forged.chain([(FaultKind::BatchMissing, Some(after), None)]).collect();
        assert_eq!(site.faults(&records).await, expected);
        site.put(&whole).await;
    }
    site.proved().await;
}

async fn exchanged_batches_are_named(site: &Site) {
    site.log().await;
    let (one, two) = (site.batch("a", 2).await, site.batch("a", 3).await);
    site.put(&Batch { seq: 3, ..one }).await;
    site.put(&Batch { seq: 2, ..two }).await;
    let (_, faults) = site.verify().await;
    for seq in [2, 3] {
        assert!(faults.iter().any(|f| (f.kind, f.batch) == (FaultKind::BatchChanged, Some(seq))), "{faults:?}");
    }
}

async fn a_chain_that_is_gone_is_named_by_the_next(site: &Site) {
    let (_, records) = site.log().await;
    site.notary("b").say().await.expect("said");
    site.sql("DELETE FROM audit_batches WHERE chain = 'chain_a'").await;
    let missing = (FaultKind::ChainMissing, Some(4), None);
    let forged = (0..5).map(|n| (FaultKind::RecordForged, None, Some(n)));
    assert_eq!(site.faults(&records).await, forged.chain([missing]).collect::<Vec<_>>());
    site.sql("DELETE FROM audit_records").await;
    assert_eq!(site.faults(&records).await, [missing], "with all its records");
}

async fn an_end_that_is_gone_is_named_by_who_knew_it(site: &Site) {
    let (_, records) = site.log().await;
    let heads = site.proved().await.heads;
    site.sql("DELETE FROM audit_batches WHERE seq > 2").await;
    for lost in &records[3..] {
        site.one(&format!("DELETE FROM audit_records WHERE id = '{}'", lost.id)).await;
    }
    assert_eq!(site.proved().await.records, 3, "nobody who did not know it misses it");
    let (_, faults) = site.verify_with(vec![site.pair.public()], heads.clone()).await;
    let place = |f: &Fault| (f.kind, f.chain.clone(), f.batch);
    assert_eq!(faults.iter().map(place).collect::<Vec<_>>(), [(FaultKind::ChainCut, Some("chain_a".to_owned()), Some(4))]);
    let replaced = Head { seq: 2, ..heads[0].clone() };
    let (_, faults) = site.verify_with(vec![site.pair.public()], vec![replaced]).await;
    assert_eq!(faults.iter().map(place).collect::<Vec<_>>(), [(FaultKind::ChainReplaced, Some("chain_a".to_owned()), Some(2))]);
}

async fn a_chain_made_anew_is_named(site: &Site) {
    let (_, records) = site.log().await;
    let (stranger, mut last) = (Pair::new(), None::<Batch>);
    site.one(&format!("DELETE FROM audit_records WHERE id = '{}'", records[1].id)).await;
    for seq in 1..=4 {
        let mut batch = site.batch("a", seq).await;
        if seq == 1 {
            let head = last.as_ref().map(Batch::head);
            let place = Place { chain: &batch.chain, node: &batch.node, last: head.as_ref(), now: batch.at, signer: &*stranger };
            batch = place.batch(&batch.entries().expect("entries")[..1], &[], None);
        }
        batch.prev = last.as_ref().map_or(batch.prev, |last| last.digest);
        let batch = resigned(batch, &stranger);
        site.put(&batch).await;
        last = Some(batch);
    }
    let unknown: Vec<_> = (1..=4).map(|seq| (FaultKind::KeyUnknown, Some(seq), None)).collect();
    assert_eq!(site.faults(&records).await, unknown);
    let planted = AuditKey { vouched: b"theirs".to_vec(), ..stranger.public() };
    site.store.add_audit_key(&planted, false).await.expect("an answer");
    assert_eq!(site.faults(&records).await, unknown, "who can write to the store can't vouch");
    // Under the name of our key the signature is wrong.
    for seq in 1..=4 {
        let batch = site.batch("a", seq).await;
        let prev = if seq == 1 { batch.prev } else { site.batch("a", seq - 1).await.digest };
        let mut batch = Batch { key: site.pair.id.clone(), prev, ..batch };
        batch.digest = batch.hash();
        site.put(&batch).await;
    }
    let forged: Vec<_> = (1..=4).map(|seq| (FaultKind::BatchForged, Some(seq), None)).collect();
    assert_eq!(site.faults(&records).await, forged);
}

async fn what_a_key_should_not_have_signed_is_named(site: &Site) {
    let (_, records) = site.log().await;
    let whole = site.batch("a", 4).await;
    let place = |kind| [(kind, Some(4), None)];
    let other = NodeId::parse("node_b").expect("an id");
    site.put(&resigned(Batch { node: other, ..whole.clone() }, &site.pair)).await;
    assert_eq!(site.faults(&records).await, place(FaultKind::BatchForeign), "two nodes in one chain");
    site.put(&resigned(Batch { at: after(99), ..whole.clone() }, &site.pair)).await;
    assert_eq!(site.faults(&records).await, place(FaultKind::ClockBack));
    site.put(&resigned(Batch { prev: Digest::of(b""), ..whole.clone() }, &site.pair)).await;
    assert_eq!(site.faults(&records).await, place(FaultKind::BatchMisplaced));
    let twice = Batch { entries: site.batch("a", 2).await.entries, ..whole };
    site.put(&resigned(twice, &site.pair)).await;
    assert_eq!(site.faults(&records).await, [(FaultKind::RecordMoved, Some(4), Some(2))], "in two batches");
}

async fn keys_follow_each_other(site: &Site) {
    let (notary, _) = site.log().await;
    let next = Pair::new();
    site.store.add_audit_key(&next.public(), false).await.expect("a key");
    notary.sign_with(next.clone());
    notary.append(&Written::all(&[call(None, "loki", Decision::Allowed, 8)]).expect("text")).await.expect("stored");
    assert_eq!(site.batch("a", 5).await.key, next.id);
    site.proved().await;
    let (_, faults) = site.verify_with(vec![next.public()], Vec::new()).await;
    let places: Vec<_> = faults.iter().map(|f| (f.kind, f.batch)).collect();
    assert_eq!(places, [1, 2, 3, 4].map(|seq| (FaultKind::KeyUnknown, Some(seq))), "without the public key of before");
    // Made while the log was walked.
    let asked = |ours: &'static [u8]| Asked {
        keys: vec![site.pair.public()],
        vouches: Box::new(move |key: &AuditKey| key.vouched == ours),
        known: Vec::new(),
    };
    let (report, faults) = site.walk(asked(b"ours")).await;
    assert_eq!((faults, report.records), (Vec::new(), 6));
    let (_, faults) = site.walk(asked(b"theirs")).await;
    let places: Vec<_> = faults.iter().map(|f| (f.kind, f.batch)).collect();
    assert_eq!(places, [(FaultKind::KeyUnknown, Some(5))], "there, and not ours");
}

async fn what_expired_is_no_fault(site: &Site) {
    let (notary, records) = site.log().await;
    let heads = site.proved().await.heads;
    site.set(1000);
    let late: Vec<_> = [500, 900].map(|n| call(None, "loki", Decision::Allowed, n)).into();
    notary.append(&Written::all(&late[..1]).expect("text")).await.expect("stored");
    notary.append(&Written::all(&late).expect("text")).await.expect("stored");
    // Said, and not done yet; done, and its batches not forgotten yet.
    notary.trim(after(3)).await.expect("said");
    site.proved().await;
    assert_eq!(site.store.expire_audit(after(3)).await.expect("deleted"), 3);
    let report = site.proved().await;
    assert_eq!((report.records, report.expired, report.trimmed), (4, 3, Some(after(3))));
    assert_eq!(site.store.forget_batches(after(3)).await.expect("nothing is past"), 0);
    notary.trim(after(600)).await.expect("said");
    site.store.expire_audit(after(600)).await.expect("deleted");
    assert_eq!(site.store.forget_batches(after(600)).await.expect("forgotten"), 3, "what is known to end stays");
    assert_eq!(site.proved().await.records, 1);
    let (_, faults) = site.verify_with(vec![site.pair.public()], heads).await;
    assert_eq!(faults, [], "heads of before may be past");
    // A chain that is past goes whole.
    site.one(&format!("DELETE FROM audit_records WHERE id = '{}'", late[1].id)).await;
    assert_eq!(site.faults(&late).await, [(FaultKind::RecordMissing, Some(6), Some(1))], "its time had not come");
    site.notary("b").trim(after(2000)).await.expect("said");
    site.store.expire_audit(after(2000)).await.expect("deleted");
    assert!(site.store.forget_batches(after(999)).await.expect("forgotten") == 0);
    assert_eq!(site.faults(&records).await, []);
}

async fn statements_that_nobody_signed_hide_none(site: &Site) {
    let (notary, _) = site.log().await;
    assert!(notary.trim(after(3)).await.expect("said"));
    assert!(!notary.trim(after(3)).await.expect("an answer"), "once");
    assert!(!notary.trim(after(2)).await.expect("an answer"), "less");
    // Some can be read, the others can't.
    for n in 1..20 {
        let (chain, trim) = (if n % 2 == 0 { "chain_zz" } else { "zz z" }, after(1000 + n).millis());
        site.one(&format!(
            "INSERT INTO audit_batches (chain, seq, number, node, prev, at, newest, trim_to, links, entries, digest, key, signature) \
             SELECT '{chain}', {n}, 1, node, prev, at, newest, {trim}, links, entries, digest, key, signature FROM audit_batches \
             WHERE chain = 'chain_a' AND seq = 5"
        ))
        .await;
    }
    assert_eq!(site.store.expire_audit(after(3)).await.expect("deleted"), 3);
    let (report, faults) = site.verify().await;
    assert_eq!((report.trimmed, report.expired), (Some(after(3)), 3));
    assert!(faults.iter().all(|f| f.chain.as_deref() != Some("chain_a") && f.record.is_none()), "{faults:?}");
    assert!(notary.trim(after(600)).await.expect("said"), "whatever they say");
    assert_eq!(site.verify().await.0.trimmed, Some(after(600)));
}

async fn what_other_versions_wrote_is_no_fault(site: &Site) {
    let notary = site.notary("a");
    // The version before wrote a long target whole.
    let (mut long, target) = (call(None, "loki", Decision::Allowed, 1), "t".repeat(500));
    let Event::Call(made) = &mut long.event else { panic!("a call") };
    made.mcp = Some(McpCall { method: "tools/call".into(), target: Some(target.clone()), version: None });
    notary.append(&Written::all(std::slice::from_ref(&long)).expect("text")).await.expect("stored");
    site.proved().await;
    site.one(&format!("UPDATE audit_records SET tool = '{target}' WHERE id = '{}'", long.id)).await;
    assert_eq!(site.proved().await.unread, 0);
    site.one(&format!("UPDATE audit_records SET tool = 'u{}' WHERE id = '{}'", &target[1..], long.id)).await;
    assert_eq!(site.faults(std::slice::from_ref(&long)).await, [(FaultKind::RecordMisfiled, Some(1), Some(0))]);
    site.one(&format!("UPDATE audit_records SET tool = '{target}' WHERE id = '{}'", long.id)).await;
    // The next writes what nobody here can read.
    let next = call(None, "loki", Decision::Allowed, 2);
    let written = Written { record: next.clone(), text: "{\"next\":true}".into() };
    notary.append(&[written]).await.expect("stored");
    let report = site.proved().await;
    assert_eq!((report.records, report.unread), (2, 1));
    site.one(&format!("UPDATE audit_records SET record = '{{}}' WHERE id = '{}'", next.id)).await;
    assert_eq!(site.faults(&[next]).await, [(FaultKind::RecordChanged, Some(2), Some(0))]);
}

async fn a_record_that_nobody_can_read_is_named(site: &Site) {
    let (_, records) = site.log().await;
    let at = format!("WHERE id = '{}'", records[0].id);
    for (change, undo, kind) in [
        ("org_id = 'a b'", "org_id = NULL".to_owned(), FaultKind::RecordMisfiled),
        ("org_id = CAST(x'ff' AS TEXT)", "org_id = NULL".to_owned(), FaultKind::RecordMisfiled),
        ("record = '{'", format!("record = '{}'", Written::text_of(&records[0]).expect("text")), FaultKind::RecordChanged),
    ] {
        if change.contains("CAST") && !site.url.starts_with("sqlite:") {
            // There a text is one.
            continue;
        }
        site.one(&format!("UPDATE audit_records SET {change} {at}")).await;
        assert_eq!(site.faults(&records).await, [(kind, Some(1), Some(0))], "{change}");
        site.one(&format!("UPDATE audit_records SET {undo} {at}")).await;
    }
    site.proved().await;
}

async fn records_that_nobody_can_read_are_in_nobodys_way(site: &Site) {
    let (_, records) = site.log().await;
    for n in 0..5 {
        site.one(&format!(
            "INSERT INTO audit_records (id, time, request_id, operation, denied, search, record, sealed) \
             SELECT 'x {n}', 0, request_id, operation, denied, search, record, NULL FROM audit_records WHERE id = '{}'",
            records[0].id
        ))
        .await;
    }
    site.store.note(None, ControlEvent::done(Operation::AuditQuery), &cause(9)).await.expect("noted");
    let (chain, node) = (chain("b"), NodeId::parse("node_b").expect("an id"));
    let place = Place { chain: &chain, node: &node, last: None, now: site.clock.now(), signer: &*site.pair };
    // Two pages have nothing else.
    let head = site.store.seal_waiting(&place, 2).await.expect("sealed").expect("a batch");
    assert_eq!(site.store.seal_waiting(&place, 2).await.expect("an answer"), None, "each is looked at once");
    assert_eq!((head.seq, site.batch("b", 1).await.entries().expect("entries").len()), (1, 1));
    let (report, faults) = site.verify().await;
    let mut forged: Vec<_> = faults.iter().map(|f| (f.kind, f.batch, f.record.clone())).collect();
    forged.sort();
    let expected: Vec<_> = (0..5).map(|n| (FaultKind::RecordForged, None, Some(format!("x {n}")))).collect();
    assert_eq!((forged, report.records, report.waiting), (expected, 6, 0));
    site.notary("c").trim(after(0)).await.expect("said");
    assert_eq!(site.verify().await.1.len(), 5, "whatever time they claim");
    site.sql("DELETE FROM audit_records WHERE id LIKE 'x %'").await;
    site.proved().await;
}

async fn batches_that_nobody_can_read_are_named(site: &Site) {
    let (notary, records) = site.log().await;
    let whole = site.batch("a", 2).await;
    site.one(
        "INSERT INTO audit_batches (chain, seq, number, node, prev, at, newest, links, entries, digest, key, signature) \
         SELECT 'zz z', 7, 1, node, prev, at, newest, links, entries, digest, key, signature FROM audit_batches WHERE seq = 2",
    )
    .await;
    let next = site.notary("b");
    next.append(&Written::all(&[call(None, "loki", Decision::Allowed, 8)]).expect("text")).await.expect("a chain is begun");
    next.say().await.expect("said");
    let (report, faults) = site.verify().await;
    let places: Vec<_> = faults.iter().map(|f| (f.kind, f.chain.as_deref(), f.batch)).collect();
    assert_eq!((places, report.records), (vec![(FaultKind::BatchUnread, Some("zz z"), Some(7))], 6));
    assert_eq!(site.store.forget_batches(after(1)).await.expect("nothing is past"), 0);
    site.one("DELETE FROM audit_batches WHERE chain = 'zz z'").await;
    // In the place of one that was sealed.
    site.one(&format!("UPDATE audit_batches SET digest = {} WHERE chain = 'chain_a' AND seq = 2", site.blob(&[1]))).await;
    let expected = [
        (FaultKind::RecordForged, None, Some(2)),
        (FaultKind::BatchUnread, Some(2), None),
        (FaultKind::BatchMissing, Some(3), None),
    ];
    assert_eq!(site.faults(&records).await, expected);
    site.put(&whole).await;
    // Where a chain ends: it goes on behind that.
    let end = site.batch("a", 4).await;
    site.one(&format!("UPDATE audit_batches SET digest = {} WHERE chain = 'chain_a' AND seq = 4", site.blob(&[1]))).await;
    let head = site.store.chain_head(&chain("a")).await.expect("an answer").expect("an end");
    assert_eq!((head.seq, head.at), (4, end.at));
    site.put(&end).await;
    notary.say().await.expect("said");
    site.proved().await;
}

async fn ids_that_are_no_texts_are_in_nobodys_way(site: &Site) {
    if !site.url.starts_with("sqlite:") {
        // There a text is one.
        return;
    }
    let (_, records) = site.log().await;
    site.one(
        "INSERT INTO audit_batches (chain, seq, number, node, prev, at, newest, links, entries, digest, key, signature) \
         SELECT CAST(x'7a7aff' AS TEXT), 7, 1, node, prev, at, newest, links, entries, digest, key, signature FROM audit_batches \
         WHERE seq = 2",
    )
    .await;
    site.one(
        "INSERT INTO audit_keys (id, public, sealed, vouched, created_at) \
         SELECT CAST(x'ff' AS TEXT), public, sealed, vouched, created_at FROM audit_keys",
    )
    .await;
    for n in 0..5 {
        site.one(&format!(
            "INSERT INTO audit_records (id, time, request_id, operation, denied, search, record, sealed) \
             SELECT CAST(x'ff3{n}' AS TEXT), 0, request_id, operation, denied, search, record, NULL FROM audit_records \
             WHERE id = '{}'",
            records[0].id
        ))
        .await;
    }
    let named = async || {
        let (report, faults) = site.verify().await;
        let mut named: Vec<_> = faults.into_iter().map(|f| (f.kind, f.chain, f.batch, f.record)).collect();
        named.sort();
        (named, report.waiting)
    };
    let forged = (0..5).map(|n| (FaultKind::RecordForged, None, None, Some(format!(r"\xff{n}"))));
    let unread = (FaultKind::BatchUnread, Some(r"zz\xff".to_owned()), Some(7), None);
    let expected: Vec<_> = forged.chain([unread]).collect();
    assert_eq!(named().await, (expected.clone(), 5), "while they wait");
    site.store.note(None, ControlEvent::done(Operation::AuditQuery), &cause(9)).await.expect("noted");
    let (chain, node) = (chain("b"), NodeId::parse("node_b").expect("an id"));
    let place = Place { chain: &chain, node: &node, last: None, now: site.clock.now(), signer: &*site.pair };
    // Two pages have nothing else.
    let head = site.store.seal_waiting(&place, 2).await.expect("sealed").expect("a batch");
    assert_eq!(site.store.seal_waiting(&place, 2).await.expect("an answer"), None, "each is looked at once");
    assert_eq!((head.seq, site.batch("b", 1).await.entries().expect("entries").len()), (1, 1));
    assert_eq!(named().await, (expected, 0), "once they were looked at");
    assert_eq!(site.store.forget_batches(after(1)).await.expect("nothing is past"), 0);
    site.sql("DELETE FROM audit_records WHERE id > CAST(x'ff' AS TEXT)").await;
    site.one("DELETE FROM audit_batches WHERE chain > 'zz'").await;
    site.proved().await;
    // In the row of a batch that was sealed.
    site.one("UPDATE audit_batches SET node = CAST(x'ff' AS TEXT) WHERE chain = 'chain_a' AND seq = 2").await;
    let expected = [
        (FaultKind::RecordForged, None, Some(2)),
        (FaultKind::BatchUnread, Some(2), None),
        (FaultKind::BatchMissing, Some(3), None),
    ];
    assert_eq!(site.faults(&records).await, expected);
}

async fn where_the_last_record_is_sealed_is_known(site: &Site) {
    let world = World::new(site.store.clone()).await;
    let org = &world.org.id;
    assert_eq!(site.store.last_seal(org).await.expect("an answer"), None, "its records wait");
    let notary = site.notary("a");
    notary.sweep().await.expect("sealed");
    let first = site.batch("a", 1).await.head();
    assert_eq!(site.store.last_seal(org).await.expect("an answer"), Some(first.clone()));
    // What waits, and what is of nobody, changes nothing.
    site.store.note(Some(org), ControlEvent::done(Operation::AuditQuery), &cause(500)).await.expect("noted");
    notary.append(&Written::all(&[call(None, "loki", Decision::Allowed, 600)]).expect("text")).await.expect("stored");
    assert_eq!(site.store.last_seal(org).await.expect("an answer"), Some(first));
    notary.sweep().await.expect("sealed");
    assert_eq!(site.store.last_seal(org).await.expect("an answer"), Some(site.batch("a", 3).await.head()));
    assert_eq!(site.store.last_seal(&super::world::org("beta").id).await.expect("an answer"), None);
}

async fn what_the_last_proof_found_is_known(site: &Site) {
    let found = async || {
        let record = site.store.last_proof().await.expect("an answer")?;
        let Event::Control(event) = &record.event else { panic!("a change") };
        Found::of(event)
    };
    site.log().await;
    assert_eq!(found().await, None);
    let proofs = [(7, Found::Faults(3)), (9, Found::Proved(Some(after(8)))), (8, Found::Proved(None))];
    for (seconds, proof) in proofs {
        site.store.note(None, proof.event(), &cause(seconds)).await.expect("noted");
    }
    site.store.note(None, ControlEvent::done(Operation::AuditQuery), &cause(90)).await.expect("noted");
    assert_eq!(found().await, Some(Found::Proved(Some(after(8)))), "the one that was made last");
    site.one(
        "UPDATE audit_records SET record = '{' WHERE operation = 'audit.verify' AND record LIKE '%proved_until%' AND time = \
              (SELECT MAX(time) FROM audit_records WHERE operation = 'audit.verify')",
    )
    .await;
    assert_eq!(found().await, None, "one that nobody can read says nothing");
}
