//! Which openings belong to which closings, and which files are still needed. No I/O happens here.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::journal::{Closed, Line};
use crate::record::{AuditRecord, Event};
use crate::types::RecordId;

/// A segment, in the order of reading.
pub(super) type SegmentKey = u64;

/// An opening that waits for its closing.
#[derive(Debug)]
struct Opened {
    /// Which file its line keeps; none between its line being written again and that being read.
    segment: Option<SegmentKey>,
    body: Body,
}

/// Where an opening's content is.
#[derive(Debug)]
pub(super) enum Body {
    /// In memory.
    Here(Box<AuditRecord>),
    /// In its file, from this byte on: too many calls run at once to remember them all.
    OnDisk(SegmentKey, u64),
}

/// The files of an opening and of its closing.
pub(super) type Needs = [Option<SegmentKey>; 2];

/// A record that is finished.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) body: Body,
    /// How it ended; `None` when the opening's own content says it all.
    pub(super) ending: Option<Closed>,
    /// The files that must stay until it is in the store.
    pub(super) needs: Needs,
}

/// Pairs lines, and counts per file the records that are not in the store yet.
#[derive(Debug)]
pub(super) struct Pairing {
    open: HashMap<RecordId, Opened>,
    /// Openings that were written again and closed before that line was read.
    ghosts: HashSet<RecordId>,
    due: BTreeMap<SegmentKey, usize>,
    in_memory: usize,
    memory_limit: usize,
}

impl Pairing {
    /// Remembers the content of at most `memory_limit` running calls.
    pub(super) fn new(memory_limit: usize) -> Self {
        Self { open: HashMap::new(), ghosts: HashSet::new(), due: BTreeMap::new(), in_memory: 0, memory_limit }
    }

    /// Takes the line that starts at byte `at` of `segment`.
    pub(super) fn feed(&mut self, segment: SegmentKey, at: u64, line: Line) -> Option<Finished> {
        match line {
            Line::Whole(record) => {
                *self.due.entry(segment).or_default() += 1;
                Some(Finished { body: Body::Here(record), ending: None, needs: [Some(segment), None] })
            }
            Line::Open(record) => {
                self.opened(segment, at, record);
                None
            }
            Line::Close(closed) => self.closed(segment, closed),
        }
    }

    fn opened(&mut self, segment: SegmentKey, at: u64, record: Box<AuditRecord>) {
        if self.ghosts.remove(&record.id) {
            return;
        }
        let id = record.id.clone();
        if let Some(earlier) = self.open.remove(&id) {
            self.forget(&earlier.body);
            self.release(earlier.segment);
        }
        *self.due.entry(segment).or_default() += 1;
        let body = if self.in_memory < self.memory_limit {
            self.in_memory += 1;
            Body::Here(record)
        } else {
            Body::OnDisk(segment, at)
        };
        self.open.insert(id, Opened { segment: Some(segment), body });
    }

    /// A closing whose opening is not known belongs to a record that is in the store, or whose opening can't be read.
    fn closed(&mut self, segment: SegmentKey, closed: Closed) -> Option<Finished> {
        let opened = self.open.remove(&closed.id)?;
        self.forget(&opened.body);
        if opened.segment.is_none() {
            self.ghosts.insert(closed.id.clone());
        }
        *self.due.entry(segment).or_default() += 1;
        Some(Finished { body: opened.body, ending: Some(closed), needs: [opened.segment, Some(segment)] })
    }

    fn forget(&mut self, body: &Body) {
        if matches!(body, Body::Here(_)) {
            self.in_memory -= 1;
        }
    }

    /// Ends the runs that were read so far: takes up to `limit` of the calls that nobody will close any more.
    pub(super) fn abandon(&mut self, limit: usize) -> Vec<Finished> {
        let ids: Vec<RecordId> = self.open.keys().take(limit).cloned().collect();
        let mut abandoned = Vec::with_capacity(ids.len());
        for opened in ids.iter().filter_map(|id| self.open.remove(id)).collect::<Vec<_>>() {
            self.forget(&opened.body);
            abandoned.push(Finished { body: opened.body, ending: None, needs: [opened.segment, None] });
        }
        abandoned
    }

    /// Lets go of what a stored record needed.
    pub(super) fn stored(&mut self, needs: Needs) {
        for segment in needs {
            self.release(segment);
        }
    }

    fn release(&mut self, segment: Option<SegmentKey>) {
        if let Some(key) = segment
            && let Some(due) = self.due.get_mut(&key)
        {
            *due -= 1;
            if *due == 0 {
                self.due.remove(&key);
            }
        }
    }

    /// Whether nothing in `segment` is needed any more.
    pub(super) fn is_settled(&self, segment: SegmentKey) -> bool {
        !self.due.contains_key(&segment)
    }

    /// The running calls whose opening is the only thing that keeps `segment`; `None` when something else does, too.
    pub(super) fn only_running(&self, segment: SegmentKey) -> Option<Vec<&Body>> {
        let running: Vec<_> = self.open.values().filter(|o| o.segment == Some(segment)).map(|o| &o.body).collect();
        (self.due.get(&segment) == Some(&running.len())).then_some(running)
    }

    /// Notes that the opening of a running call was written again.
    pub(super) fn carried(&mut self, record: Box<AuditRecord>) {
        if let Some(opened) = self.open.get_mut(&record.id) {
            if !matches!(opened.body, Body::Here(_)) {
                self.in_memory += 1;
            }
            opened.body = Body::Here(record);
            let segment = opened.segment.take();
            self.release(segment);
        }
    }
}

/// Puts a record's ending into it.
pub(super) fn end(record: &mut AuditRecord, ending: Option<Closed>) {
    if let (Event::Call(call), Some(Closed { outcome, decision, would_deny, .. })) = (&mut record.event, ending) {
        call.outcome = outcome;
        if let Some(decision) = decision {
            call.decision = decision;
        }
        call.would_deny = call.would_deny.take().or(would_deny);
    }
}
