//! Tells webhooks and programs about security events.
//!
//! `record of a change (with a line in hook_events, one transaction) → event::deliveries → queue → claim → send`
//!
//! At least once: what is queued is claimed by one node for a while, sent, and taken off the queue. A node that ends in between
//! leaves it to whoever claims it next, under the same id. No request waits for any of this.

mod event;
mod schedule;
mod send;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use schedule::GIVE_UP;

use crate::config::Hook;
use crate::node::Node;
use crate::store::{HookDelivery, StoreError, WaitingRecord};
use crate::types::{Chain, RecordId, Timestamp};

/// How often the store is asked for something to tell.
const POLL: Duration = Duration::from_millis(250);
/// How long to leave a store alone that failed.
const RETRY: Duration = Duration::from_secs(5);
/// Records that are looked at in one go.
const LOOK: u32 = 100;
/// How long a record waits for somebody who can read it.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often records are looked at again that could not be read, where more than a look takes come before all others.
const AGAIN: Duration = Duration::from_mins(1);
/// Records that could not be read and are remembered, so that each is spoken of once.
const SPOKEN_OF: usize = 10_000;
/// Deliveries of one hook that one node attempts at one time.
const AT_ONCE: u32 = 8;
/// How long a claimed delivery is nobody else's. Longer than any attempt takes.
const LEASE: Duration = Duration::from_mins(1);

/// Tells hooks what there is to tell, until `stop`. Attempts that are under way then are another node's, or the next start's.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    let client = match send::client() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "no hook is told of anything: no HTTP client can be made");
            return;
        }
    };
    let (under_way, unread) = (HashMap::new(), Unread::default());
    let mut courier = Courier { node, client, under_way, ended: Arc::new(Notify::new()), unread };
    loop {
        let pause = match courier.pass().await {
            Ok(()) => POLL,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "hooks can't be served; they are later");
                RETRY
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
            () = courier.ended.notified() => {}
        }
    }
}

struct Courier {
    node: Arc<Node>,
    client: reqwest::Client,
    /// Attempts by the name of their hook: one that hangs holds up no other.
    under_way: HashMap<String, AbortOnDropHandle<()>>,
    ended: Arc<Notify>,
    unread: Unread,
}

/// Records that nobody here can read. A node of the next version may know how to.
#[derive(Default)]
struct Unread {
    /// Those that were spoken of.
    known: HashSet<RecordId>,
    /// Up to where there was nothing else, and when that was last looked at.
    past: Option<(Timestamp, RecordId)>,
    looked: Option<Instant>,
}

impl Unread {
    /// After which record to look. Now and then it is the first: one that is older may have come since, and time runs out for others.
    fn start(&mut self, now: Instant) -> Option<(Timestamp, RecordId)> {
        if self.looked.is_none_or(|at| now.duration_since(at) >= AGAIN) {
            (self.past, self.looked) = (None, Some(now));
        }
        self.past.clone()
    }

    /// Whether a record was not spoken of before.
    fn is_new(&mut self, id: &RecordId) -> bool {
        if self.known.len() >= SPOKEN_OF {
            self.known.clear();
        }
        self.known.insert(id.clone())
    }
}

impl Courier {
    async fn pass(&mut self) -> Result<(), StoreError> {
        let (node, config) = (&self.node, self.node.config.load_full());
        look(node, &mut self.unread).await?;
        // Before anything is claimed: what is due and too old is not attempted once more.
        let given_up = node.store.give_up_hooks(node.now().minus(GIVE_UP), &node.own_cause()).await?;
        for one in given_up {
            tracing::error!(hook = one.what.hook, record = %one.what.record, attempts = one.attempts, "a hook was given up");
            node.metrics.hook_deliveries.with_label_values(&[&one.what.hook, "given_up"]).inc();
        }
        self.under_way.retain(|_, attempts| !attempts.is_finished());
        for hook in &config.hooks {
            if self.under_way.contains_key(hook.name.as_str()) {
                continue;
            }
            let now = node.now();
            let claimed = node.store.claim_hooks(hook.name.as_str(), now, now.plus(LEASE), AT_ONCE).await?;
            if claimed.is_empty() {
                continue;
            }
            let attempts = attempt_all(Arc::clone(node), self.client.clone(), Arc::clone(hook), claimed, Arc::clone(&self.ended));
            self.under_way.insert(hook.name.to_string(), AbortOnDropHandle::new(tokio::spawn(attempts)));
        }
        Ok(())
    }
}

/// Turns waiting records into deliveries, in their order. What can't be read is passed by, and stays.
async fn look(node: &Node, unread: &mut Unread) -> Result<(), StoreError> {
    let (mut after, mut is_first) = (unread.start(Instant::now()), true);
    let full = usize::try_from(LOOK).unwrap_or(usize::MAX);
    loop {
        let waiting = node.store.hook_events(after.as_ref().map(|(at, id)| (*at, id)), LOOK).await?;
        let (many, last) = (waiting.len(), waiting.last().map(|one| (one.at, one.id.clone())));
        is_first &= take(node, waiting, unread).await? == full;
        if many < full {
            return Ok(());
        }
        after = last;
        if is_first {
            unread.past.clone_from(&after);
        }
    }
}

/// Takes those of the waiting records that can be read; says how many can't.
async fn take(node: &Node, waiting: Vec<WaitingRecord>, unread: &mut Unread) -> Result<usize, StoreError> {
    let config = node.config.load_full();
    let (mut ids, mut deliveries, mut left) = (Vec::new(), Vec::new(), 0);
    for WaitingRecord { id, at, record } in waiting {
        let found = match &record {
            Ok(record) => event::deliveries(node, &config, record).await,
            Err(_) => Ok(Vec::new()),
        };
        match (record.and(found), node.now().since(at) >= PATIENCE) {
            (Ok(found), _) => deliveries.extend(found),
            (Err(error @ StoreError::Inconsistent { .. }), false) => {
                if unread.is_new(&id) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, record = %id, "a record can't be read here; hooks are told of those after it meanwhile");
                    node.metrics.hook_records_skipped.inc();
                }
                left += 1;
                continue;
            }
            (Err(error @ StoreError::Inconsistent { .. }), true) => {
                let error = Chain(&error);
                tracing::error!(%error, record = %id, "no hook is told of a record: what it is about can't be read");
                node.metrics.hook_records_unread.inc();
            }
            (Err(error), _) => return Err(error),
        }
        ids.push(id);
    }
    if !ids.is_empty() {
        node.store.queue_hooks(&ids, &deliveries, node.now()).await?;
    }
    Ok(left)
}

async fn attempt_all(node: Arc<Node>, client: reqwest::Client, hook: Arc<Hook>, claimed: Vec<HookDelivery>, ended: Arc<Notify>) {
    let attempts = claimed.iter().map(|delivery| attempt(&node, &client, &hook, delivery));
    for (delivery, outcome) in claimed.iter().zip(futures::future::join_all(attempts).await) {
        if let Err(error) = outcome {
            // The lease ends, and whoever claims it then sends it again.
            let error = Chain(&error);
            tracing::warn!(%error, hook = %hook.name, record = %delivery.what.record, "the outcome of a hook can't be stored");
        }
    }
    ended.notify_one();
}

async fn attempt(node: &Node, client: &reqwest::Client, hook: &Hook, delivery: &HookDelivery) -> Result<(), StoreError> {
    let count = |outcome: &str| node.metrics.hook_deliveries.with_label_values(&[hook.name.as_str(), outcome]).inc();
    match send::send(client, &hook.target, &delivery.what, node.now()).await {
        Ok(()) => {
            count("delivered");
            node.store.finish_hook(delivery).await?;
        }
        Err(failure) => {
            count("failed");
            let due = node.now().plus(schedule::pause(delivery.attempts, &*node.entropy));
            let (record, attempt) = (delivery.what.record.as_str(), delivery.attempts);
            tracing::warn!(hook = %hook.name, record, attempt, again_at = %due, error = %failure, "a hook was not reached");
            node.store.postpone_hook(delivery, due).await?;
        }
    }
    Ok(())
}
