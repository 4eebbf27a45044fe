//! Chains of batches.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use async_trait::async_trait;
use sqlx::QueryBuilder;
use tokio::task::spawn_blocking;

use super::super::audit_row::{AuditColumns, Usual, about};
use super::super::fault::Doing;
use super::super::values::indexed;
use super::among::among;
use super::engine::Engine;
use super::rows::Fields;
use super::{BEGIN, Connection, Db, PASS, Row, audit_log};
use crate::record::{AuditRecord, Sealing, Written};
use crate::store::{
    AuditKey, Batch, BatchPage, Digest, Entry, Head, Place, Placed, ProofStore, Proved, SealStore, StoreError, Stored, UNREADABLE,
};
use crate::types::{ChainId, KeyId, NodeId, OrgId, RecordId, Timestamp, UserId};

/// How many other chains a batch says the end of: those that were begun last.
const LINKED: i64 = 100;

/// Batches in one DELETE, so that nothing waits long behind it.
const FORGOTTEN: i64 = 2000;

/// Batches that are read whole at once, to see what they have.
const SOME: usize = 16;

/// Pages of records that nobody can read in a row, before calls are looked at again.
const PASSED: usize = 16;

/// Records of an organization among which the last is looked for that was sealed.
const LATEST: i64 = 100;

/// Most records that wait and are counted.
const COUNTED: i64 = 10_000;

/// Every chain, one step through the index for each: a chain may have millions of batches.
const CHAINS: &str = "WITH RECURSIVE c(chain) AS (SELECT MIN(chain) FROM audit_batches UNION ALL \
     SELECT (SELECT MIN(b.chain) FROM audit_batches b WHERE b.chain > c.chain) FROM c WHERE c.chain IS NOT NULL) \
     SELECT chain FROM c WHERE chain IS NOT NULL ORDER BY chain";

/// Where the chains end that were begun last.
const HEADS: &str = "WITH RECURSIVE c(chain, n) AS (SELECT MAX(chain), 1 FROM audit_batches UNION ALL \
     SELECT (SELECT MAX(b.chain) FROM audit_batches b WHERE b.chain < c.chain), c.n + 1 FROM c WHERE c.chain IS NOT NULL AND c.n < $1) \
     SELECT b.chain AS chain, b.seq AS seq, b.at AS at, b.newest AS newest, b.digest AS digest FROM c JOIN audit_batches b \
     ON b.chain = c.chain AND b.seq = (SELECT MAX(m.seq) FROM audit_batches m WHERE m.chain = c.chain) ORDER BY b.chain";

fn digest(fields: &Fields<'_>, column: &'static str) -> Result<Digest, StoreError> {
    Digest::kept(fields.value(column)?).ok_or_else(|| fields.inconsistent(column))
}

fn head(row: &Row) -> Result<Head, StoreError> {
    let f = Fields::of(row, "audit_batches", "chain");
    Ok(Head {
        chain: f.parsed("chain", ChainId::parse)?,
        seq: f.count("seq")?,
        at: f.time("at")?,
        newest: f.time("newest")?,
        digest: digest(&f, "digest")?,
    })
}

fn batch(row: &Row) -> Result<Batch, StoreError> {
    let f = Fields::of(row, "audit_batches", "chain");
    Ok(Batch {
        chain: f.parsed("chain", ChainId::parse)?,
        seq: f.count("seq")?,
        node: f.parsed("node", NodeId::parse)?,
        prev: digest(&f, "prev")?,
        at: f.time("at")?,
        newest: f.time("newest")?,
        trim: f.maybe_time("trim_to")?,
        links: f.value("links")?,
        entries: f.value("entries")?,
        digest: digest(&f, "digest")?,
        key: f.parsed("key", KeyId::parse)?,
        signature: f.value("signature")?,
    })
}

/// Rows of one chain, as far as they can be read.
fn page(rows: &[Row]) -> Result<BatchPage, StoreError> {
    let mut page = BatchPage::default();
    for row in rows {
        match batch(row) {
            Ok(batch) => page.batches.push(batch),
            Err(_) => page.unread.push(Fields::of(row, "audit_batches", "chain").count("seq")?),
        }
    }
    Ok(page)
}

/// Those that can be read.
fn readable(rows: &[Row]) -> Vec<Batch> {
    rows.iter().filter_map(|row| batch(row).ok()).collect()
}

/// Every column of a batch.
const BATCH: &str =
    "SELECT chain, seq, node, prev, at, newest, trim_to, links, entries, digest, key, signature FROM audit_batches";

async fn heads(connection: &mut Connection) -> Result<Vec<Head>, StoreError> {
    let rows = sqlx::query(HEADS).bind(LINKED).fetch_all(connection).await.doing("read where chains end")?;
    // What nobody can read keeps no chain from being begun; a proof names it.
    Ok(rows.iter().filter_map(|row| head(row).ok()).collect())
}

/// Writes the batch of these records. The first of a chain says where others end.
pub(super) async fn seal(connection: &mut Connection, place: &Place<'_>, entries: &[Entry]) -> Result<Head, StoreError> {
    let links = if place.last.is_none() { heads(connection).await? } else { Vec::new() };
    insert(connection, &place.batch(entries, &links, None)).await
}

async fn insert(connection: &mut Connection, batch: &Batch) -> Result<Head, StoreError> {
    sqlx::query(
        "INSERT INTO audit_batches (chain, seq, number, node, prev, at, newest, trim_to, links, entries, digest, key, signature) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(batch.chain.as_str())
    .bind(batch.seq.cast_signed())
    .bind(Batch::number(&batch.chain, batch.seq))
    .bind(batch.node.as_str())
    .bind(&batch.prev.bytes()[..])
    .bind(batch.at.millis())
    .bind(batch.newest.millis())
    .bind(batch.trim.map(Timestamp::millis))
    .bind(&batch.links[..])
    .bind(&batch.entries[..])
    .bind(&batch.digest.bytes()[..])
    .bind(batch.key.as_str())
    .bind(&batch.signature[..])
    .execute(connection)
    .await
    .doing("write a batch of the log")?;
    Ok(batch.head())
}

/// A record that waits.
fn entry(row: &Row) -> Result<Entry, StoreError> {
    let f = Fields::of(row, "audit_records", "id");
    Ok(Entry {
        id: f.parsed("id", RecordId::parse)?,
        time: f.time("time")?,
        org: f.maybe_parsed("org_id", OrgId::parse)?,
        text: Digest::of(f.value::<&str>("record")?.as_bytes()),
    })
}

/// A record that is looked at again, whatever was made of its row.
fn proved(row: &Row) -> Result<Proved, StoreError> {
    let f = Fields::of(row, "audit_records", "id");
    let org = f.maybe_parsed("org_id", OrgId::parse);
    // A text that is none hashes to what no record does.
    let text: &str = f.value("record").unwrap_or_default();
    Ok(Proved {
        id: f.parsed("id", RecordId::parse)?,
        time: f.time("time")?,
        sealed: f.value("sealed")?,
        text: Digest::of(text.as_bytes()),
        is_consistent: if org.is_ok() { is_consistent(&f, text) } else { Some(false) },
        org: org.unwrap_or_default(),
    })
}

/// Whether what a record is searched by is what it says; `None` when only a later version can read it.
fn is_consistent(f: &Fields<'_>, text: &str) -> Option<bool> {
    if is_usual(f, text) {
        return Some(true);
    }
    let record = serde_json::from_str::<AuditRecord>(text).ok()?;
    let said = AuditColumns::over(&record, text);
    let texts = [
        ("id", Some(said.of.id.as_str())),
        ("org_id", said.of.org.as_ref().map(OrgId::as_str)),
        ("user_id", said.of.actor.user.as_ref().map(UserId::as_str)),
        ("client_id", said.client),
        ("grant_id", said.grant),
        ("request_id", Some(said.of.origin.request.as_str())),
        ("api", said.api),
        ("operation", Some(said.operation)),
        ("reason", said.reason),
        ("search", Some(said.search.as_str())),
        ("would_deny", said.would_deny),
        ("shadow", said.shadow.as_deref()),
        ("about", about(said.of)),
    ];
    // A node of the version before writes it whole.
    let tool = f.value::<Option<&str>>("tool").ok().map(|tool| tool.map(indexed));
    let numbers = [("time", Some(said.of.time.millis())), ("status", said.status), ("micros", said.micros)];
    Some(has_texts(f, &texts) && has_numbers(f, &numbers) && tool == Some(said.tool) && is_denied(f) == Some(said.denied))
}

/// Whether a row is that of a usual call, and what it is searched by is what it says: seen without building a record of the text.
fn is_usual(f: &Fields<'_>, text: &str) -> bool {
    let Some(said) = Usual::read(text) else { return false };
    let is_found = |search: String| f.value::<&str>("search").ok() == Some(&*search);
    has_texts(f, &said.texts())
        && has_numbers(f, &said.numbers())
        && is_denied(f) == Some(false)
        && said.search().is_some_and(is_found)
}

fn has_texts(f: &Fields<'_>, texts: &[(&'static str, Option<&str>)]) -> bool {
    texts.iter().all(|(column, text)| f.value::<Option<&str>>(column).ok() == Some(*text))
}

fn has_numbers(f: &Fields<'_>, numbers: &[(&'static str, Option<i64>)]) -> bool {
    numbers.iter().all(|(column, number)| f.value::<Option<i64>>(column).ok() == Some(*number))
}

fn is_denied(f: &Fields<'_>) -> Option<bool> {
    f.value("denied").ok()
}

/// Seals the records that wait longest, and marks those among them that nobody can read. Goes on when there was nothing else.
async fn seal_page(engine: &Engine, place: &Place<'_>, limit: u32) -> Result<ControlFlow<Option<Head>>, StoreError> {
    let mut tx = engine.write.begin_with(BEGIN).await.doing("begin a transaction")?;
    let mut query = QueryBuilder::<Db>::new(
        "SELECT id, time, org_id, record FROM audit_records WHERE sealed IS NULL ORDER BY time, id LIMIT ",
    );
    query.push_bind(i64::from(limit)).push(PASS);
    let rows = query.build().fetch_all(&mut *tx).await.doing("read records to be sealed")?;
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for row in &rows {
        match entry(row) {
            Ok(entry) => entries.push(entry),
            Err(_) => unreadable.push(Fields::of(row, "audit_records", "id").stored("id")?),
        }
    }
    if !unreadable.is_empty() {
        mark_unreadable(&mut tx, &unreadable).await?;
    }
    if entries.is_empty() {
        tx.commit().await.doing("leave records to another node")?;
        return Ok(if unreadable.is_empty() { ControlFlow::Break(None) } else { ControlFlow::Continue(()) });
    }
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    mark(&mut tx, place.number(), &ids).await?;
    let head = seal(&mut tx, place, &entries).await?;
    tx.commit().await.doing("commit a batch of the log")?;
    Ok(ControlFlow::Break(Some(head)))
}

async fn mark(connection: &mut Connection, number: i64, ids: &[&str]) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Db>::new("UPDATE audit_records SET sealed = ");
    query.push_bind(number).push(" WHERE id IN ");
    among(&mut query, ids.iter().copied());
    query.build().execute(connection).await.doing("mark records as sealed")?;
    Ok(())
}

/// Marks records that nobody can read, whatever their ids are.
async fn mark_unreadable(connection: &mut Connection, ids: &[Stored]) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Db>::new("UPDATE audit_records SET sealed = ");
    query.push_bind(UNREADABLE).push(" WHERE id IN (");
    for (place, id) in ids.iter().enumerate() {
        query.push(if place == 0 { "" } else { ", " });
        bind(&mut query, id);
    }
    query.push(")").build().execute(connection).await.doing("mark records that can't be read")?;
    Ok(())
}

/// Binds a text as it is stored.
fn bind(query: &mut QueryBuilder<Db>, stored: &Stored) {
    match stored.text() {
        Some(text) => query.push_bind(text.to_owned()),
        // Only SQLite has such a text, and there it is made of its bytes again.
        None => query.push("CAST(").push_bind(stored.bytes().to_vec()).push(" AS TEXT)"),
    };
}

#[async_trait]
impl SealStore for Engine {
    async fn append_sealed(&self, records: &[Written], place: &Place<'_>) -> Result<Option<Head>, StoreError> {
        audit_log::append(self, records, Some(place)).await
    }

    async fn seal_waiting(&self, place: &Place<'_>, limit: u32) -> Result<Option<Head>, StoreError> {
        let some = sqlx::query("SELECT id FROM audit_records WHERE sealed IS NULL LIMIT 1")
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("look for records to be sealed")?;
        if some.is_none() {
            return Ok(None);
        }
        for _ in 0..PASSED {
            if let ControlFlow::Break(head) = seal_page(self, place, limit).await? {
                return Ok(head);
            }
        }
        Ok(None)
    }

    async fn seal_word(&self, place: &Place<'_>, trim: Option<Timestamp>) -> Result<Head, StoreError> {
        let links = heads(&mut *self.reader().await?).await?;
        insert(&mut *self.writer().await?, &place.batch(&[], &links, trim)).await
    }

    async fn chain_head(&self, chain: &ChainId) -> Result<Option<Head>, StoreError> {
        let row =
            sqlx::query("SELECT chain, seq, at, newest, digest FROM audit_batches WHERE chain = $1 ORDER BY seq DESC LIMIT 1")
                .bind(chain.as_str())
                .fetch_optional(&mut *self.reader().await?)
                .await
                .doing("read where a chain ends")?;
        let Some(row) = row else { return Ok(None) };
        let f = Fields::of(&row, "audit_batches", "chain");
        // The chain goes on behind a row that nobody can read, which a proof names.
        let digest = digest(&f, "digest").unwrap_or_else(|_| Digest::of(b""));
        Ok(Some(Head { chain: chain.clone(), seq: f.count("seq")?, at: f.time("at")?, newest: f.time("newest")?, digest }))
    }

    async fn waiting_to_be_sealed(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS waiting, MIN(time) AS oldest FROM \
             (SELECT time FROM audit_records WHERE sealed IS NULL ORDER BY time, id LIMIT $1) AS w",
        )
        .bind(COUNTED)
        .fetch_one(&mut *self.reader().await?)
        .await
        .doing("count records to be sealed")?;
        let f = Fields::of(&row, "audit_records", "waiting");
        Ok((f.count("waiting")?, f.maybe_time("oldest")?))
    }
}

#[async_trait]
impl ProofStore for Engine {
    async fn audit_keys(&self) -> Result<Vec<AuditKey>, StoreError> {
        let rows = sqlx::query("SELECT id, public, sealed, vouched, created_at FROM audit_keys ORDER BY created_at, id")
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("read the keys of the log")?;
        let key = |row| {
            let f = Fields::of(row, "audit_keys", "id");
            Ok::<_, StoreError>(AuditKey {
                id: f.parsed("id", KeyId::parse)?,
                public: f.value("public")?,
                sealed: f.value("sealed")?,
                vouched: f.value("vouched")?,
                created_at: f.time("created_at")?,
            })
        };
        // What nobody can read vouches for nothing.
        Ok(rows.iter().filter_map(|row| key(row).ok()).collect())
    }

    async fn add_audit_key(&self, key: &AuditKey, first: bool) -> Result<bool, StoreError> {
        let mut tx = self.write.begin_with(BEGIN).await.doing("begin a transaction")?;
        // One at a time: of nodes that start together one makes the first key.
        sqlx::query("UPDATE heartbeat SET beats = beats + 1 WHERE one = 1")
            .execute(&mut *tx)
            .await
            .doing("lock the keys of the log")?;
        let done = sqlx::query(
            "INSERT INTO audit_keys (id, public, sealed, vouched, created_at) SELECT $1, $2, $3, $4, $5 \
             WHERE NOT $6 OR NOT EXISTS (SELECT 1 FROM audit_keys)",
        )
        .bind(key.id.as_str())
        .bind(&key.public[..])
        .bind(&key.sealed[..])
        .bind(&key.vouched[..])
        .bind(key.created_at.millis())
        .bind(first)
        .execute(&mut *tx)
        .await
        .doing("write a key of the log")?;
        tx.commit().await.doing("commit a key of the log")?;
        Ok(done.rows_affected() > 0)
    }

    async fn audit_chains(&self) -> Result<Vec<Stored>, StoreError> {
        let rows = sqlx::query(CHAINS).fetch_all(&mut *self.reader().await?).await.doing("read the chains of the log")?;
        rows.iter().map(|row| Fields::of(row, "audit_batches", "chain").stored("chain")).collect()
    }

    async fn audit_batches(&self, chain: &Stored, after: u64, limit: u32) -> Result<BatchPage, StoreError> {
        let mut query = QueryBuilder::<Db>::new(BATCH);
        query.push(" WHERE chain = ");
        bind(&mut query, chain);
        query.push(" AND seq > ").push_bind(after.cast_signed());
        query.push(" ORDER BY seq LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("read batches of the log")?;
        page(&rows)
    }

    async fn audit_batches_numbered(&self, numbers: &[i64]) -> Result<Vec<Batch>, StoreError> {
        let Some(last) = numbers.last() else { return Ok(Vec::new()) };
        // Filled up as lists of ids are: few statements differ.
        let filled = numbers.len().next_power_of_two();
        let mut query = QueryBuilder::<Db>::new(BATCH);
        let mut places = query.push(" WHERE number IN (").separated(", ");
        for number in numbers.iter().chain(std::iter::repeat(last)).take(filled) {
            places.push_bind(*number);
        }
        query.push(")");
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("read batches of the log")?;
        Ok(readable(&rows))
    }

    async fn audit_trims(&self, skipped: u64, limit: u32) -> Result<BatchPage, StoreError> {
        let mut query = QueryBuilder::<Db>::new(BATCH);
        query.push(" WHERE trim_to IS NOT NULL ORDER BY trim_to DESC, chain, seq LIMIT ").push_bind(i64::from(limit));
        query.push(" OFFSET ").push_bind(skipped.cast_signed());
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("read what may be deleted")?;
        page(&rows)
    }

    async fn proved_records(&self, ids: &[RecordId]) -> Result<Vec<Proved>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT id, time, org_id, user_id, client_id, grant_id, request_id, api, operation, tool, denied, reason, status, \
             micros, search, would_deny, shadow, about, record, sealed FROM audit_records WHERE id IN ",
        );
        among(&mut query, ids.iter().map(RecordId::as_str));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("read records to be proved")?;
        // Hashed and read beside whoever asked, who may have the next ones read meanwhile.
        spawn_blocking(move || rows.iter().map(proved).collect::<Result<Vec<_>, _>>()).await.doing("hash records")?
    }

    async fn seals_of(&self, ids: &[RecordId]) -> Result<HashMap<RecordId, Sealing>, StoreError> {
        let mut query = QueryBuilder::<Db>::new("SELECT DISTINCT sealed FROM audit_records WHERE sealed <> 0 AND id IN ");
        among(&mut query, ids.iter().map(RecordId::as_str));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("look where records were sealed")?;
        let number = |row| Fields::of(row, "audit_records", "sealed").value::<i64>("sealed");
        let numbers = rows.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let wanted: HashSet<&RecordId> = ids.iter().collect();
        let mut seals = HashMap::new();
        for numbers in numbers.chunks(SOME) {
            for batch in self.audit_batches_numbered(numbers).await? {
                let has = batch.entries().unwrap_or_default().into_iter().filter(|entry| wanted.contains(&entry.id));
                seals.extend(has.map(|entry| {
                    let (chain, fingerprint) = (batch.chain.clone(), entry.text.to_string());
                    (entry.id, Sealing { chain, sequence: batch.seq, fingerprint })
                }));
            }
        }
        Ok(seals)
    }

    async fn last_seal(&self, org: &OrgId) -> Result<Option<Head>, StoreError> {
        let row = sqlx::query(
            "SELECT b.chain AS chain, b.seq AS seq, b.at AS at, b.newest AS newest, b.digest AS digest FROM audit_batches b \
             WHERE b.number = (SELECT r.sealed FROM (SELECT id, time, sealed FROM audit_records WHERE org_id = $1 \
             ORDER BY time DESC, id DESC LIMIT $2) AS r WHERE r.sealed > 0 ORDER BY r.time DESC, r.id DESC LIMIT 1) \
             ORDER BY b.chain, b.seq LIMIT 1",
        )
        .bind(org.as_str())
        .bind(LATEST)
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("look when records were sealed")?;
        Ok(row.and_then(|row| head(&row).ok()))
    }

    async fn last_proof(&self) -> Result<Option<AuditRecord>, StoreError> {
        // The operation as the index has it.
        let row = sqlx::query(
            "SELECT id, record FROM audit_records WHERE operation = 'audit.verify' AND api IS NULL AND org_id IS NULL ORDER BY time DESC, id DESC LIMIT 1",
        )
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read what the last proof found")?;
        Ok(row.and_then(|row| Fields::of(&row, "audit_records", "id").json("record").ok()))
    }

    async fn placed_records(&self, after: Option<&Stored>, limit: u32) -> Result<Vec<Placed>, StoreError> {
        let mut query = QueryBuilder::<Db>::new("SELECT id, time, org_id, sealed FROM audit_records WHERE id > ");
        bind(&mut query, after.unwrap_or(&Stored::default()));
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("read where records are")?;
        let placed = |row| {
            let f = Fields::of(row, "audit_records", "id");
            // An organization that is no text is found where the record is proved.
            let org = f.value("org_id").unwrap_or_default();
            Ok(Placed { id: f.stored("id")?, time: f.time("time")?, org, sealed: f.value("sealed")? })
        };
        rows.iter().map(placed).collect()
    }

    async fn forget_batches(&self, trim: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for chain in self.audit_chains().await? {
            // What nobody can read stays, and a proof names it.
            let Some(chain) = chain.text() else { continue };
            loop {
                let past = "SELECT MAX(seq) FROM (SELECT seq, newest, at FROM audit_batches WHERE chain = $1 ORDER BY seq LIMIT $2) AS p \
                            WHERE newest < $3 AND at < $3";
                let last: Option<i64> = sqlx::query_scalar(past)
                    .bind(chain)
                    .bind(FORGOTTEN)
                    .bind(trim.millis())
                    .fetch_one(&mut *self.reader().await?)
                    .await
                    .doing("look for batches that are past")?;
                let Some(last) = last else { break };
                // All of a chain goes when all of it is past: nobody writes to it any more, or it would say so every hour.
                let done = sqlx::query(
                    "DELETE FROM audit_batches WHERE chain = $1 AND (seq < $2 OR (seq = $2 AND NOT EXISTS \
                     (SELECT 1 FROM audit_batches l WHERE l.chain = $1 AND l.seq > $2)))",
                )
                .bind(chain)
                .bind(last)
                .execute(&mut *self.writer().await?)
                .await
                .doing("forget batches of the log")?;
                forgotten += done.rows_affected();
                if done.rows_affected() == 0 {
                    break;
                }
            }
        }
        Ok(forgotten)
    }
}
