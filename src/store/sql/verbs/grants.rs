//! Grants.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::json;
use super::among::among;
use super::engine::{Engine, Tx};
use super::installs;
use super::revocation::{AT_ONCE, Ending, FEW, end};
use super::rows::{self, Fields};
use super::sought::{Reach, Sought, living};
use super::{Db, HOLD, Row};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    Grant, GrantFacts, GrantSearch, GrantStanding, GrantState, GrantStore, Idle, Narrowed, Narrowing, RevokeReason, StillAsks,
    StoreError, Subject,
};
use crate::types::{ClientId, GrantId, OrgId, ScopeSet, Selectors, Timestamp, UserId};

/// Writes a grant that somebody agreed to, perhaps for a trial.
pub(super) async fn insert(tx: &mut Tx<'_>, grant: &Grant, trial: bool) -> Result<(), StoreError> {
    installs::by_consent(tx, grant, trial).await?;
    sqlx::query(
        "INSERT INTO grants (id, org_id, user_id, client_id, scopes, resources, machine, created_at, idle_since, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, FALSE, $7, $7, $8)",
    )
    .bind(grant.id.as_str())
    .bind(grant.org.as_str())
    .bind(grant.user.as_str())
    .bind(grant.client.as_str())
    .bind(json(&grant.scopes)?)
    .bind(json(&grant.resources)?)
    .bind(grant.created_at.millis())
    .bind(grant.expires_at.map(Timestamp::millis))
    .execute(tx.connection())
    .await
    .doing("write a grant")?;
    if trial { note_trial(tx, grant).await } else { Ok(()) }
}

/// Notes that a grant is for a trial, as long as it may live.
async fn note_trial(tx: &mut Tx<'_>, grant: &Grant) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO trial_grants (grant_id, ends_at) VALUES ($1, $2)")
        .bind(grant.id.as_str())
        .bind(grant.expires_at.map(Timestamp::millis))
        .execute(tx.connection())
        .await
        .doing("note the grant of a trial")
        .map(drop)
}

/// Ends the grants that a new one replaces. Whoever agrees to the same client holds it until they are done: each sees what those before
/// made, and no two end each other.
pub(super) async fn supersede(tx: &mut Tx<'_>, new: &Grant, still: &dyn StillAsks) -> Result<(), StoreError> {
    let at = tx.cause.at;
    let mut query =
        QueryBuilder::<Db>::new(concat!("SELECT ", grant_columns!(), " FROM grants g WHERE NOT g.machine AND g.user_id = "));
    query.push_bind(new.user.as_str()).push(" AND g.client_id = ").push_bind(new.client.as_str());
    query.push(" AND g.org_id = ").push_bind(new.org.as_str()).push(" AND g.id <> ").push_bind(new.id.as_str());
    living(&mut query, at);
    let found = query.build().fetch_all(tx.connection()).await.doing("read the grants before this one")?;
    let old = found.iter().map(rows::grant).collect::<Result<Vec<_>, _>>()?;
    let replaced: Vec<_> = old.into_iter().filter(|old| still.replaces(old)).map(|old| old.id).collect();
    for some in replaced.chunks(AT_ONCE) {
        end(tx, Ending::These(some), RevokeReason::Superseded).await?;
    }
    Ok(())
}

/// A grant as this transaction sees it, when it lives at the cause's time.
pub(super) async fn live(tx: &mut Tx<'_>, id: &str) -> Result<Option<Grant>, StoreError> {
    let at = tx.cause.at.millis();
    let row = sqlx::query(concat!(
        "SELECT ",
        grant_columns!(),
        " FROM grants g WHERE g.id = $1 AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $2)"
    ))
    .bind(id)
    .bind(at)
    .fetch_optional(tx.connection())
    .await
    .doing("read a grant")?;
    row.as_ref().map(rows::grant).transpose()
}

/// Takes from every live grant of a client what is not in `allowed`, for good: what is allowed again later must be asked for
/// again. Each that changes leaves a record in its own organization, and one that keeps nothing ends. How many were narrowed,
/// and how many ended.
pub(super) async fn narrow(tx: &mut Tx<'_>, client: &ClientId, allowed: &ScopeSet, why: &str) -> Result<(u64, u64), StoreError> {
    let mut query =
        QueryBuilder::<Db>::new("SELECT g.id AS id, g.org_id AS org_id, g.scopes AS scopes FROM grants g WHERE g.client_id = ");
    query.push_bind(client.as_str());
    living(&mut query, tx.cause.at);
    query.push(" ORDER BY g.id").push(HOLD);
    let rows = query.build().fetch_all(tx.connection()).await.doing("lock the grants of a client")?;
    let mut losers: HashMap<(ScopeSet, ScopeSet), Vec<(GrantId, OrgId)>> = HashMap::new();
    for row in &rows {
        let fields = Fields::of(row, "grants", "id");
        let held: ScopeSet = fields.json("scopes")?;
        let (left, lost) = (held.intersection(allowed), held.difference(allowed));
        if !lost.is_empty() {
            let grant = (fields.parsed("id", GrantId::parse)?, fields.parsed("org_id", OrgId::parse)?);
            losers.entry((left, lost)).or_default().push(grant);
        }
    }
    let (mut narrowed, mut ended) = (Vec::new(), 0);
    for ((left, lost), grants) in losers {
        for some in grants.chunks(AT_ONCE) {
            let ids: Vec<_> = some.iter().map(|(id, _)| id.clone()).collect();
            if left.is_empty() {
                ended += end(tx, Ending::These(&ids), RevokeReason::Client).await?.len() as u64;
                continue;
            }
            leave(tx, &ids, &left).await?;
            for (id, org) in some {
                let event = ControlEvent::done(Operation::GrantNarrow).on("grant", id.as_str()).with_scopes(left.clone());
                tx.record(Some(org), event.with_comment(format!("{why}: {lost}")));
            }
            narrowed.extend(ids);
        }
    }
    let many = narrowed.len() as u64;
    if narrowed.len() > FEW {
        // As when many end: one line in place of one for each.
        tx.touch(Subject::Client { id: client.clone() });
    } else {
        for id in narrowed {
            tx.touch(Subject::Grant { id });
        }
    }
    Ok((many, ended))
}

/// Leaves grants that this transaction holds nothing but `kept`.
async fn leave(tx: &mut Tx<'_>, grants: &[GrantId], kept: &ScopeSet) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Db>::new("UPDATE grants SET scopes = ");
    query.push_bind(json(kept)?).push(" WHERE id IN ");
    among(&mut query, grants.iter().map(GrantId::as_str));
    query.build().execute(tx.connection()).await.doing("narrow grants").map(drop)
}

/// Whether a machine client's grant already is what is wanted.
fn serves(grant: &Grant, wanted: &Grant) -> bool {
    grant.state == GrantState::Live
        && grant.scopes == wanted.scopes
        && grant.resources == wanted.resources
        && grant.expires_at == wanted.expires_at
}

/// Whether a machine client may not be given a grant, because the last one was revoked. Whoever makes, revokes or allows one at the
/// same time either came first, or waits: for the client's row, or for that of the grant.
async fn is_barred(tx: &mut Tx<'_>, wanted: &Grant) -> Result<bool, StoreError> {
    sqlx::query("UPDATE clients SET state = state WHERE id = $1")
        .bind(wanted.client.as_str())
        .execute(tx.connection())
        .await
        .doing("lock a machine client")?;
    sqlx::query(
        "UPDATE grants SET scopes = scopes WHERE client_id = $1 AND user_id = $2 AND org_id = $3 AND machine \
         AND revoked_at IS NULL",
    )
    .bind(wanted.client.as_str())
    .bind(wanted.user.as_str())
    .bind(wanted.org.as_str())
    .execute(tx.connection())
    .await
    .doing("lock a machine client's grant")?;
    sqlx::query_scalar(concat!("SELECT ", barred!("$1", "$2", "$3")))
        .bind(wanted.client.as_str())
        .bind(wanted.user.as_str())
        .bind(wanted.org.as_str())
        .fetch_one(tx.connection())
        .await
        .doing("look whether a machine client's grant was revoked")
}

impl Engine {
    async fn machine_grant_now(&self, wanted: &Grant) -> Result<Option<Grant>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            grant_columns!(),
            " FROM grants g WHERE g.client_id = $1 AND g.user_id = $2 AND g.org_id = $3 AND g.machine AND g.revoked_at IS NULL"
        ))
        .bind(wanted.client.as_str())
        .bind(wanted.user.as_str())
        .bind(wanted.org.as_str())
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read a machine client's grant")?;
        row.as_ref().map(rows::grant).transpose()
    }

    /// The same as [`is_barred`] without its locks: right when it was asked.
    async fn is_barred_now(&self, wanted: &Grant) -> Result<bool, StoreError> {
        sqlx::query_scalar(concat!("SELECT ", barred!("$1", "$2", "$3")))
            .bind(wanted.client.as_str())
            .bind(wanted.user.as_str())
            .bind(wanted.org.as_str())
            .fetch_one(&mut *self.reader().await?)
            .await
            .doing("look for a machine client's revoked grant")
    }
}

/// How the grants are read that the search's text is found in, if it has one.
pub(super) async fn reach(engine: &Engine, org: &OrgId, search: &GrantSearch) -> Result<Option<Reach>, StoreError> {
    if search.text.is_empty() {
        return Ok(None);
    }
    Sought::of(&search.text).reach(engine, org).await.map(Some)
}

/// Adds the condition on an organization's grants, known as `g`, with everything that the search narrows them by; its text reaches
/// so far.
pub(super) fn narrow_search(query: &mut QueryBuilder<Db>, org: &OrgId, search: &GrantSearch, reach: Option<Reach>) {
    match reach {
        Some(reach) => Sought::of(&search.text).of_grants(query, org, reach),
        None => drop(query.push("g.org_id = ").push_bind(org.as_str().to_owned())),
    }
    if let Some(user) = &search.user {
        query.push(" AND g.user_id = ").push_bind(user.as_str().to_owned());
    }
    if let Some(client) = &search.client {
        query.push(" AND g.client_id = ").push_bind(client.as_str().to_owned());
    }
    match search.standing {
        Some((GrantStanding::Live, at)) => {
            living(query, at);
        }
        Some((GrantStanding::Expired, at)) => {
            query.push(" AND g.revoked_at IS NULL AND g.expires_at <= ").push_bind(at.millis());
        }
        Some((GrantStanding::Revoked, _)) => {
            query.push(" AND g.revoked_at IS NOT NULL");
        }
        None => {}
    }
    match search.idle {
        Some((Idle::Since, at)) => drop(query.push(" AND g.idle_since <= ").push_bind(at.millis())),
        Some((Idle::Not, at)) => drop(query.push(" AND g.idle_since > ").push_bind(at.millis())),
        None => {}
    }
}

/// A page of the grants that a search finds, newest first. It is found before anything is joined to it.
pub(super) fn newest_page(
    org: &OrgId,
    (search, reach): (&GrantSearch, Option<Reach>),
    after: Option<&(Timestamp, GrantId)>,
    limit: u32,
) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::<Db>::new(select_facts!("WHERE g.id IN (SELECT g.id FROM grants g WHERE "));
    narrow_search(&mut query, org, search, reach);
    if let Some((time, id)) = after {
        query.push(" AND (g.created_at, g.id) < (").push_bind(time.millis());
        query.push(", ").push_bind(id.as_str().to_owned()).push(")");
    }
    query.push(" ORDER BY g.created_at DESC, g.id DESC LIMIT ").push_bind(i64::from(limit));
    query.push(") ORDER BY g.created_at DESC, g.id DESC");
    query
}

fn all(rows: &[Row]) -> Result<Vec<GrantFacts>, StoreError> {
    rows.iter().map(rows::facts).collect()
}

/// What is left of a grant's scopes and selectors when it is narrowed by more selectors.
fn selected(grant: &Grant, to: &Selectors) -> (ScopeSet, Selectors) {
    let (mut scopes, mut selectors) = (grant.scopes.clone(), grant.selectors.clone());
    for (scope, more) in to.0.iter().filter(|(scope, _)| grant.scopes.contains(scope)) {
        let left = match selectors.0.get(scope) {
            Some(before) => before.both(more),
            None => Some(more.clone()),
        };
        match left {
            Some(left) => drop(selectors.0.insert(scope.clone(), left)),
            None => {
                scopes = scopes.difference(&std::iter::once(scope.clone()).collect());
                selectors.0.remove(scope);
            }
        }
    }
    (scopes, selectors)
}

/// Takes scopes from a live grant of a user; whether there was one, and it held some of them.
async fn take(tx: &mut Tx<'_>, (id, owner): (&GrantId, &UserId), without: &ScopeSet) -> Result<bool, StoreError> {
    let at = tx.cause.at.millis();
    let Some(grant) = live(tx, id.as_str()).await?.filter(|g| g.user == *owner) else { return Ok(false) };
    let kept = grant.scopes.difference(without);
    if kept == grant.scopes {
        return Ok(false);
    }
    // Whoever changed the scopes since they were read has won.
    let done = sqlx::query(
        "UPDATE grants SET scopes = $1 WHERE id = $2 AND scopes = $3 AND revoked_at IS NULL AND NOT machine \
         AND (expires_at IS NULL OR expires_at > $4)",
    )
    .bind(json(&kept)?)
    .bind(id.as_str())
    .bind(json(&grant.scopes)?)
    .bind(at)
    .execute(tx.connection())
    .await
    .doing("narrow a grant")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    tx.touch(Subject::Grant { id: id.clone() });
    let event = ControlEvent::done(Operation::GrantNarrow).on("grant", id.as_str()).with_scopes(kept);
    tx.record(Some(&grant.org), event.with_comment("what is left of it"));
    Ok(true)
}

/// Narrows scopes of a live grant of a user to selectors; whether that left something, and less.
async fn select(tx: &mut Tx<'_>, (id, owner): (&GrantId, &UserId), to: &Selectors) -> Result<bool, StoreError> {
    let at = tx.cause.at.millis();
    let Some(grant) = live(tx, id.as_str()).await?.filter(|g| g.user == *owner) else { return Ok(false) };
    let (scopes, selectors) = selected(&grant, to);
    if (&scopes, &selectors) == (&grant.scopes, &grant.selectors) || scopes.is_empty() {
        return Ok(false);
    }
    let stored = |selectors: &Selectors| if selectors.0.is_empty() { Ok(None) } else { json(selectors).map(Some) };
    // Whoever changed it since it was read has won.
    let done = sqlx::query(
        "UPDATE grants SET scopes = $1, selectors = $2 WHERE id = $3 AND scopes = $4 AND selectors IS NOT DISTINCT FROM $5 \
         AND revoked_at IS NULL AND NOT machine AND (expires_at IS NULL OR expires_at > $6)",
    )
    .bind(json(&scopes)?)
    .bind(stored(&selectors)?)
    .bind(id.as_str())
    .bind(json(&grant.scopes)?)
    .bind(stored(&grant.selectors)?)
    .bind(at)
    .execute(tx.connection())
    .await
    .doing("narrow a grant to selectors")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    tx.touch(Subject::Grant { id: id.clone() });
    let narrowed: Vec<_> = selectors.0.iter().map(|(scope, selector)| format!("{scope} where {selector}")).collect();
    let event = ControlEvent::done(Operation::GrantNarrow).on("grant", id.as_str()).with_scopes(scopes);
    tx.record(Some(&grant.org), event.with_comment(format!("what is left of it: {}", narrowed.join("; "))));
    Ok(true)
}

/// Lets a live grant of a user end sooner; whether it did not anyway.
async fn limit(tx: &mut Tx<'_>, (id, owner): (&GrantId, &UserId), until: Timestamp) -> Result<bool, StoreError> {
    let at = tx.cause.at.millis();
    let row = sqlx::query(
        "UPDATE grants SET expires_at = $1 WHERE id = $2 AND user_id = $3 AND revoked_at IS NULL AND NOT machine \
         AND (expires_at IS NULL OR (expires_at > $1 AND expires_at > $4)) RETURNING id, org_id",
    )
    .bind(until.millis())
    .bind(id.as_str())
    .bind(owner.as_str())
    .bind(at)
    .fetch_optional(tx.connection())
    .await
    .doing("set the end of a grant")?;
    let Some(row) = row else { return Ok(false) };
    let org = Fields::of(&row, "grants", "id").parsed("org_id", OrgId::parse)?;
    tx.touch(Subject::Grant { id: id.clone() });
    let event = ControlEvent::done(Operation::GrantLimit).on("grant", id.as_str());
    tx.record(Some(&org), event.with_comment(format!("ends at {until}")));
    Ok(true)
}

#[async_trait]
impl GrantStore for Engine {
    async fn grant_facts(&self, id: &GrantId) -> Result<Option<GrantFacts>, StoreError> {
        let row = sqlx::query(select_facts!("WHERE g.id = $1"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a grant")?;
        row.as_ref().map(rows::facts).transpose()
    }

    async fn facts_of_grants(&self, ids: &[GrantId]) -> Result<Vec<GrantFacts>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(select_facts!("WHERE g.id IN "));
        among(&mut query, ids.iter().map(GrantId::as_str));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("read grants")?;
        rows.iter().map(rows::facts).collect()
    }

    async fn machine_grant(&self, wanted: &Grant, cause: &Cause) -> Result<Option<Grant>, StoreError> {
        // Nearly every token of a machine client finds its grant as it should be, and writes nothing.
        if let Some(grant) = self.machine_grant_now(wanted).await?.filter(|g| serves(g, wanted)) {
            return Ok(Some(grant));
        }
        // A machine that goes on asking after it was revoked keeps no writer waiting.
        if self.is_barred_now(wanted).await? {
            return Ok(None);
        }
        let mut tx = self.begin(cause).await?;
        // Asked again: somebody may have revoked it meanwhile.
        if is_barred(&mut tx, wanted).await? {
            return Ok(None);
        }
        let id: String = sqlx::query_scalar(
            "INSERT INTO grants (id, org_id, user_id, client_id, scopes, resources, machine, created_at, idle_since, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7, $7, $8) \
             ON CONFLICT (client_id, user_id, org_id) WHERE machine AND revoked_at IS NULL DO UPDATE \
             SET scopes = excluded.scopes, resources = excluded.resources, expires_at = excluded.expires_at RETURNING id",
        )
        .bind(wanted.id.as_str())
        .bind(wanted.org.as_str())
        .bind(wanted.user.as_str())
        .bind(wanted.client.as_str())
        .bind(json(&wanted.scopes)?)
        .bind(json(&wanted.resources)?)
        .bind(wanted.created_at.millis())
        .bind(wanted.expires_at.map(Timestamp::millis))
        .fetch_one(tx.connection())
        .await
        .doing("write a machine client's grant")?;
        let row = sqlx::query(concat!("SELECT ", grant_columns!(), " FROM grants g WHERE g.id = $1"))
            .bind(&id)
            .fetch_one(tx.connection())
            .await
            .doing("read a machine client's grant")?;
        let grant = rows::grant(&row)?;
        let event = ControlEvent::done(Operation::AuthorizeConsent).on("grant", grant.id.as_str());
        tx.touch(Subject::Grant { id: grant.id.clone() });
        tx.record(Some(&grant.org), event.with_scopes(grant.scopes.clone()).with_comment("a machine client's own grant"));
        tx.commit().await?;
        Ok(Some(grant))
    }

    async fn grants_of_user(&self, user: &UserId, revoked_since: Timestamp) -> Result<Vec<GrantFacts>, StoreError> {
        let rows = sqlx::query(select_facts!(
            "WHERE g.user_id = $1 AND (g.revoked_at IS NULL OR g.revoked_at > $2) ORDER BY g.created_at DESC, g.id DESC"
        ))
        .bind(user.as_str())
        .bind(revoked_since.millis())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list a user's grants")?;
        all(&rows)
    }

    async fn grants_of_org(&self, org: &OrgId) -> Result<Vec<GrantFacts>, StoreError> {
        let rows = sqlx::query(select_facts!("WHERE g.org_id = $1 ORDER BY g.created_at DESC, g.id DESC"))
            .bind(org.as_str())
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("list an organization's grants")?;
        all(&rows)
    }

    async fn find_grants(
        &self,
        org: &OrgId,
        search: &GrantSearch,
        after: Option<&(Timestamp, GrantId)>,
        limit: u32,
    ) -> Result<Vec<GrantFacts>, StoreError> {
        let reach = reach(self, org, search).await?;
        let mut query = newest_page(org, (search, reach), after, limit);
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("search an organization's grants")?;
        all(&rows)
    }

    async fn grants(&self, limit: u32) -> Result<Vec<GrantFacts>, StoreError> {
        let rows = sqlx::query(select_facts!("ORDER BY g.created_at DESC, g.id DESC LIMIT $1"))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("list grants")?;
        all(&rows)
    }

    async fn revoke_grant(
        &self,
        id: &GrantId,
        owner: Option<&UserId>,
        reason: RevokeReason,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if end(&mut tx, Ending::One(id, owner), reason).await?.is_empty() {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn take_from_grant(
        &self,
        id: &GrantId,
        owner: &UserId,
        narrowing: &Narrowing,
        cause: &Cause,
    ) -> Result<Narrowed, StoreError> {
        let mut tx = self.begin(cause).await?;
        let Narrowing { without, selectors, until } = narrowing;
        if !without.is_empty() && !take(&mut tx, (id, owner), without).await? {
            return Ok(Narrowed::NoScopes);
        }
        if !selectors.0.is_empty() && !select(&mut tx, (id, owner), selectors).await? {
            return Ok(Narrowed::NoSelectors);
        }
        if let Some(until) = until
            && !limit(&mut tx, (id, owner), *until).await?
        {
            return Ok(Narrowed::NoEnd);
        }
        tx.commit().await?;
        Ok(Narrowed::Done)
    }

    async fn narrow_grant(&self, id: &GrantId, owner: &UserId, without: &ScopeSet, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !take(&mut tx, (id, owner), without).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn select_in_grant(&self, id: &GrantId, owner: &UserId, to: &Selectors, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !select(&mut tx, (id, owner), to).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn limit_grant(&self, id: &GrantId, owner: &UserId, until: Timestamp, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !limit(&mut tx, (id, owner), until).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn client_used_in_org(&self, client: &ClientId, org: &OrgId) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS many FROM (SELECT 1 FROM grants WHERE client_id = $1 AND org_id = $2 AND revoked_at IS NULL \
             LIMIT 1) AS used",
        )
        .bind(client.as_str())
        .bind(org.as_str())
        .fetch_one(&mut *self.reader().await?)
        .await
        .doing("look for a client's grants")?;
        Ok(Fields::of(&row, "grants", "many").count("many")? > 0)
    }
}
