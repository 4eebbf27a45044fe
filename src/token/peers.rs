//! The other nodes on the same store: what this one lets them know, and when all of them know of a change.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::store::{NodeRole, NodeRow, Point, SharedStore, StoreError};
use crate::types::{Chain, NodeId};

/// How often a node in company shows that it is alive, and looks at who is not.
const BEAT: Duration = Duration::from_secs(2);
/// How long a row may rest before its node is given up, where nobody waited for it in vain before.
const SILENT: Duration = Duration::from_secs(10);
/// Between two confirmations, so that many changes in a row are confirmed together.
const GAP: Duration = Duration::from_millis(10);
/// How old a look at the rows may be that several who wait share, and how soon one who waits looks again.
const LOOK: Duration = Duration::from_millis(5);
/// How slowly one who waits looks at the end.
const SLOW: Duration = Duration::from_millis(50);
/// How long taking the row away may hold up the end of the process.
const LEAVING: Duration = Duration::from_secs(2);

/// The other nodes, and this one's row among theirs.
#[derive(Debug)]
pub(super) struct Peers {
    id: NodeId,
    role: NodeRole,
    lease: Duration,
    company: AtomicBool,
    due: Notify,
    last: Mutex<Option<Look>>,
    others: parking_lot::Mutex<Others>,
    /// What somebody waited for in vain since the last look at who is behind.
    missed: AtomicU64,
}

/// The rows as they were after `begun`.
#[derive(Debug)]
struct Look {
    begun: Instant,
    rows: Vec<NodeRow>,
}

impl Peers {
    pub(super) fn new(id: NodeId, role: NodeRole, lease: Duration) -> Self {
        let (company, missed) = (AtomicBool::new(false), AtomicU64::new(0));
        Self {
            id,
            role,
            lease,
            company,
            due: Notify::new(),
            last: Mutex::new(None),
            others: parking_lot::Mutex::default(),
            missed,
        }
    }

    pub(super) const fn id(&self) -> &NodeId {
        &self.id
    }

    /// Writes this node's row. What it reads of the feed counts from then on.
    pub(super) async fn enlist(&self, store: &SharedStore) -> Result<(), StoreError> {
        store.list_node(&self.id, self.role).await?;
        self.due.notify_one();
        Ok(())
    }

    /// Takes the row away: this node serves no more. One that can't be taken away is forgotten by the others.
    pub(super) async fn leave(&self, store: &SharedStore) {
        if let Ok(Err(error)) = tokio::time::timeout(LEAVING, store.unlist_node(&self.id)).await {
            tracing::debug!(error = %Chain(&error), "this node's row stays behind");
        }
    }

    /// Notes how many other nodes have a row.
    pub(super) fn met(&self, others: u64) {
        let before = self.company.swap(others > 0, Ordering::AcqRel);
        if others > 0 && !before {
            self.due.notify_one();
        }
    }

    /// Whether other nodes are on the store. One that is alone writes nothing: nobody would read it.
    pub(super) fn in_company(&self) -> bool {
        self.company.load(Ordering::Acquire)
    }

    /// Confirms what is applied, and gives up nodes that are silent, until `stop`.
    pub(super) async fn keep(&self, store: &SharedStore, mut applied: watch::Receiver<Point>, stop: &CancellationToken) {
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = applied.changed() => if changed.is_err() { return },
                () = self.due.notified() => {}
                () = tokio::time::sleep(BEAT) => {}
            }
            if !self.in_company() {
                continue;
            }
            let point = *applied.borrow_and_update();
            // What could not be said now is said with the next beat; whoever waits has the lease to rely on.
            if let Err(error) = store.confirm_node(&self.id, point).await {
                tracing::debug!(error = %Chain(&error), "the other nodes can't be told what was applied here");
            }
            if let Err(error) = self.end_late(store).await {
                tracing::debug!(error = %Chain(&error), "nodes that are behind can't be given up");
            }
            if self.role == NodeRole::Serves && looked.elapsed() >= BEAT {
                looked = Instant::now();
                if let Err(error) = self.end_silent(store).await {
                    tracing::debug!(error = %Chain(&error), "the other nodes can't be looked at");
                }
            }
            tokio::time::sleep(GAP).await;
        }
    }

    /// Fences nodes that somebody waited for in vain: once the lease has run out since then too, nobody waits for them again before
    /// they are back. That they did not confirm says nothing by itself: a node may have read the change, and be slow to write so.
    async fn end_late(&self, store: &SharedStore) -> Result<(), StoreError> {
        let target = self.missed.swap(0, Ordering::AcqRel);
        if target == 0 {
            return Ok(());
        }
        for row in store.nodes().await? {
            if row.id != self.id && !row.fenced && !knows(&row, target) {
                give_up(store, &row, "a node did not confirm a change within its lease").await?;
            }
        }
        Ok(())
    }

    /// Fences nodes that were silent for long, and forgets those whose lease has run out since.
    async fn end_silent(&self, store: &SharedStore) -> Result<(), StoreError> {
        let rows = store.nodes().await?;
        let overdue = self.others.lock().overdue(rows, Instant::now(), self.lease * 2);
        for row in overdue {
            if row.id == self.id {
                continue;
            }
            if row.fenced {
                store.forget_node(&row).await?;
            } else {
                give_up(store, &row, "a node is silent").await?;
            }
        }
        Ok(())
    }

    /// Waits until every other node that serves has applied `target`, or can't serve from what it knew at `since`.
    pub(super) async fn all_know(&self, store: &SharedStore, target: u64, since: Instant) {
        let lease = (since + self.lease).into();
        if tokio::time::timeout_at(lease, self.all_at(store, target, since)).await.is_err() {
            tracing::info!(
                position = target,
                "a node did not confirm a change within its lease: it refuses until it has applied it"
            );
            self.missed.fetch_max(target, Ordering::AcqRel);
            self.due.notify_one();
        }
    }

    async fn all_at(&self, store: &SharedStore, target: u64, since: Instant) {
        let mut pause = LOOK;
        while !self.are_at(store, target, since).await {
            tokio::time::sleep(pause).await;
            pause = (pause + pause / 4).min(SLOW);
        }
    }

    /// Whether a look that began after `since` shows all other nodes at `target`. Many who wait at once share their looks.
    async fn are_at(&self, store: &SharedStore, target: u64, since: Instant) -> bool {
        let mut last = self.last.lock().await;
        if last.as_ref().is_none_or(|look| look.begun < since || look.begun.elapsed() >= LOOK) {
            let begun = Instant::now();
            match store.nodes().await {
                Ok(rows) => {
                    self.others.lock().note(&rows, Instant::now());
                    *last = Some(Look { begun, rows });
                }
                Err(error) => {
                    tracing::debug!(error = %Chain(&error), "the other nodes can't be looked at");
                    return false;
                }
            }
        }
        let (others, now) = (self.others.lock(), Instant::now());
        let is_no_matter = |row: &NodeRow| row.id == self.id || knows(row, target) || others.is_out(row, now, self.lease);
        last.as_ref().is_some_and(|look| look.rows.iter().all(is_no_matter))
    }
}

/// Fences a node that has written nothing since that row was read.
async fn give_up(store: &SharedStore, row: &NodeRow, why: &str) -> Result<(), StoreError> {
    if store.fence_node(row).await? {
        tracing::warn!(node = %row.id, why, "a node was given up: it must list itself before it serves again");
    }
    Ok(())
}

/// Whether nobody needs to wait for a node because of what it says. One that was fenced may have read the feed just before that.
fn knows(row: &NodeRow, target: u64) -> bool {
    row.role == NodeRole::Commands || row.position >= target
}

/// The rows as they were when they last changed, by this process's own clock: clocks of nodes are never compared.
#[derive(Debug, Default)]
struct Others(HashMap<NodeId, (u64, bool, Instant)>);

impl Others {
    /// Notes the rows that were read before `now`.
    fn note(&mut self, rows: &[NodeRow], now: Instant) {
        self.0.retain(|id, _| rows.iter().any(|row| row.id == *id));
        for row in rows {
            let seen = self.0.entry(row.id.clone()).or_insert((row.beats, row.fenced, now));
            if (seen.0, seen.1) != (row.beats, row.fenced) {
                *seen = (row.beats, row.fenced, now);
            }
        }
    }

    /// For how long it is known that a row is as it is.
    fn rested(&self, row: &NodeRow, now: Instant) -> Duration {
        let since = self.0.get(&row.id).filter(|seen| (seen.0, seen.1) == (row.beats, row.fenced));
        since.map_or(Duration::ZERO, |seen| now.saturating_duration_since(seen.2))
    }

    /// Whether a node serves nobody before it has listed itself anew. It was seen fenced for longer than its lease: whatever it has
    /// read since then said so, and it may not serve from what it had read before. A row that is found so was not written anew until
    /// then: what the node reads once it is, it reads after whatever was committed before that look.
    fn is_out(&self, row: &NodeRow, now: Instant, lease: Duration) -> bool {
        row.fenced && self.rested(row, now) >= lease
    }

    /// The rows that have rested for too long: `SILENT`, or `fenced` once they are fenced.
    fn overdue(&mut self, rows: Vec<NodeRow>, now: Instant, fenced: Duration) -> Vec<NodeRow> {
        self.note(&rows, now);
        let limit = |row: &NodeRow| if row.fenced { fenced } else { SILENT };
        rows.into_iter().filter(|row| self.rested(row, now) >= limit(row)).collect()
    }
}
