//! Reads segments in order and says which records are finished and which files can go.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::{Journal, Line, MAX_LINE, Segment, Writing, decode};
use super::pairing::{Body, Finished, Needs, Pairing, SegmentKey, end};
use crate::record::{AuditRecord, Callers, Written};

/// How many files that were read to the end may wait for calls that still run, before these are written again.
const MAX_HELD: usize = 4;

/// What a finished record takes in a file, by experience: an opening and a closing.
const RECORD_BYTES: u64 = 1000;

/// Longest stretch without a line feed that is looked at as one line.
const MAX_CHUNK: u64 = 2 * MAX_LINE as u64;

/// What was found that should not be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Writes that were cut short. Whoever made one was told that it failed, or did not live to be told anything.
    pub torn: u64,
    /// Lines whose checksum or content is wrong.
    pub corrupt: u64,
}

/// A finished record, and what must stay until it is in the store.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) written: Written,
    pub(super) needs: Needs,
}

/// What one turn of reading found.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) ready: Vec<Ready>,
    /// How many of them this run made.
    pub(super) of_this_run: u64,
    /// Calls of earlier runs among them that were never closed.
    pub(super) unknown: u64,
    /// What was found damaged.
    pub(super) damage: Damage,
    /// Whether everything written before the turn has been read.
    pub(super) caught_up: bool,
    /// Why reading stopped early; the next turn goes on at the same place.
    pub(super) failure: Option<io::Error>,
}

/// The reader of a journal directory.
pub(super) struct Tail {
    journal: Option<Journal>,
    /// What earlier runs left and what is not yet opened.
    old: VecDeque<PathBuf>,
    reading: Option<Source>,
    /// Files that were read to the end and are still needed.
    held: BTreeMap<SegmentKey, Held>,
    pairing: Pairing,
    /// Finished records whose content is still to be fetched.
    finished: VecDeque<Finished>,
    callers: Callers,
    next_key: SegmentKey,
    /// The last segment of this run that was opened.
    last_live: u64,
}

struct Held {
    path: PathBuf,
    damaged: bool,
}

struct Source {
    key: SegmentKey,
    path: PathBuf,
    reader: BufReader<File>,
    /// Where `line` starts.
    at: u64,
    line: Vec<u8>,
    live: Option<Arc<Segment>>,
    damaged: bool,
}

impl Tail {
    /// Reads `old` first, then what `journal` writes. Without a journal, `old` is all there is.
    pub(super) fn new(old: Vec<PathBuf>, journal: Option<Journal>, memory_limit: usize) -> Self {
        Self {
            journal,
            old: old.into(),
            reading: None,
            held: BTreeMap::new(),
            pairing: Pairing::new(memory_limit),
            finished: VecDeque::new(),
            callers: Callers::default(),
            next_key: 0,
            last_live: 0,
        }
    }

    /// Whether there may be something to read.
    pub(super) fn has_grown(&self) -> bool {
        match &self.reading {
            Some(Source { live: Some(segment), at, line, .. }) => {
                segment.bytes() > at + line.len() as u64
                    || self.journal.as_ref().is_some_and(|j| j.segment_after(segment.number).is_some())
            }
            _ => true,
        }
    }

    /// About how many records are in files of earlier runs that were not opened yet.
    pub(super) fn unread(&self) -> u64 {
        let bytes = self.old.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len());
        bytes.sum::<u64>() / RECORD_BYTES
    }

    /// Whether files wait to be removed.
    pub(super) fn holds_files(&self) -> bool {
        !self.held.is_empty()
    }

    /// Reads until `limit` records are finished or there is nothing more to read.
    pub(super) fn read(&mut self, limit: usize) -> Step {
        let mut step = Step::default();
        if let Err(error) = self.read_into(limit, &mut step) {
            step.failure = Some(error);
        }
        step
    }

    fn read_into(&mut self, limit: usize, step: &mut Step) -> io::Result<()> {
        self.fetch_finished(step)?;
        while step.ready.len() < limit {
            if self.reading.is_none() {
                self.open_next(limit, step)?;
            }
            let Some(mut source) = self.reading.take() else {
                self.fetch_finished(step)?;
                if step.caught_up {
                    return Ok(());
                }
                continue;
            };
            let state = self.writing(&mut source);
            let drained = self.drain(&mut source, limit - step.ready.len(), step);
            let at_end = matches!(drained, Ok(true));
            if at_end && state == Writing::Over {
                self.held.insert(source.key, Held { path: source.path, damaged: source.damaged });
            } else {
                self.reading = Some(source);
            }
            drained?;
            self.fetch_finished(step)?;
            if at_end && state != Writing::Over {
                step.caught_up = state == Writing::Current;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Opens the next source. At the border between earlier runs and this one, gives up the calls that nobody closed.
    fn open_next(&mut self, limit: usize, step: &mut Step) -> io::Result<()> {
        if let Some(path) = self.old.front() {
            self.reading = Some(Source::open(self.next_key, path, None)?);
            self.old.pop_front();
            self.next_key += 1;
            return Ok(());
        }
        if self.last_live == 0 {
            let abandoned = self.pairing.abandon(limit - step.ready.len());
            if !abandoned.is_empty() {
                step.unknown += abandoned.len() as u64;
                self.finished.extend(abandoned);
                return Ok(());
            }
        }
        let Some(segment) = self.journal.as_ref().and_then(|j| j.segment_after(self.last_live)) else {
            step.caught_up = true;
            return Ok(());
        };
        let (number, path) = (segment.number, segment.path.clone());
        self.reading = Some(Source::open(self.next_key, &path, Some(segment))?);
        self.last_live = number;
        self.next_key += 1;
        Ok(())
    }

    /// Whether more may be written to the source. Asked before it is read: what is written later is read later.
    fn writing(&self, source: &mut Source) -> Writing {
        let (Some(segment), Some(journal)) = (&source.live, &self.journal) else { return Writing::Over };
        let state = journal.writing(segment);
        if state == Writing::Over {
            source.live = None;
        }
        state
    }

    /// Reads until `limit` records are finished; says whether it came to the end of what there is.
    fn drain(&mut self, source: &mut Source, limit: usize, step: &mut Step) -> io::Result<bool> {
        while self.finished.len() < limit {
            if !source.fill()? {
                // What has no line feed and gets none any more is a write that was cut short.
                step.damage.torn += u64::from(source.live.is_none() && !source.line.is_empty());
                return Ok(true);
            }
            let at = source.at;
            let found = decode(source.line.strip_suffix(b"\n").unwrap_or(&source.line), &mut self.callers);
            source.at += source.line.len() as u64;
            source.line.clear();
            let Some(chunk) = found else { continue };
            step.damage.torn += u64::from(chunk.torn);
            step.damage.corrupt += u64::from(chunk.line.is_none());
            source.damaged |= chunk.torn || chunk.line.is_none();
            self.finished.extend(chunk.line.and_then(|line| self.pairing.feed(source.key, at, line)));
        }
        Ok(false)
    }

    fn fetch_finished(&mut self, step: &mut Step) -> io::Result<()> {
        while let Some(finished) = self.finished.front() {
            let fetched = self.fetch(&finished.body)?;
            let Some(finished) = self.finished.pop_front() else { break };
            let mut record = match (finished.body, fetched) {
                (Body::Here(record), _) | (Body::OnDisk(..), Some(record)) => *record,
                (Body::OnDisk(..), None) => continue,
            };
            end(&mut record, finished.ending);
            // Written here, on a thread that serves no requests.
            match Written::text_of(&record) {
                Ok(text) => {
                    step.of_this_run += u64::from(self.last_live > 0);
                    step.ready.push(Ready { written: Written { record, text }, needs: finished.needs });
                }
                Err(error) => {
                    let body = Body::Here(Box::new(record));
                    self.finished.push_front(Finished { body, ending: None, needs: finished.needs });
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// The content of an opening that is not in memory.
    fn fetch(&self, body: &Body) -> io::Result<Option<Box<AuditRecord>>> {
        let Body::OnDisk(key, at) = body else { return Ok(None) };
        let path = match &self.reading {
            Some(source) if source.key == *key => &source.path,
            _ => &self.held.get(key).ok_or_else(|| io::Error::other("a journal file went away too early"))?.path,
        };
        opening_at(path, *at).map(Some)
    }

    /// Notes that the record with these needs is in the store.
    pub(super) fn stored(&mut self, needs: Needs) {
        self.pairing.stored(needs);
    }

    /// Removes files that nothing needs any more, and writes long-running calls again so that their old files can go. Files with
    /// damage are kept aside: they are evidence.
    pub(super) fn sweep(&mut self) {
        if let Err(error) = self.carry() {
            tracing::warn!(%error, "running calls can't be moved to another journal file");
        }
        let Self { held, pairing, .. } = self;
        held.retain(|key, file| {
            if !pairing.is_settled(*key) {
                return true;
            }
            let gone = if file.damaged { fs::rename(&file.path, aside(&file.path)) } else { fs::remove_file(&file.path) };
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, path = %file.path.display(), "a journal file can't be removed");
                    true
                }
                _ => false,
            }
        });
    }

    fn carry(&mut self) -> io::Result<()> {
        let Some(journal) = self.journal.clone() else { return Ok(()) };
        let waiting: Vec<SegmentKey> = self.held.keys().copied().filter(|key| !self.pairing.is_settled(*key)).collect();
        for key in waiting.iter().take(waiting.len().saturating_sub(MAX_HELD)) {
            let Some(running) = self.pairing.only_running(*key) else { continue };
            let mut records = Vec::with_capacity(running.len());
            for body in running {
                records.push(match body {
                    Body::Here(record) => record.clone(),
                    Body::OnDisk(..) => self.fetch(body)?.ok_or_else(|| io::Error::other("an opening has no content"))?,
                });
            }
            for record in records {
                journal.carry(&record).map_err(io::Error::other)?;
                self.pairing.carried(record);
            }
        }
        Ok(())
    }
}

impl Source {
    fn open(key: SegmentKey, path: &Path, live: Option<Arc<Segment>>) -> io::Result<Self> {
        let reader = BufReader::with_capacity(256 * 1024, File::open(path)?);
        Ok(Self { key, path: path.to_owned(), reader, at: 0, line: Vec::new(), live, damaged: false })
    }

    /// Goes on reading the line; says whether it is whole. A stretch that no line can have counts as one.
    fn fill(&mut self) -> io::Result<bool> {
        let room = MAX_CHUNK.saturating_sub(self.line.len() as u64);
        (&mut self.reader).take(room).read_until(b'\n', &mut self.line)?;
        Ok(self.line.ends_with(b"\n") || self.line.len() as u64 >= MAX_CHUNK)
    }
}

fn opening_at(path: &Path, at: u64) -> io::Result<Box<AuditRecord>> {
    let mut file = BufReader::new(File::open(path)?);
    file.seek(SeekFrom::Start(at))?;
    let mut line = Vec::new();
    file.take(MAX_CHUNK).read_until(b'\n', &mut line)?;
    match decode(line.strip_suffix(b"\n").unwrap_or(&line), &mut Callers::default()).and_then(|chunk| chunk.line) {
        Some(Line::Open(record)) => Ok(record),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a journal line changed after it had been read")),
    }
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("log.damaged")
}
