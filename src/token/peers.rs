//! The other nodes on the same store: what this one lets them know, and when all of them know of a change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::store::{NodeRole, NodeRow, Point, SharedStore, StoreError};
use crate::types::{Chain, NodeId};

/// How often a node in company shows that it is alive, and looks at who is not.
const BEAT: Duration = Duration::from_secs(2);
/// How long a row may rest before its node is given up. Until then each revocation waits for it as long as its lease may last.
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
}

/// The rows as they were after `begun`.
#[derive(Debug)]
struct Look {
    begun: Instant,
    rows: Vec<NodeRow>,
}

impl Peers {
    pub(super) fn new(id: NodeId, role: NodeRole, lease: Duration) -> Self {
        Self { id, role, lease, company: AtomicBool::new(false), due: Notify::new(), last: Mutex::new(None) }
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
        let (mut others, mut looked) = (Others::default(), Instant::now());
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
            if self.role == NodeRole::Serves && looked.elapsed() >= BEAT {
                looked = Instant::now();
                if let Err(error) = self.end_silent(store, &mut others).await {
                    tracing::debug!(error = %Chain(&error), "the other nodes can't be looked at");
                }
            }
            tokio::time::sleep(GAP).await;
        }
    }

    /// Fences nodes that were silent for long, and forgets those whose lease has run out since.
    async fn end_silent(&self, store: &SharedStore, others: &mut Others) -> Result<(), StoreError> {
        let rows = store.nodes().await?;
        for row in others.overdue(rows, Instant::now(), self.lease * 2) {
            if row.id == self.id {
                continue;
            }
            if row.fenced {
                store.forget_node(&row).await?;
            } else if store.fence_node(&row).await? {
                tracing::warn!(node = %row.id, "a node is silent: it was given up and must list itself before it serves again");
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
                Ok(rows) => *last = Some(Look { begun, rows }),
                Err(error) => {
                    tracing::debug!(error = %Chain(&error), "the other nodes can't be looked at");
                    return false;
                }
            }
        }
        last.as_ref().is_some_and(|look| look.rows.iter().all(|row| row.id == self.id || knows(row, target)))
    }
}

/// Whether nobody needs to wait for a node. One that was fenced may have read the feed just before that.
fn knows(row: &NodeRow, target: u64) -> bool {
    row.role == NodeRole::Commands || row.position >= target
}

/// The rows as they were when they last changed, by this process's own clock: clocks of nodes are never compared.
#[derive(Default)]
struct Others(HashMap<NodeId, (u64, bool, Instant)>);

impl Others {
    /// The rows that have rested for too long: `SILENT`, or `fenced` once they are fenced.
    fn overdue(&mut self, rows: Vec<NodeRow>, now: Instant, fenced: Duration) -> Vec<NodeRow> {
        self.0.retain(|id, _| rows.iter().any(|row| row.id == *id));
        let mut overdue = Vec::new();
        for row in rows {
            let seen = self.0.entry(row.id.clone()).or_insert((row.beats, row.fenced, now));
            if (seen.0, seen.1) != (row.beats, row.fenced) {
                *seen = (row.beats, row.fenced, now);
            }
            let limit = if row.fenced { fenced } else { SILENT };
            if now.duration_since(seen.2) >= limit {
                overdue.push(row);
            }
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, beats: u64, fenced: bool) -> NodeRow {
        NodeRow { id: NodeId::parse(id).expect("an id"), role: NodeRole::Serves, position: 7, beats, fenced }
    }

    #[test]
    fn nobody_waits_for_a_command_or_for_who_is_there() {
        let serves = row("node_a", 1, false);
        assert!(knows(&serves, 7) && !knows(&serves, 8));
        assert!(!knows(&NodeRow { fenced: true, ..serves.clone() }, 8), "it may still have some of its lease");
        assert!(knows(&NodeRow { role: NodeRole::Commands, ..serves }, 8));
    }

    #[test]
    fn a_row_is_overdue_when_nothing_moved_for_long() {
        let (mut others, start, lease) = (Others::default(), Instant::now(), Duration::from_secs(2));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(others.overdue(vec![row("node_a", 1, false), row("node_b", 1, false)], at(0), lease).is_empty());
        assert!(others.overdue(vec![row("node_a", 1, false), row("node_b", 2, false)], at(9), lease).is_empty());
        let silent = row("node_a", 1, false);
        assert_eq!(others.overdue(vec![silent.clone(), row("node_b", 2, false)], at(10), lease), [silent]);
        // From when it was seen fenced its lease runs, whatever came before.
        let fenced = row("node_a", 1, true);
        assert!(others.overdue(vec![fenced.clone()], at(12), lease).is_empty());
        assert!(others.overdue(vec![fenced.clone()], at(13), lease).is_empty());
        assert_eq!(others.overdue(vec![fenced.clone()], at(14), lease), [fenced]);
        // Back again: it is as new.
        assert!(others.overdue(vec![row("node_a", 2, false)], at(60), lease).is_empty());
        assert!(others.overdue(Vec::new(), at(61), lease).is_empty());
        assert!(others.0.is_empty(), "who left is forgotten");
    }
}
