//! Connections to PostgreSQL that end when no answer comes.
//!
//! A network that loses packets closes nothing: the connection stays open, and nothing comes. The server's own limits do not
//! help then, and the kernel gives up only after a quarter of an hour. So every statement has a limit here. A connection that
//! missed it, or whose statement was abandoned, is closed and not used again.
//!
//! Where silence means something much earlier, as it does at the feed, it makes every connection suspect that was taken before.
//! Suspect ones are given to nobody any more; and soon after a newer connection has answered, nobody waits for them either.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, Stream};
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Connection as _, Describe, Either, Error, Execute, Executor, SqlStr};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::{sleep, timeout};

/// How long any statement may take. The server ends its own before: this is for one that says nothing.
pub(super) const STATEMENT: Duration = Duration::from_secs(12);

/// How long what is read all the time may take before its connection is suspect: shorter than the lease that depends on it.
pub(super) const URGENT: Duration = Duration::from_millis(600);

/// How long an older connection may still answer when a newer one has.
const GRACE: Duration = Duration::from_secs(1);

/// How long a connection may rest before it is asked whether it still works, and how long it may take to say so.
const RESTED: Duration = Duration::from_secs(1);
const PING: Duration = Duration::from_millis(600);

/// How long a connection may take to be ready for whoever comes next.
const RETURN: Duration = Duration::from_secs(2);

/// What is thought of the connections of a store.
#[derive(Debug)]
pub(super) struct Health(watch::Sender<Doubt>);

/// Connections of before the one moment are not taken any more, and nobody waits for those of before the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Doubt {
    suspected: Option<Instant>,
    condemned: Option<Instant>,
}

impl Health {
    /// Nothing bad is thought of anybody.
    pub(super) fn sound() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Doubt::default())))
    }

    /// Whether a connection that rests in a pool may be used. One that worked a moment ago is not asked: that is a round trip
    /// before each statement, and there is one after each already.
    pub(super) async fn admits(&self, connection: &mut PgConnection, about: PoolConnectionMetadata) -> Result<bool, Error> {
        if Instant::now().checked_sub(about.age).is_none_or(|opened| self.suspects(opened)) {
            return Ok(false);
        }
        if about.idle_for >= RESTED {
            match timeout(PING, connection.ping()).await {
                Ok(answered) => answered?,
                Err(_) => {
                    self.suspect();
                    return Err(late());
                }
            }
        }
        Ok(true)
    }

    fn suspects(&self, opened: Instant) -> bool {
        self.0.borrow().suspected.is_some_and(|at| opened < at)
    }

    /// A connection said nothing for too long.
    fn suspect(&self) {
        self.0.send_modify(|doubt| doubt.suspected = Some(Instant::now()));
    }

    /// A connection that was taken then has answered: when that was after the suspicion, the server is there, and it is the
    /// others that are lost.
    fn answered(&self, taken: Instant) {
        let Doubt { suspected, condemned } = *self.0.borrow();
        if suspected.is_some_and(|at| at < taken) && condemned != suspected {
            self.0.send_modify(|doubt| doubt.condemned = doubt.suspected);
        }
    }

    /// Completes when nobody should wait any longer for a statement that begins now, on a connection that was taken then; it is
    /// suspect when it has said nothing for as long as `alarm`.
    async fn patience(self: Arc<Self>, alarm: Duration, taken: Instant) {
        let mut doubts = self.0.subscribe();
        let given_up = async {
            // The sender lives as long as `self`.
            drop(doubts.wait_for(|doubt| doubt.condemned.is_some_and(|at| taken < at)).await);
            sleep(GRACE).await;
        };
        let silence = async {
            sleep(alarm).await;
            self.suspect();
            sleep(STATEMENT.saturating_sub(alarm)).await;
        };
        tokio::select! {
            () = silence => {}
            () = given_up => {}
        }
    }
}

fn late() -> Error {
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "PostgreSQL did not answer in time"))
}

/// A connection whose every statement has a limit.
pub(super) struct Bounded {
    /// Locked by nobody else. A lock, since what undoes a transaction outlives this and can't take it away from here.
    connection: OwnedMutexGuard<PoolConnection<Postgres>>,
    health: Arc<Health>,
    alarm: Duration,
    taken: Instant,
    /// Whether the answer to a statement is not complete.
    busy: bool,
    /// Whether a transaction was begun that is neither committed nor undone.
    open: bool,
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("alarm", &self.alarm).field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Bounded {
    /// A connection that was just taken from its pool, and is suspect when it says nothing for as long as `alarm`.
    pub(super) async fn new(connection: PoolConnection<Postgres>, alarm: Duration, health: &Arc<Health>) -> Self {
        let (health, taken) = (Arc::clone(health), Instant::now());
        let connection = Arc::new(Mutex::new(connection)).lock_owned().await;
        Self { connection, health, alarm, taken, busy: false, open: false }
    }

    /// The connection, and what is waited for beside a statement on it.
    fn split(&mut self) -> (&mut PgConnection, Limit<'_>) {
        let patience = Arc::clone(&self.health).patience(self.alarm, self.taken).fuse().boxed();
        let connection: &mut PgConnection = &mut self.connection;
        (connection, Limit { busy: &mut self.busy, patience, health: &self.health, taken: self.taken })
    }
}

/// What is waited for beside a statement.
struct Limit<'c> {
    busy: &'c mut bool,
    patience: BoxFuture<'static, ()>,
    health: &'c Health,
    taken: Instant,
}

impl Limit<'_> {
    /// The outcome of `work`. Given up, or dropped half-way, it leaves a connection that nobody uses again.
    async fn keep<T>(self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Limit { busy, mut patience, health, taken } = self;
        *busy = true;
        let done = tokio::select! {
            biased;
            done = work => done,
            () = &mut patience => return Err(late()),
        };
        *busy = false;
        if done.is_ok() {
            health.answered(taken);
        }
        done
    }
}

/// What a statement gives: how many rows it changed, or one of them.
type Step = Result<Either<PgQueryResult, PgRow>, Error>;

/// The answer to a statement, piece by piece.
struct Steps<'c> {
    steps: BoxStream<'c, Step>,
    limit: Limit<'c>,
}

impl Stream for Steps<'_> {
    type Item = Step;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Step>> {
        let Self { steps, limit } = self.get_mut();
        *limit.busy = true;
        match steps.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(step))) => Poll::Ready(Some(Ok(step))),
            Poll::Ready(Some(Err(error))) => {
                *limit.busy = false;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                *limit.busy = false;
                limit.health.answered(limit.taken);
                Poll::Ready(None)
            }
            Poll::Pending => limit.patience.as_mut().poll(cx).map(|()| Some(Err(late()))),
        }
    }
}

impl<'c> Executor<'c> for &'c mut Bounded {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Step>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, limit) = self.split();
        Box::pin(Steps { steps: connection.fetch_many(query), limit })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, limit) = self.split();
        Box::pin(limit.keep(connection.fetch_optional(query)))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        let (connection, limit) = self.split();
        Box::pin(limit.keep(connection.prepare_with(sql, parameters)))
    }

    // Part of the trait where the macros of sqlx are built with it.
    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        let (connection, limit) = self.split();
        Box::pin(limit.keep(connection.describe(sql)))
    }
}

/// A connection is returned to its pool by a task, which sqlx lets wait without end.
impl Drop for Bounded {
    fn drop(&mut self) {
        if self.busy {
            // Whoever came next would read the rest of an answer that is not theirs, or wait for it. The server undoes what was
            // begun.
            close(&mut self.connection);
        } else if self.open {
            tokio::spawn(undo(Arc::clone(OwnedMutexGuard::mutex(&self.connection))));
        } else {
            tokio::spawn(give_back(&mut self.connection));
        }
    }
}

/// Undoes what was begun on a connection, as soon as whoever began it has let go of it, and returns it to its pool.
async fn undo(connection: Arc<Mutex<PoolConnection<Postgres>>>) {
    let mut connection = connection.lock_owned().await;
    let begun: &mut PgConnection = &mut connection;
    if matches!(timeout(RETURN, begun.execute("ROLLBACK")).await, Ok(Ok(_))) {
        give_back(&mut connection).await;
    } else {
        close(&mut connection);
    }
}

/// Returns a connection to its pool. Given up meanwhile, it is closed, and its place in the pool is free.
fn give_back(connection: &mut PoolConnection<Postgres>) -> impl Future<Output = ()> + Send + use<> {
    timeout(RETURN, connection.return_to_pool()).map(drop)
}

/// Closes a connection without a word: its return is given up before it begins.
fn close(connection: &mut PoolConnection<Postgres>) {
    drop(connection.return_to_pool());
}

/// A connection that a verb has for itself.
#[derive(Debug)]
pub(super) struct Taken(pub(super) Bounded);

impl Deref for Taken {
    type Target = Bounded;

    fn deref(&self) -> &Bounded {
        &self.0
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Bounded {
        &mut self.0
    }
}

/// A transaction, undone unless it is committed.
#[derive(Debug)]
pub(super) struct Transaction(Bounded);

impl Transaction {
    /// Begins one with this statement.
    pub(super) async fn begin(mut connection: Bounded, statement: &'static str) -> Result<Self, Error> {
        // Begun or not is not known before the answer: it is undone either way.
        connection.open = true;
        connection.execute(statement).await?;
        Ok(Self(connection))
    }

    pub(super) async fn commit(self) -> Result<(), Error> {
        self.end("COMMIT").await
    }

    pub(super) async fn rollback(self) -> Result<(), Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &'static str) -> Result<(), Error> {
        self.0.execute(statement).await?;
        self.0.open = false;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Bounded;

    fn deref(&self) -> &Bounded {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Bounded {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test runs.
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn what_was_opened_before_a_silence_is_not_used_after_it() {
        let health = Health::sound();
        let before = Instant::now();
        assert!(!health.suspects(before));
        health.suspect();
        assert!(health.suspects(before));
        assert!(!health.suspects(Instant::now() + GRACE));
    }

    #[tokio::test]
    async fn nobody_waits_for_an_older_connection_once_a_newer_one_has_answered() {
        let health = Health::sound();
        let old = Instant::now();
        let mut waiting = Box::pin(Arc::clone(&health).patience(LONG, old));
        assert!(waiting.as_mut().now_or_never().is_none());
        health.suspect();
        health.answered(old);
        assert_eq!(health.0.borrow().condemned, None, "an old one that answers proves nothing about the others");
        let new = Instant::now() + GRACE;
        health.answered(new);
        waiting.await;
        assert!(Arc::clone(&health).patience(LONG, new).now_or_never().is_none(), "the newer one may take its time");
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_suspect_before_it_is_given_up() {
        let health = Health::sound();
        let (mut doubts, taken) = (health.0.subscribe(), Instant::now());
        let waiting = tokio::spawn(Arc::clone(&health).patience(Duration::ZERO, taken));
        drop(doubts.wait_for(|doubt| doubt.suspected.is_some()).await);
        assert!(health.suspects(taken) && !waiting.is_finished(), "suspect, and still waited for");
    }
}
