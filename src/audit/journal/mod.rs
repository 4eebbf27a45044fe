//! The journal: one line before the effect, one after.
//!
//! A line is one `write(2)` to a file opened for appending, so lines of many threads never mix and no lock is held. What has
//! been written is in the page cache and survives the end of the process at any instant; [`Durability::Power`] waits for
//! `fdatasync` as well before a call may go on.

mod call;
mod commit;
mod line;
mod options;
mod segment;

use std::collections::VecDeque;
use std::fmt;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

pub use self::call::OpenCall;
use self::commit::Committer;
pub(super) use self::line::{Closed, Line, MAX_LINE, decode};
use self::line::{Entry, with_line};
pub use self::options::{Durability, JournalError, JournalOptions};
use self::segment::Run;
pub(super) use self::segment::Segment;
pub use self::segment::{Disk, Files, Sink};
use super::metrics::JournalMetrics;
use super::recover;
use crate::record::{AuditRecord, Opening};
use crate::types::{Chain, Clock, NodeId};

/// How many closing lines wait in memory for a disk that recovers; the calls behind it become unknown at the next start.
const MAX_PARKED: usize = 65_536;

/// How soon another file is tried after one that took nothing.
const RETRY: Duration = Duration::from_millis(200);

/// The running journal. Clones share it.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    run: Run,
    options: JournalOptions,
    disk: Box<dyn Disk>,
    clock: Arc<dyn Clock>,
    metrics: Arc<dyn JournalMetrics>,
    current: ArcSwap<Segment>,
    /// Segments that were followed by another one and that the shipper has not finished.
    sealed: Mutex<VecDeque<Arc<Segment>>>,
    failing: AtomicBool,
    finished: AtomicU64,
    /// Of those, how many the store has.
    stored: AtomicU64,
    /// Records of earlier runs that the store does not have, as far as they are counted.
    inherited: AtomicU64,
    /// Closing lines that could not be written yet.
    parked: Mutex<Vec<Closed>>,
    committer: Option<Committer>,
    flushes: mpsc::UnboundedSender<oneshot::Sender<()>>,
    /// Holds the directory's lock while the journal lives.
    _lock: File,
}

/// Whether lines can still come into a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// It is the one that is written to.
    Current,
    /// It has been followed by another one, and somebody may be in the middle of a line.
    Ending,
    /// Never again.
    Over,
}

/// What the shipper needs to start: what earlier runs left, and how it is asked to hurry.
pub struct Backlog {
    pub(super) old: Vec<PathBuf>,
    pub(super) flushes: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
}

impl Journal {
    /// Opens the directory, made when missing, and finds what earlier runs left in it. Reading that is the shipper's work, so
    /// a long backlog does not delay the start.
    ///
    /// # Errors
    /// When the directory can't be made, locked or written.
    pub fn open(
        dir: &Path,
        node: &NodeId,
        options: JournalOptions,
        clock: Arc<dyn Clock>,
        metrics: Arc<dyn JournalMetrics>,
    ) -> Result<(Self, Backlog), JournalError> {
        Self::open_on(Box::new(Files), Hold::take(dir)?, node, options, clock, metrics)
    }

    /// [`Self::open`] on another disk, in a directory that is held already.
    ///
    /// # Errors
    /// When the directory can't be written.
    pub fn open_on(
        disk: Box<dyn Disk>,
        hold: Hold,
        node: &NodeId,
        options: JournalOptions,
        clock: Arc<dyn Clock>,
        metrics: Arc<dyn JournalMetrics>,
    ) -> Result<(Self, Backlog), JournalError> {
        let dir = hold.dir.as_path();
        let unusable = |source| JournalError::Directory { dir: dir.to_owned(), source };
        let old = recover::segments(dir).map_err(unusable)?;
        let now = clock.now();
        let run = Run::new(now, node.clone());
        let first = Segment::create(disk.as_ref(), dir, &run, 1, now).map_err(unusable)?;
        let committer = match options.durability {
            Durability::Process => None,
            Durability::Power => {
                sync_dir(dir).map_err(unusable)?;
                Some(Committer::start(Arc::clone(&metrics)).map_err(unusable)?)
            }
        };
        let (flushes, asked) = mpsc::unbounded_channel();
        let Hold { dir, lock } = hold;
        let shared = Shared {
            dir,
            run,
            options,
            disk,
            clock,
            metrics,
            current: ArcSwap::from_pointee(first),
            sealed: Mutex::default(),
            failing: AtomicBool::new(false),
            finished: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            inherited: AtomicU64::new(0),
            parked: Mutex::default(),
            committer,
            flushes,
            _lock: lock,
        };
        Ok((Self(Arc::new(shared)), Backlog { old, flushes: asked }))
    }

    /// Writes what is known about a call before it is forwarded. Its outcome stays [`Outcome::Unknown`](crate::record::Outcome::Unknown) when the process ends
    /// before the call does.
    ///
    /// Returns without waiting unless [`Durability::Power`] was asked for. Dropping the future, or the guard, closes the call as
    /// broken by a fault of ours.
    ///
    /// # Errors
    /// When the line is not safe: the call must be refused, nothing of it may reach the upstream.
    pub async fn open_call(&self, opening: &Opening<'_>) -> Result<OpenCall, JournalError> {
        let segment = self.0.append(&Entry::Begin(opening))?;
        let call = OpenCall::new(self.clone(), opening.id.clone());
        if let (Some(committer), Some(segment)) = (&self.0.committer, segment) {
            committer.synced(segment).await?;
        }
        Ok(call)
    }

    /// Writes a refusal: opened and closed at once. Nothing happened behind it, so no sync is awaited.
    ///
    /// # Errors
    /// When the line was not written.
    pub fn refused(&self, record: &AuditRecord) -> Result<(), JournalError> {
        self.0.append(&Entry::Whole(record))?;
        self.0.finished.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the last write failed: the node is not ready. Clears itself when the disk takes a line again; the shipper tries
    /// all the time, so no request has to.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.0.failing.load(Ordering::Relaxed)
    }

    /// Records that were finished and that the store does not have. Those of earlier runs are estimated by the size of their files until
    /// they are read.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        let own = self.finished().saturating_sub(self.0.stored.load(Ordering::Relaxed));
        own + self.0.inherited.load(Ordering::Relaxed)
    }

    /// Returns when every record that was finished before the call is in the store. Waits as long as the store can't be used.
    /// Says whether it is so; `false` when the shipper has ended.
    pub async fn flush(&self) -> bool {
        let (done, flushed) = oneshot::channel();
        self.0.flushes.send(done).is_ok() && flushed.await.is_ok()
    }
}

/// What the shipper asks.
impl Journal {
    pub(super) fn metrics(&self) -> &dyn JournalMetrics {
        self.0.metrics.as_ref()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    /// Records of this run that were finished.
    pub(super) fn finished(&self) -> u64 {
        self.0.finished.load(Ordering::Relaxed)
    }

    /// So many records of this run are in the store.
    pub(super) fn stored(&self, records: u64) {
        self.0.stored.store(records, Ordering::Relaxed);
    }

    /// So many records of earlier runs are not in the store.
    pub(super) fn inherited(&self, records: u64) {
        self.0.inherited.store(records, Ordering::Relaxed);
    }

    /// The first segment of this run behind number `after`.
    pub(super) fn segment_after(&self, after: u64) -> Option<Arc<Segment>> {
        let sealed = self.0.sealed.lock();
        let waiting = sealed.iter().find(|s| s.number > after).cloned();
        waiting.or_else(|| Some(self.0.current.load_full()).filter(|s| s.number > after))
    }

    /// Whether anybody can still write to `segment`, which must have come from [`Self::segment_after`] and be held once.
    ///
    /// A writer holds the segment while it writes, and `ArcSwap` turns every such loan into a count when it swaps; so once
    /// only the queue and the caller hold it, it is over.
    pub(super) fn writing(&self, segment: &Arc<Segment>) -> Writing {
        let mut sealed = self.0.sealed.lock();
        let Some(at) = sealed.iter().position(|s| Arc::ptr_eq(s, segment)) else { return Writing::Current };
        if Arc::strong_count(segment) > 2 {
            return Writing::Ending;
        }
        sealed.remove(at);
        Writing::Over
    }

    /// Writes an opening line again, so that the file that holds it can go.
    pub(super) fn carry(&self, record: &AuditRecord) -> Result<(), JournalError> {
        match self.0.append(&Entry::Open(record))? {
            Some(segment) => segment.sync().map_err(JournalError::Unwritable),
            None => Ok(()),
        }
    }

    /// What has to be done now and then: closes what could not be closed, looks whether a failing disk is back, and turns to
    /// the next segment when the current one is old.
    pub(super) fn tend(&self) {
        if self.is_failing() {
            // An empty line says nothing and shows whether the disk takes any.
            self.0.write(b"\n").ok();
        }
        self.0.close_parked();
        let current = self.0.current.load_full();
        let age = self.0.clock.now().since(current.since);
        if age >= self.0.options.segment_age {
            self.0.turn(&current);
        }
    }

    /// Turns to the next segment if anything is in the current one.
    pub(super) fn seal(&self) {
        self.0.turn(&self.0.current.load_full());
    }
}

impl Shared {
    /// Writes one line; gives back the segment it went to when somebody will wait for its sync.
    fn append(&self, entry: &Entry<'_>) -> Result<Option<Arc<Segment>>, JournalError> {
        with_line(entry, |line| self.write(line))
    }

    fn write(&self, line: &[u8]) -> Result<Option<Arc<Segment>>, JournalError> {
        let mut segment = self.current.load();
        if segment.is_damaged() || segment.bytes() >= self.options.segment_bytes {
            self.turn(&segment);
            segment = self.current.load();
        }
        let written = segment.append(line);
        self.note(written.as_ref().err());
        written.map_err(JournalError::Unwritable)?;
        Ok(self.committer.is_some().then(|| Arc::clone(&segment)))
    }

    fn note(&self, failure: Option<&io::Error>) {
        match failure {
            None => self.metrics.written(),
            Some(_) => self.metrics.refused(),
        }
        // Reading is free for the other threads, writing is not.
        if self.failing.load(Ordering::Relaxed) != failure.is_some() {
            self.failing.store(failure.is_some(), Ordering::Relaxed);
            if let Some(error) = failure {
                tracing::error!(error = %Chain(error), "the audit journal can't be written: calls are refused");
            } else {
                tracing::info!("the audit journal can be written again");
            }
        }
    }

    /// Follows `seen` by a new segment, unless somebody else does or did, or it is empty and sound. When no file can be made
    /// the old one goes on: the separator in front of each line keeps it readable.
    fn turn(&self, seen: &Segment) {
        let Some(mut sealed) = self.sealed.try_lock() else { return };
        let now = self.clock.now();
        // A disk that takes files and no bytes would get a file for every refused call.
        let hopeless = seen.bytes() == 0 && (!seen.is_damaged() || now.since(seen.since) < RETRY);
        if self.current.load().number != seen.number || hopeless {
            return;
        }
        let next = Segment::create(self.disk.as_ref(), &self.dir, &self.run, seen.number + 1, now);
        let synced = next.and_then(|next| {
            if self.committer.is_some() {
                sync_dir(&self.dir)?;
            }
            Ok(next)
        });
        match synced {
            Ok(next) => sealed.push_back(self.current.swap(Arc::new(next))),
            Err(error) => tracing::warn!(error = %Chain(&error), "the audit journal can't start another file"),
        }
    }

    fn close(&self, closed: Closed) {
        if self.append(&Entry::Close(&closed)).is_ok() {
            self.finished.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut parked = self.parked.lock();
        if parked.len() < MAX_PARKED {
            parked.push(closed);
        }
    }

    fn close_parked(&self) {
        let mut parked = self.parked.lock();
        while let Some(closed) = parked.pop() {
            if self.append(&Entry::Close(&closed)).is_err() {
                parked.push(closed);
                return;
            }
            self.finished.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("dir", &self.0.dir).finish_non_exhaustive()
    }
}

/// The directory of a journal, held: nobody else writes there before it is dropped.
#[derive(Debug)]
pub struct Hold {
    dir: PathBuf,
    lock: File,
}

impl Hold {
    /// Takes the directory, made when missing.
    ///
    /// # Errors
    /// When it can't be made or somebody else holds it.
    pub fn take(dir: &Path) -> Result<Self, JournalError> {
        let unusable = |source| JournalError::Directory { dir: dir.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        Ok(Self { dir: dir.to_owned(), lock: lock(dir)? })
    }
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let unusable = |source| JournalError::Directory { dir: dir.to_owned(), source };
    let file = File::options().write(true).create(true).truncate(false).open(dir.join("lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(e)) => Err(unusable(e)),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
