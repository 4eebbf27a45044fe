//! Walks the log.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use futures::FutureExt as _;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::try_join;

use super::fault::{Fault, FaultKind, placed};
use super::links::Links;
use crate::store::{AuditKey, Batch, BatchPage, Entry, Head, Placed, ProofStore, Proved, StoreError, Stored};
use crate::types::{KeyId, RecordId, Timestamp, rfc3339};

/// Batches that are read at once; each has some hundred records at most, and many have a few.
const BATCHES: u32 = 64;
/// Records that are read at once.
const RECORDS: usize = 512;
/// Pages of records that are read and hashed at the same time: SQLite has four connections to read with, and others want one.
const READS: usize = 2;
/// Statements that records may be deleted, of which the first is most often ours.
const TRIMS: u32 = 8;
/// Where records are is read in larger pages: there is no text in them, and a batch is looked up once for each page that it is in.
const PLACES: u32 = 4096;
/// How long a record may wait to be sealed while others are, and how far clocks may differ.
const PATIENCE: Duration = Duration::from_secs(60);
/// What waited too long is looked at again after so long: a node may just have started, and be about to seal it.
const AGAIN: Duration = Duration::from_secs(3);
/// Most records that are looked at again.
const LATE: usize = 1000;
/// Records between two words about how far it is.
const WORD: u64 = 20_000;

/// What is asked.
pub struct Asked {
    /// The keys that the deployment's secret vouches for: what others sign proves nothing.
    pub keys: Vec<AuditKey>,
    /// Whether the secret vouches for a key: one may be made while the log is walked.
    pub vouches: Box<dyn Fn(&AuditKey) -> bool + Send + Sync>,
    /// Where chains ended at an earlier time, kept elsewhere.
    pub known: Vec<Head>,
}

/// What is told while the log is walked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// So many records were proved.
    Proved(u64),
    /// Something is wrong.
    Fault(Fault),
    /// It is done.
    Done(Box<Report>),
}

/// How a log was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub proved: bool,
    /// Things that are wrong.
    pub faults: u64,
    /// Chains that were walked.
    pub chains: u64,
    /// Their batches.
    pub batches: u64,
    /// Records that are as they were sealed.
    pub records: u64,
    /// Those of them that a later version wrote and this one can't read: what they are searched by was not compared.
    #[serde(default)]
    pub unread: u64,
    /// Records that wait to be sealed.
    pub waiting: u64,
    /// Records from before there were chains, of which nothing is known.
    pub before: u64,
    /// Records that are gone because their time had come.
    pub expired: u64,
    /// Up to when records may be gone, as was signed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    pub trimmed: Option<Timestamp>,
    /// When the newest batch was sealed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    pub until: Option<Timestamp>,
    /// Where each chain ends.
    pub heads: Vec<Head>,
}

/// Walks the log and tells what it finds. It ends early when nobody listens.
pub async fn verify<S: ProofStore + Sync + ?Sized>(store: &S, asked: Asked, told: mpsc::Sender<Step>) -> Result<(), StoreError> {
    let mut walk = Walk {
        store,
        keys: asked.keys.into_iter().map(|key| (key.id.clone(), key)).collect(),
        vouches: asked.vouches,
        strangers: HashSet::new(),
        trim: None,
        begun: None,
        links: Links::default(),
        report: Report::default(),
        said: 0,
        told,
    };
    walk.links.remember(asked.known);
    walk.read_trim().await?;
    for chain in store.audit_chains().await? {
        if walk.told.is_closed() {
            return Ok(());
        }
        walk.chain(&chain).await?;
    }
    walk.read_trim().await?;
    walk.check_links().await?;
    walk.places().await?;
    walk.report.proved = walk.report.faults == 0;
    let done = Step::Done(Box::new(std::mem::take(&mut walk.report)));
    // Who does not listen any more does not want to know.
    let _ = walk.told.send(done).await;
    Ok(())
}

/// What a batch says of one record.
struct Said<'b> {
    batch: &'b Batch,
    /// What its records are marked with.
    number: i64,
    entry: Entry,
}

/// Reads the records that something is said of.
async fn look<'s, 'b, S: ProofStore + Sync + ?Sized>(
    store: &S,
    said: &'s [Said<'b>],
) -> Result<(&'s [Said<'b>], Vec<Proved>), StoreError> {
    let ids: Vec<RecordId> = said.iter().map(|said| said.entry.id.clone()).collect();
    Ok((said, store.proved_records(&ids).await?))
}

struct Walk<'a, S: ?Sized> {
    store: &'a S,
    keys: HashMap<KeyId, AuditKey>,
    vouches: Box<dyn Fn(&AuditKey) -> bool + Send + Sync>,
    /// Keys that were looked for and are not ours.
    strangers: HashSet<KeyId>,
    trim: Option<Timestamp>,
    /// When the first chain was begun.
    begun: Option<Timestamp>,
    links: Links,
    report: Report,
    said: u64,
    told: mpsc::Sender<Step>,
}

impl<S: ProofStore + Sync + ?Sized> Walk<'_, S> {
    async fn found(&mut self, fault: Fault) {
        self.report.faults += 1;
        let _ = self.told.send(Step::Fault(fault)).await;
    }

    /// Which records may be gone: the most that was said and signed.
    async fn read_trim(&mut self) -> Result<(), StoreError> {
        let mut skipped = 0;
        loop {
            let page = self.store.audit_trims(skipped, TRIMS).await?;
            let read = page.batches.len() + page.unread.len();
            skipped += read as u64;
            for batch in &page.batches {
                // Anybody may have put statements before those that are signed.
                if batch.trim <= self.trim {
                    return Ok(());
                }
                self.look_for(&batch.key).await?;
                if self.fault_of(batch).is_none() {
                    self.trim = batch.trim;
                    self.report.trimmed = self.trim;
                    return Ok(());
                }
            }
            if read < TRIMS as usize || self.told.is_closed() {
                return Ok(());
            }
        }
    }

    /// Looks for a key that was not there when the walk began: what it signed is read after it was made.
    async fn look_for(&mut self, key: &KeyId) -> Result<(), StoreError> {
        if self.keys.contains_key(key) || self.strangers.contains(key) {
            return Ok(());
        }
        let made = self.store.audit_keys().await?;
        let ours = made.into_iter().filter(|key| (self.vouches)(key)).map(|key| (key.id.clone(), key));
        self.keys.extend(ours);
        if !self.keys.contains_key(key) {
            self.strangers.insert(key.clone());
        }
        Ok(())
    }

    /// What is wrong with a batch by itself.
    fn fault_of(&self, batch: &Batch) -> Option<FaultKind> {
        if batch.hash() != batch.digest {
            return Some(FaultKind::BatchChanged);
        }
        match self.keys.get(&batch.key) {
            Some(key) => {
                let signed = UnparsedPublicKey::new(&ED25519, &key.public).verify(batch.digest.bytes(), &batch.signature);
                signed.is_err().then_some(FaultKind::BatchForged)
            }
            None => Some(FaultKind::KeyUnknown),
        }
    }

    /// Walks a chain. While the records of one page of batches are looked at, the next page is read.
    async fn chain(&mut self, chain: &Stored) -> Result<(), StoreError> {
        self.report.chains += 1;
        let store = self.store;
        let (mut last, mut page) = (None::<Batch>, store.audit_batches(chain, 0, BATCHES).await?);
        while let Some(end) = page.end().filter(|_| !self.told.is_closed()) {
            let BatchPage { mut batches, unread } = page;
            for seq in unread {
                self.found(Fault::of_unread(chain, seq)).await;
            }
            let said = self.batches(&batches, last.as_ref()).await?;
            let (next, ()) = try_join!(store.audit_batches(chain, end, BATCHES), self.records(&said))?;
            drop(said);
            (last, page) = (batches.pop().or(last), next);
        }
        if let Some(last) = last {
            self.report.until = self.report.until.max(Some(last.at));
            self.report.heads.push(last.head());
        }
        Ok(())
    }

    /// What batches that follow each other say of records.
    async fn batches<'b>(&mut self, batches: &'b [Batch], last: Option<&Batch>) -> Result<Vec<Said<'b>>, StoreError> {
        let (mut before, mut said) = (last, Vec::new());
        for batch in batches {
            let number = Batch::number(&batch.chain, batch.seq);
            let entries = self.batch(batch, before).await?;
            said.extend(entries.into_iter().map(|entry| Said { batch, number, entry }));
            before = Some(batch);
        }
        Ok(said)
    }

    /// Looks at a batch and says what it has.
    async fn batch(&mut self, batch: &Batch, before: Option<&Batch>) -> Result<Vec<Entry>, StoreError> {
        self.report.batches += 1;
        if before.is_none() {
            self.begun = Some(self.begun.map_or(batch.at, |begun| begun.min(batch.at)));
        }
        self.look_for(&batch.key).await?;
        let alone = self.fault_of(batch);
        for kind in alone.into_iter().chain(self.misplaced(batch, before)) {
            self.found(Fault::of_batch(kind, batch)).await;
        }
        let (Some(entries), Some(links)) = (batch.entries(), batch.links()) else {
            if alone.is_none() {
                self.found(Fault::of_batch(FaultKind::BatchChanged, batch)).await;
            }
            return Ok(Vec::new());
        };
        if alone.is_none() {
            self.links.remember(links);
        }
        let mut seen = HashSet::new();
        for entry in entries.iter().filter(|entry| !seen.insert(&entry.id)) {
            self.found(Fault::of_entry(FaultKind::RecordTwice, batch, entry)).await;
        }
        drop(seen);
        Ok(entries)
    }

    /// What is wrong between a batch and the one before.
    fn misplaced(&self, batch: &Batch, before: Option<&Batch>) -> Option<FaultKind> {
        let is_past = self.trim.is_some_and(|trim| batch.is_past(trim));
        let Some(before) = before else {
            return match batch.seq {
                1 => (batch.prev != Batch::origin(&batch.links)).then_some(FaultKind::BatchMisplaced),
                _ => (!is_past).then_some(FaultKind::BatchMissing),
            };
        };
        if batch.seq != before.seq + 1 {
            return (!is_past).then_some(FaultKind::BatchMissing);
        }
        if batch.prev != before.digest || batch.newest < before.newest {
            return Some(FaultKind::BatchMisplaced);
        }
        if batch.node != before.node {
            return Some(FaultKind::BatchForeign);
        }
        (batch.at < before.at).then_some(FaultKind::ClockBack)
    }

    /// Holds what batches say of records against those that there are, in their order.
    async fn records(&mut self, said: &[Said<'_>]) -> Result<(), StoreError> {
        let store = self.store;
        for pages in said.chunks(READS * RECORDS) {
            if self.told.is_closed() {
                break;
            }
            let mut reads = Vec::with_capacity(READS);
            for page in pages.chunks(RECORDS) {
                reads.push(look(store, page).boxed());
            }
            // All are here before anything is told: nobody who listens slowly keeps a connection from others.
            for (page, records) in try_join_all(reads).await? {
                self.compare(page, &records).await?;
            }
        }
        Ok(())
    }

    async fn compare(&mut self, said: &[Said<'_>], records: &[Proved]) -> Result<(), StoreError> {
        let records: HashMap<&RecordId, &Proved> = records.iter().map(|record| (&record.id, record)).collect();
        if records.len() < said.len() {
            // They may have been deleted since: that was said before.
            self.read_trim().await?;
        }
        for Said { batch, number, entry } in said {
            let kind = match records.get(&entry.id) {
                None if self.trim.is_some_and(|trim| entry.time < trim) => {
                    self.report.expired += 1;
                    continue;
                }
                None => FaultKind::RecordMissing,
                Some(record) if record.text != entry.text => FaultKind::RecordChanged,
                Some(record) if record.sealed != Some(*number) => FaultKind::RecordMoved,
                Some(record) if record.is_consistent == Some(false) || record.org != entry.org => FaultKind::RecordMisfiled,
                Some(record) => {
                    self.report.records += 1;
                    self.report.unread += u64::from(record.is_consistent.is_none());
                    continue;
                }
            };
            self.found(Fault::of_entry(kind, batch, entry)).await;
        }
        if self.report.records >= self.said + WORD {
            self.said = self.report.records;
            let _ = self.told.send(Step::Proved(self.said)).await;
        }
        Ok(())
    }

    async fn check_links(&mut self) -> Result<(), StoreError> {
        let (links, trim) = (std::mem::take(&mut self.links), self.trim);
        for fault in links.check(self.store, trim).await? {
            self.found(fault).await;
        }
        Ok(())
    }

    /// Looks whether every record is in the batch that it is marked with.
    async fn places(&mut self) -> Result<(), StoreError> {
        let (store, mut late) = (self.store, Vec::new());
        let mut page = store.placed_records(None, PLACES).await?;
        while let Some(last) = page.last().filter(|_| !self.told.is_closed()) {
            let (next, ()) = try_join!(store.placed_records(Some(&last.id), PLACES), self.place(&page, &mut late))?;
            page = next;
        }
        if self.told.is_closed() {
            return Ok(());
        }
        if !late.is_empty() {
            tokio::time::sleep(AGAIN).await;
        }
        for ids in late.chunks(RECORDS) {
            for record in self.store.proved_records(ids).await? {
                if record.sealed.is_none() {
                    self.found(Fault::of_record(FaultKind::RecordUnsealed, &placed(&record))).await;
                }
            }
        }
        Ok(())
    }

    async fn place(&mut self, page: &[Placed], late: &mut Vec<RecordId>) -> Result<(), StoreError> {
        let mut marked: BTreeMap<i64, Vec<&Placed>> = BTreeMap::new();
        for placed in page {
            match placed.sealed {
                None | Some(0) => self.unmarked(placed, late).await,
                Some(number) => marked.entry(number).or_default().push(placed),
            }
        }
        self.marked(&marked).await
    }

    async fn marked(&mut self, marked: &BTreeMap<i64, Vec<&Placed>>) -> Result<(), StoreError> {
        let numbers: Vec<i64> = marked.keys().copied().collect();
        for numbers in numbers.chunks(BATCHES as usize) {
            let mut batches: HashMap<i64, Vec<Batch>> = HashMap::new();
            for batch in self.store.audit_batches_numbered(numbers).await? {
                batches.entry(Batch::number(&batch.chain, batch.seq)).or_default().push(batch);
            }
            // They may have expired since their page was read.
            if numbers.iter().any(|number| *number > 0 && !batches.contains_key(number)) {
                self.read_trim().await?;
            }
            for (number, records) in numbers.iter().filter_map(|number| marked.get_key_value(number)) {
                let batches = batches.get(number).map_or(&[][..], Vec::as_slice);
                let has: HashSet<RecordId> = batches.iter().filter_map(Batch::entries).flatten().map(|entry| entry.id).collect();
                // What was marked by a batch that is not needed any more is about to be deleted.
                let was_sealed = *number > 0 && batches.is_empty();
                let is_due = |record: &Placed| was_sealed && self.trim.is_some_and(|trim| record.time < trim);
                let strangers: Vec<_> =
                    records.iter().filter(|r| r.id.text().is_none_or(|id| !has.contains(id)) && !is_due(r)).collect();
                for record in strangers {
                    let fault = Fault::of_record(FaultKind::RecordForged, record);
                    let fault = batches.first().map_or(fault.clone(), |batch| fault.in_batch(batch));
                    self.found(fault).await;
                }
            }
        }
        Ok(())
    }

    async fn unmarked(&mut self, record: &Placed, late: &mut Vec<RecordId>) {
        if record.sealed == Some(0) {
            // Clocks of nodes may differ.
            if self.begun.is_none_or(|begun| record.time < begun.plus(PATIENCE)) {
                self.report.before += 1;
            } else {
                self.found(Fault::of_record(FaultKind::RecordForged, record)).await;
            }
            return;
        }
        self.report.waiting += 1;
        if self.report.until.is_some_and(|until| record.time.plus(PATIENCE) < until) && late.len() < LATE {
            match record.id.text().and_then(|id| RecordId::parse(id).ok()) {
                Some(id) => late.push(id),
                None => self.found(Fault::of_record(FaultKind::RecordForged, record)).await,
            }
        }
    }
}
