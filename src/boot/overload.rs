//! Looks for what the node does not keep up with, and how late it is itself.

use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::ping::Ping;
use crate::audit::Journal;
use crate::gateway::admission::{TICK, Waited};
use crate::gateway::overload::{self, Overload, Shed, Strain};
use crate::node::Node;
use crate::types::Chain;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// Raises and lowers the signals that shed load, until `stop`.
pub(super) async fn watch(node: Arc<Node>, ping: Arc<Ping>, journal: Journal, overload: Arc<Overload>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = look_around(&node, &journal, &overload) => {}
        () = keep_probing(&node, &ping, &overload) => {}
    }
}

async fn look_around(node: &Node, journal: &Journal, overload: &Overload) {
    loop {
        look(node, journal, overload);
        tokio::time::sleep(LOOK).await;
    }
}

async fn keep_probing(node: &Node, ping: &Ping, overload: &Overload) {
    loop {
        probe(node, ping, overload).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks the store for a sign of life. One that takes too long is a strain as long as it is waited for, and it is waited for to its end:
/// only that tells a store that is slow from one that is gone.
async fn probe(node: &Node, ping: &Ping, overload: &Overload) {
    let limit = node.config.load().listen.limits.max_store_latency;
    let answer = match ping.ask(limit).await {
        Some(answer) => answer,
        None => {
            set(node, overload, Strain::StoreLatency, true);
            ping.hear().await
        }
    };
    let fault = answer.fault.filter(|error| !error.is_late());
    if overload.store_fails(fault.is_some()) {
        match &fault {
            Some(error) => tracing::error!(error = %Chain(error), "the store can't be used"),
            None => tracing::info!("the store can be used again"),
        }
    }
    // One that is gone is a strain only where it takes long to say so: requests that need it say themselves that it is gone.
    set(node, overload, Strain::StoreLatency, overload::is_slow(answer.took, limit));
}

fn look(node: &Node, journal: &Journal, overload: &Overload) {
    let limits = node.config.load().listen.limits;
    // The shipper says so only when it gets something done, which is when nobody needs to know.
    let depth = journal.backlog();
    node.metrics.audit_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
    let before = overload.is(Strain::AuditBacklog);
    let backlog = overload::is_backlogged(depth, u64::from(limits.max_audit_backlog), before);
    set(node, overload, Strain::AuditBacklog, backlog);
    node.memory.allow(limits.buffer_memory, limits.buffer_memory_share);
    let filled = overload::is_filled(node.memory.held(), limits.buffer_memory, overload.is(Strain::Memory));
    set(node, overload, Strain::Memory, filled);
    node.metrics.buffer_bytes.set(i64::try_from(node.memory.held()).unwrap_or(i64::MAX));
    let refused = [
        (&node.metrics.buffer_refused, node.memory.refused()),
        (&node.metrics.buffer_share_refused, node.memory.refused_shares()),
    ];
    for (counter, times) in refused {
        counter.inc_by(times.saturating_sub(counter.get()));
    }
    for shed in Shed::ALL {
        let counter = node.metrics.shed.with_label_values(&[shed.name()]);
        counter.inc_by(overload.shed(shed).saturating_sub(counter.get()));
    }
    node.metrics.strained.with_label_values(&[Strain::Late.name()]).set(i64::from(overload.is(Strain::Late)));
    let (in_flight, waiting) = overload.load();
    node.metrics.turns_waiting.set(i64::try_from(overload.queue.waiting()).unwrap_or(i64::MAX));
    node.metrics.in_flight.set(i64::from(in_flight));
    node.metrics.waiting.set(i64::from(waiting));
}

fn set(node: &Node, overload: &Overload, strain: Strain, up: bool) {
    if overload.set(strain, up) {
        if up {
            tracing::warn!(signal = strain.name(), "the node does not keep up; requests are shed");
        } else {
            tracing::info!(signal = strain.name(), "the node keeps up again");
        }
    }
    node.metrics.strained.with_label_values(&[strain.name()]).set(i64::from(up));
}

/// Requests that are begun for each worker of the runtime while that goes once over what is ready.
const EACH: usize = 2;

/// Calls requests that wait to be begun, until `stop`.
pub(super) async fn attend(overload: Arc<Overload>, stop: CancellationToken) {
    let each = tokio::runtime::Handle::current().metrics().num_workers() * EACH;
    let attendant = overload.queue.attend();
    let calls = async {
        loop {
            attendant.wanted().await;
            while attendant.call(each, Instant::now()) {
                behind_what_is_ready().await;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = calls => {}
    }
}

/// Lets everything run once that is ready. A task that wakes itself is the last of those of its worker; tokio's own way to yield would
/// let it in before them.
async fn behind_what_is_ready() {
    let mut goes_on = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut goes_on, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How late the node is: a thread of its own writes into a socket again and again, and a task tells when it had its turn to read.
///
/// It has to be a socket, since that is what requests come by: a task that is woken by another, by a timer or from outside of the
/// runtime is let in before most of those whose sockets are ready.
#[derive(Debug)]
struct Lateness {
    started: Instant,
    /// Microseconds after `started` at which was written last, and at which it was read; 0 for never.
    written: AtomicU64,
    read: AtomicU64,
}

impl Lateness {
    fn new() -> Self {
        Self { started: Instant::now(), written: AtomicU64::new(0), read: AtomicU64::new(0) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// How long the task waited for its turn, and writes the next time when it has had it.
    fn look(&self, socket: &mut impl Write) -> Waited {
        let (written, read) = (self.written.load(Ordering::Acquire), self.read.load(Ordering::Acquire));
        if read < written {
            return Waited::Still(Duration::from_micros(self.now().saturating_sub(written)));
        }
        self.written.store(self.now(), Ordering::Release);
        // When the task has gone, so has what is measured, and the thread is about to see that.
        let _ = socket.write(&[0]);
        Waited::For(Duration::from_micros(read - written))
    }

    /// Reads until the socket is closed or fails.
    async fn answer(&self, mut socket: impl AsyncRead + Unpin) -> io::Result<()> {
        while socket.read(&mut [0; 8]).await? > 0 {
            self.read.store(self.now(), Ordering::Release);
        }
        Ok(())
    }
}

/// Measures how late the node is, and has requests shed while it is too late, until `stop`.
pub(super) async fn hurry(node: Arc<Node>, overload: Arc<Overload>, stop: CancellationToken) {
    let lateness = Arc::new(Lateness::new());
    let measured = (Arc::downgrade(&lateness), Arc::downgrade(&node), overload);
    let failed = tokio::select! {
        () = stop.cancelled() => return,
        read = async { lateness.answer(begin(measured)?).await } => read,
    };
    if let Err(error) = failed {
        tracing::error!(%error, "nobody measures how late the node is any more; nothing is shed for it");
    }
}

/// What is measured, for whom, and who sheds.
type Measured = (Weak<Lateness>, Weak<Node>, Arc<Overload>);

/// Starts the thread; gives what it writes into.
fn begin(measured: Measured) -> io::Result<UnixStream> {
    let (socket, ours) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    // A task of the runtime could not tell: it would be as late as what it measures.
    std::thread::Builder::new().name("lateness".to_owned()).spawn(move || measure(&measured, socket))?;
    UnixStream::from_std(ours)
}

fn measure((lateness, node, overload): &Measured, mut socket: impl Write) {
    while let (Some(lateness), Some(node)) = (lateness.upgrade(), node.upgrade()) {
        let most = node.config.load().listen.limits.max_delay;
        let waited = lateness.look(&mut socket);
        overload.queue.tick(waited, most);
        let late = overload.admission.tick(waited, most);
        if overload.set(Strain::Late, late) {
            if late {
                tracing::warn!(signal = Strain::Late.name(), "the node does not keep up; requests are shed");
            } else {
                tracing::info!(signal = Strain::Late.name(), "the node keeps up again");
            }
        }
        drop((lateness, node));
        std::thread::sleep(TICK);
    }
    // What is still served goes on without anybody who would change the quota.
    overload.admission.end();
    overload.queue.end();
    overload.set(Strain::Late, false);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::io::AsyncWriteExt as _;
    use tokio::runtime;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_its_turn_is_late() {
        let (lateness, mut socket) = (Lateness::new(), Vec::new());
        assert_eq!(lateness.look(&mut socket), Waited::For(Duration::ZERO), "nothing was measured yet");
        assert!(matches!(lateness.look(&mut socket), Waited::Still(_)), "nobody read since");
        assert_eq!(socket.len(), 1, "it is written once");
        lateness.answer(&*socket).await.unwrap();
        assert!(matches!(lateness.look(&mut socket), Waited::For(_)));
    }

    /// As many as are served, each of which has something to read again as soon as it had its turn.
    const BUSY: usize = 250;

    #[test]
    fn it_waits_behind_everybody_whose_socket_is_ready() {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        for _ in 0..BUSY {
            let turns = Arc::clone(&turns);
            runtime.spawn(async move {
                let (mut one, mut other) = UnixStream::pair().unwrap();
                loop {
                    other.write_all(&[0]).await.unwrap();
                    let _ = one.read(&mut [0; 8]).await.unwrap();
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let lateness = Arc::new(Lateness::new());
        let (mut socket, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let reader = Arc::clone(&lateness);
        runtime.spawn(async move { reader.answer(UnixStream::from_std(ours).unwrap()).await });
        let mut waits = (0..50).map(|_| {
            let before = turns.load(Ordering::Relaxed);
            lateness.look(&mut socket);
            while lateness.read.load(Ordering::Acquire) < lateness.written.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            turns.load(Ordering::Relaxed) - before
        });
        let longest = waits.by_ref().max().unwrap();
        assert!(longest >= BUSY / 2, "{longest} had their turn before it at the most");
    }
}
