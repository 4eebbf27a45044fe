//! Group commit: one thread syncs, and everybody who wrote before it started goes on at once.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::segment::Segment;
use super::{JournalError, JournalMetrics};

type Synced = Result<(), Arc<io::Error>>;
type Answer = oneshot::Sender<Synced>;

#[derive(Default)]
struct Queue {
    waiting: Vec<(Arc<Segment>, Answer)>,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// Those who wait for the disk, and the thread that serves them.
pub(super) struct Committer(Arc<Shared>);

impl Committer {
    pub(super) fn start(metrics: Arc<dyn JournalMetrics>) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        thread::Builder::new().name("audit-sync".into()).spawn(move || serve(&serving, metrics.as_ref()))?;
        Ok(Self(shared))
    }

    /// Returns when everything that was appended to `segment` before the call survives power loss.
    pub(super) async fn synced(&self, segment: Arc<Segment>) -> Result<(), JournalError> {
        let (answer, answered) = oneshot::channel();
        self.0.queue.lock().waiting.push((segment, answer));
        self.0.wake.notify_one();
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(JournalError::Unsynced(e)),
            Err(_) => Err(JournalError::Unsynced(Arc::new(io::Error::other("the journal's sync thread is gone")))),
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.0.queue.lock().ended = true;
        self.0.wake.notify_one();
    }
}

fn serve(shared: &Shared, metrics: &dyn JournalMetrics) {
    loop {
        let batch = {
            let mut queue = shared.queue.lock();
            while queue.waiting.is_empty() && !queue.ended {
                shared.wake.wait(&mut queue);
            }
            if queue.waiting.is_empty() {
                return;
            }
            std::mem::take(&mut queue.waiting)
        };
        commit(batch, metrics);
    }
}

fn commit(batch: Vec<(Arc<Segment>, Answer)>, metrics: &dyn JournalMetrics) {
    let mut done: Vec<(Arc<Segment>, Synced)> = Vec::with_capacity(1);
    for (segment, answer) in batch {
        let known = done.iter().find(|(s, _)| Arc::ptr_eq(s, &segment)).map(|(_, r)| r.clone());
        let result = known.unwrap_or_else(|| {
            let started = Instant::now();
            let result = segment.sync().map_err(Arc::new);
            metrics.synced(started.elapsed());
            done.push((segment, result.clone()));
            result
        });
        // Whoever asked may be gone: a cancelled request.
        let _ = answer.send(result);
    }
}
