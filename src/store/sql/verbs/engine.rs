//! The store on one engine, and the transaction that every change runs in.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::audit_row::control;
use super::super::fault::Doing;
use super::{
    BEGIN, Connection, Db, PASS, Reader, Readers, Transaction, Writer, Writers, audit_log, feed, hooks, settle, strangers,
    urgent_writer,
};
use crate::record::{Actor, AuditRecord, Cause, ControlEvent, Written};
use crate::store::{Store, StoreError, Subject};
use crate::types::{Entropy, OrgId};

/// The store.
pub(super) struct Engine {
    pub(super) write: Writers,
    pub(super) read: Readers,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The day up to which the use of grants was last forgotten.
    pub(super) forgot: AtomicI64,
    /// How often this process has written the row of a node.
    pub(super) listed: AtomicI64,
}

impl Engine {
    /// A connection to read with, until it is dropped.
    pub(super) async fn reader(&self) -> Result<Reader, StoreError> {
        self.read.get().await
    }

    /// The same for what is read all the time, and must not wait behind anything.
    pub(super) async fn urgent_reader(&self) -> Result<Reader, StoreError> {
        self.read.urgent().await
    }

    /// A connection for one statement that changes something, until it is dropped.
    pub(super) async fn writer(&self) -> Result<Writer, StoreError> {
        self.write.acquire().await.doing("take a connection")
    }

    /// The same for what a lease or a revocation waits for, and must not wait behind anything.
    pub(super) async fn urgent_writer(&self) -> Result<Writer, StoreError> {
        urgent_writer(&self.write).await
    }

    /// Starts a change. Dropping it without [`Tx::commit`] undoes it.
    pub(super) async fn begin<'c>(&'c self, cause: &'c Cause) -> Result<Tx<'c>, StoreError> {
        let inner = self.write.begin_with(BEGIN).await.doing("begin a transaction")?;
        Ok(Tx { inner, cause, entropy: &*self.entropy, records: Vec::new(), subjects: Vec::new(), touched: HashSet::new() })
    }
}

/// A change under way, with the records and the feed lines that will be committed with it.
pub(super) struct Tx<'c> {
    inner: Transaction,
    pub(super) cause: &'c Cause,
    entropy: &'c dyn Entropy,
    records: Vec<AuditRecord>,
    subjects: Vec<Subject>,
    touched: HashSet<Subject>,
}

impl Tx<'_> {
    /// Where statements run.
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.inner
    }

    /// Tells every node that `subject` changed.
    pub(super) fn touch(&mut self, subject: Subject) {
        if self.touched.insert(subject.clone()) {
            self.subjects.push(subject);
        }
    }

    /// Puts an event into the log of `org`.
    pub(super) fn record(&mut self, org: Option<&OrgId>, event: ControlEvent) {
        self.record_as(&self.cause.actor.clone(), org, event);
    }

    /// The same, for an actor that the verb knows more about than its caller.
    pub(super) fn record_as(&mut self, actor: &Actor, org: Option<&OrgId>, event: ControlEvent) {
        self.records.push(control(org, actor, event, self.cause, self.entropy));
    }

    /// Writes records and feed lines, and commits. The feed comes last: the lock on its head orders the commits, so it must
    /// be held only while nothing else can make this transaction wait.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        strangers::hide(&mut self.inner, self.cause.actor.user.as_ref(), &self.subjects, &mut self.records).await?;
        for some in self.records.chunks(audit_log::AT_ONCE) {
            let written = Written::all(some).doing("write records as JSON")?;
            audit_log::insert(&mut self.inner, &written.iter().collect::<Vec<_>>(), None).await?;
        }
        hooks::announce(&mut self.inner, &self.records).await?;
        feed::append(&mut self.inner, &self.subjects, self.cause.at).await?;
        self.inner.commit().await.doing("commit")
    }
}

#[async_trait]
impl Store for Engine {
    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar::<_, i64>("SELECT beats FROM heartbeat WHERE one = 1")
            .fetch_one(&mut *self.reader().await?)
            .await
            .doing("read the heartbeat")?;
        // As verbs write: a connection may do single statements and no transaction. Another node that stops in the middle of this has
        // the row, and no other waits for it.
        let mut tx = self.write.begin_with(BEGIN).await.doing("begin a transaction")?;
        let mut beat = QueryBuilder::<Db>::new(
            "UPDATE heartbeat SET beats = beats + 1 WHERE one IN (SELECT one FROM heartbeat WHERE one = 1",
        );
        beat.push(PASS).push(")").build().execute(&mut *tx).await.doing("write the heartbeat")?;
        tx.commit().await.doing("commit the heartbeat")
    }

    async fn close(&self) {
        // Whoever closes last tidies up beside a file, and that takes one who may write.
        self.read.close().await;
        settle(&self.write).await;
        self.write.close().await;
    }
}
