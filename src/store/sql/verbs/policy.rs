//! What organizations decided about clients.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{json, read_word, start_of, word};
use super::among::among;
use super::engine::{Engine, Tx};
use super::revocation::{Ending, end};
use super::rows::{self, Fields};
use super::sought::{Authorized, Sought, living};
use super::{Connection, Db, Row};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    ClientPolicy, ClientUse, ClientUseSearch, Listed, NewClients, PolicyStore, RevokeReason, Stance, StoreError, Subject,
    UseStanding, Verdict,
};
use crate::types::{ClientId, OrgId, ScopeSet, Setting, Timestamp, UserId};

/// Writes the record of a decision about a client, and tells the nodes that hold tokens of it.
fn decided(tx: &mut Tx<'_>, org: &OrgId, client: &ClientId, event: ControlEvent) {
    tx.touch(Subject::Client { id: client.clone() });
    tx.record(Some(org), event.on("client", client.as_str()));
}

/// Allows or blocks a client, unless it already is.
async fn decide(tx: &mut Tx<'_>, (org, client): (&OrgId, &ClientId), verdict: Verdict) -> Result<bool, StoreError> {
    let (stance, operation) = match verdict {
        Verdict::Allow => (Stance::Allowed, Operation::OrgPolicyClientAllow),
        Verdict::Block => (Stance::Blocked, Operation::OrgPolicyClientBlock),
    };
    let done = sqlx::query(
        "INSERT INTO client_policies (org_id, client_id, stance) SELECT $1, c.id, $3 FROM clients c \
         WHERE c.id = $2 AND c.deleted_at IS NULL ON CONFLICT (org_id, client_id) DO UPDATE SET stance = excluded.stance, \
         asked_by = NULL, asked_at = NULL WHERE client_policies.stance IS DISTINCT FROM excluded.stance",
    )
    .bind(org.as_str())
    .bind(client.as_str())
    .bind(word(&stance)?)
    .execute(tx.connection())
    .await
    .doing("decide about a client")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    decided(tx, org, client, ControlEvent::done(operation));
    Ok(true)
}

/// Sets the most that a client may hold, or lifts it, unless it already is so.
async fn restrict(tx: &mut Tx<'_>, (org, client): (&OrgId, &ClientId), most: Option<&ScopeSet>) -> Result<bool, StoreError> {
    // A row that says nothing is not worth making: lifting what was never restricted changes nothing.
    let done = sqlx::query(
        "INSERT INTO client_policies (org_id, client_id, scopes) SELECT $1, c.id, $3 FROM clients c \
         WHERE c.id = $2 AND c.deleted_at IS NULL AND ($3 IS NOT NULL OR EXISTS (SELECT 1 FROM client_policies x \
         WHERE x.org_id = $1 AND x.client_id = $2)) ON CONFLICT (org_id, client_id) DO UPDATE SET scopes = excluded.scopes \
         WHERE client_policies.scopes IS DISTINCT FROM excluded.scopes",
    )
    .bind(org.as_str())
    .bind(client.as_str())
    .bind(most.map(json).transpose()?)
    .execute(tx.connection())
    .await
    .doing("restrict a client")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let event = ControlEvent::done(Operation::OrgPolicyScopeRestrict).with_scopes(most.cloned().unwrap_or_default());
    decided(tx, org, client, event.with_comment(if most.is_some() { "the most it may hold" } else { "no longer restricted" }));
    Ok(true)
}

/// What happens with new clients; without a decision they are open.
async fn new_clients(connection: &mut Connection, org: &OrgId) -> Result<NewClients, StoreError> {
    let found: Option<String> = sqlx::query_scalar("SELECT new_clients FROM org_policies WHERE org_id = $1")
        .bind(org.as_str())
        .fetch_optional(connection)
        .await
        .doing("read what happens with new clients")?;
    let wrong = |_| StoreError::Inconsistent { table: "org_policies", column: "new_clients", row: org.to_string() };
    found.map_or(Ok(NewClients::Open), |word| read_word(&word).map_err(wrong))
}

/// The clients of one page, in order.
async fn listed(
    engine: &Engine,
    org: &OrgId,
    listed: Listed<'_>,
    at: Timestamp,
    (offset, limit): (u32, u32),
) -> Result<Vec<ClientId>, StoreError> {
    if let Listed::Matching(search) = listed {
        return matching(engine, org, search, at, (offset, limit)).await;
    }
    let (limit, offset) = (i64::from(limit), i64::from(offset));
    let query = match listed {
        // What is deleted has no live grant; only what was decided about a client outlives it.
        Listed::Known | Listed::Matching(_) => sqlx::query(
            "SELECT o.client_id AS id, o.newest_at AS newest FROM org_clients o WHERE o.org_id = $1 AND EXISTS (SELECT 1 FROM grants g \
             WHERE g.org_id = $1 AND g.client_id = o.client_id AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $2)) \
             UNION ALL SELECT p.client_id, 0 FROM client_policies p JOIN clients c ON c.id = p.client_id AND c.deleted_at IS NULL \
             WHERE p.org_id = $1 AND (p.stance <> 'pending' OR p.scopes IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM grants g \
             WHERE g.org_id = $1 AND g.client_id = p.client_id AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $2)) \
             ORDER BY newest DESC, id DESC LIMIT $3 OFFSET $4",
        )
        .bind(org.as_str())
        .bind(at.millis())
        .bind(limit)
        .bind(offset),
        Listed::Waiting => sqlx::query(
            "SELECT p.client_id AS id, p.asked_at AS newest FROM client_policies p \
             JOIN clients c ON c.id = p.client_id AND c.deleted_at IS NULL \
             WHERE p.org_id = $1 AND p.stance = 'pending' ORDER BY newest DESC, id DESC LIMIT $2 OFFSET $3",
        )
        .bind(org.as_str())
        .bind(limit)
        .bind(offset),
    };
    let rows = query.fetch_all(&mut *engine.reader().await?).await.doing("list an organization's clients")?;
    rows.iter().map(|row| Fields::of(row, "clients", "id").parsed("id", ClientId::parse)).collect()
}

/// Adds the start of a statement that ends in ` AS s`: the clients that an organization knows or that wait there, with what was
/// decided about them. A search for a text comes with the clients that its users have authorized.
pub(super) fn known(org: &OrgId, search: &ClientUseSearch, at: Timestamp, authorized: Option<&Authorized>) -> QueryBuilder<Db> {
    let org_id = || org.as_str().to_owned();
    let mut query = QueryBuilder::<Db>::new(concat!(
        "SELECT s.id, s.p_stance, s.newest FROM (SELECT c.id, c.state, k.newest, p.stance AS written, ",
        policy_columns!("k.org_id"),
        " FROM (SELECT o.org_id, o.client_id, o.newest_at AS newest FROM org_clients o WHERE o.org_id = "
    ));
    query.push_bind(org_id()).push(" AND EXISTS (SELECT 1 FROM grants g WHERE g.client_id = o.client_id AND g.org_id = ");
    query.push_bind(org_id());
    living(&mut query, at);
    query.push(") UNION ALL SELECT d.org_id, d.client_id, 0 FROM client_policies d WHERE d.org_id = ").push_bind(org_id());
    query.push(" AND (d.stance IS NOT NULL OR d.scopes IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM grants g ");
    query.push("WHERE g.client_id = d.client_id AND g.org_id = ").push_bind(org_id());
    living(&mut query, at);
    query.push(
        ")) AS k JOIN clients c ON c.id = k.client_id AND c.deleted_at IS NULL \
         LEFT JOIN client_policies p ON p.org_id = k.org_id AND p.client_id = k.client_id \
         LEFT JOIN org_policies q ON q.org_id = k.org_id WHERE k.org_id = ",
    );
    query.push_bind(org_id());
    if let Some(authorized) = authorized {
        Sought::of(&search.text).of_clients(&mut query, org, at, authorized);
    }
    query.push(") AS s");
    query
}

/// [`known`], once it is known what the users have authorized that a text is found in.
async fn known_now(
    engine: &Engine,
    org: &OrgId,
    search: &ClientUseSearch,
    at: Timestamp,
) -> Result<QueryBuilder<Db>, StoreError> {
    if search.text.is_empty() {
        return Ok(known(org, search, at, None));
    }
    let authorized = Sought::of(&search.text).authorized(engine, org, at).await?;
    Ok(known(org, search, at, Some(&authorized)))
}

/// The clients of one page of those that match, in the order of those that are known.
async fn matching(
    engine: &Engine,
    org: &OrgId,
    search: &ClientUseSearch,
    at: Timestamp,
    (offset, limit): (u32, u32),
) -> Result<Vec<ClientId>, StoreError> {
    let mut query = known_now(engine, org, search, at).await?;
    // Those that wait and hold nothing are in the queue alone.
    query.push(" WHERE (s.newest > 0 OR s.p_scopes IS NOT NULL OR s.written <> 'pending')");
    match search.standing {
        Some(UseStanding::Allowed) => {
            query.push(" AND s.p_stance = 'allowed' AND s.state = 'active' AND s.p_scopes IS NULL");
        }
        Some(UseStanding::Restricted) => {
            query.push(" AND s.p_stance = 'allowed' AND s.state = 'active' AND s.p_scopes IS NOT NULL");
        }
        Some(UseStanding::Blocked) => drop(query.push(" AND s.p_stance = 'blocked'")),
        Some(UseStanding::Off) => drop(query.push(" AND s.p_stance = 'allowed' AND s.state <> 'active'")),
        None => {}
    }
    query.push(" ORDER BY s.newest DESC, s.id DESC LIMIT ").push_bind(i64::from(limit));
    query.push(" OFFSET ").push_bind(i64::from(offset));
    let rows = query.build().fetch_all(&mut *engine.reader().await?).await.doing("search an organization's clients")?;
    rows.iter().map(|row| Fields::of(row, "clients", "id").parsed("id", ClientId::parse)).collect()
}

/// The clients of one page of a search, the last id first.
async fn found(
    engine: &Engine,
    org: &OrgId,
    search: &ClientUseSearch,
    at: Timestamp,
    (after, limit): (Option<&ClientId>, u32),
) -> Result<Vec<ClientId>, StoreError> {
    let mut query = known_now(engine, org, search, at).await?;
    query.push(" WHERE s.id IS NOT NULL");
    if let Some(after) = after {
        query.push(" AND s.id < ").push_bind(after.as_str().to_owned());
    }
    if let Some(stance) = &search.stance {
        query.push(" AND s.p_stance = ").push_bind(word(stance)?);
        if *stance == Stance::Pending {
            query.push(" AND s.written = 'pending'");
        }
    }
    query.push(" ORDER BY s.id DESC LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(&mut *engine.reader().await?).await.doing("search an organization's clients")?;
    rows.iter().map(|row| Fields::of(row, "clients", "id").parsed("id", ClientId::parse)).collect()
}

/// What the live grants of each client hold together.
async fn held(engine: &Engine, org: &OrgId, ids: &[ClientId], at: Timestamp) -> Result<HashMap<ClientId, ScopeSet>, StoreError> {
    let mut query = QueryBuilder::<Db>::new("SELECT DISTINCT client_id AS id, scopes FROM grants WHERE org_id = ");
    query.push_bind(org.as_str().to_owned()).push(" AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ");
    query.push_bind(at.millis()).push(") AND client_id IN ");
    among(&mut query, ids.iter().map(ClientId::as_str));
    query.push(" ORDER BY scopes");
    let rows = query.build().fetch_all(&mut *engine.reader().await?).await.doing("read what clients hold")?;
    let mut held: HashMap<ClientId, ScopeSet> = HashMap::new();
    for row in &rows {
        let fields = Fields::of(row, "grants", "id");
        let scopes: ScopeSet = fields.json("scopes")?;
        let all = held.entry(fields.parsed("id", ClientId::parse)?).or_default();
        *all = all.union(&scopes);
    }
    Ok(held)
}

/// Everything about these clients, in their order. What is sorted comes at once when it does: a row that comes alone wakes its
/// reader alone.
async fn describe(engine: &Engine, org: &OrgId, ids: &[ClientId], at: Timestamp) -> Result<Vec<ClientUse>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Db>::new(concat!(
        "SELECT ",
        client_columns!(),
        ", ",
        policy_columns!("k.org"),
        ", p.asked_by AS p_asked_by, p.asked_at AS p_asked_at, COALESCE(g.users, 0) AS users, COALESCE(g.grants, 0) AS grants, \
         g.first_granted_at, x.first_day, x.last_at AS last_used_at FROM (SELECT CAST("
    ));
    query.push_bind(org.as_str().to_owned()).push(
        " AS TEXT) AS org) AS k JOIN clients c ON c.deleted_at IS NULL \
         LEFT JOIN client_policies p ON p.org_id = k.org AND p.client_id = c.id \
         LEFT JOIN org_policies q ON q.org_id = k.org LEFT JOIN client_use x ON x.org_id = k.org AND x.client_id = c.id \
         LEFT JOIN (SELECT client_id, MIN(created_at) AS first_granted_at, COUNT(*) FILTER (WHERE live) AS grants, \
         COUNT(DISTINCT CASE WHEN live THEN user_id END) AS users FROM (SELECT client_id, user_id, created_at, \
         revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ",
    );
    query.push_bind(at.millis()).push(") AS live FROM grants WHERE org_id = ").push_bind(org.as_str().to_owned());
    query.push(" AND client_id IN ");
    among(&mut query, ids.iter().map(ClientId::as_str));
    query.push(") AS every GROUP BY client_id) AS g ON g.client_id = c.id WHERE c.id IN ");
    among(&mut query, ids.iter().map(ClientId::as_str));
    query.push(" ORDER BY c.name");
    let rows = async { query.build().fetch_all(&mut *engine.reader().await?).await.doing("read an organization's clients") };
    let (rows, mut held) = tokio::try_join!(rows, held(engine, org, ids, at))?;
    let mut found: HashMap<ClientId, ClientUse> = HashMap::new();
    for row in &rows {
        let mut one = client_use(row)?;
        one.scopes = held.remove(&one.client.id).unwrap_or_default();
        found.insert(one.client.id.clone(), one);
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

fn client_use(row: &Row) -> Result<ClientUse, StoreError> {
    let fields = Fields::of(row, "client_policies", "c_id");
    let policy = rows::policy(row)?;
    let asked_at = fields.maybe_time("p_asked_at")?.filter(|_| policy.stance == Stance::Pending);
    let asked_by = fields.maybe_parsed("p_asked_by", UserId::parse)?;
    Ok(ClientUse {
        client: rows::client(row)?,
        policy,
        users: fields.count("users")?,
        grants: fields.count("grants")?,
        scopes: ScopeSet::default(),
        first_granted_at: fields.maybe_time("first_granted_at")?,
        first_used_at: fields.value::<Option<i64>>("first_day")?.map(start_of),
        last_used_at: fields.maybe_time("last_used_at")?,
        asked: asked_at.map(|at| (asked_by, at)),
    })
}

/// Lets the clients that are in use go on, or forgets who waits.
async fn carry_over(tx: &mut Tx<'_>, org: &OrgId, to: NewClients) -> Result<(), StoreError> {
    let query = match to {
        NewClients::Approval => sqlx::query(
            "INSERT INTO client_policies (org_id, client_id, stance) SELECT DISTINCT g.org_id, g.client_id, 'allowed' FROM grants g \
             WHERE g.org_id = $1 AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $2) \
             ON CONFLICT (org_id, client_id) DO UPDATE SET stance = 'allowed' WHERE client_policies.stance IS NULL",
        )
        .bind(org.as_str())
        .bind(tx.cause.at.millis()),
        NewClients::Open => sqlx::query(
            "UPDATE client_policies SET stance = NULL, asked_by = NULL, asked_at = NULL \
             WHERE org_id = $1 AND stance = 'pending'",
        )
        .bind(org.as_str()),
    };
    query.execute(tx.connection()).await.doing("carry decisions over").map(drop)
}

#[async_trait]
impl PolicyStore for Engine {
    async fn client_policy(&self, org: &OrgId, client: &ClientId) -> Result<ClientPolicy, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            policy_columns!("k.org"),
            ", k.org AS k_org FROM (SELECT CAST($1 AS TEXT) AS org, CAST($2 AS TEXT) AS client) AS k \
             LEFT JOIN clients c ON c.id = k.client LEFT JOIN client_policies p ON p.org_id = k.org AND p.client_id = k.client \
             LEFT JOIN org_policies q ON q.org_id = k.org"
        ))
        .bind(org.as_str())
        .bind(client.as_str())
        .fetch_one(&mut *self.reader().await?)
        .await
        .doing("read what was decided about a client")?;
        rows::policy(&row)
    }

    async fn new_clients(&self, org: &OrgId) -> Result<NewClients, StoreError> {
        let mut connection = self.reader().await?;
        new_clients(&mut connection, org).await
    }

    async fn set_new_clients(&self, org: &OrgId, to: NewClients, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if to == NewClients::Open && new_clients(tx.connection(), org).await? == NewClients::Open {
            return Ok(false);
        }
        let done = sqlx::query(
            "INSERT INTO org_policies (org_id, new_clients) VALUES ($1, $2) ON CONFLICT (org_id) DO UPDATE \
             SET new_clients = excluded.new_clients WHERE org_policies.new_clients <> excluded.new_clients",
        )
        .bind(org.as_str())
        .bind(word(&to)?)
        .execute(tx.connection())
        .await
        .doing("decide what happens with new clients")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        carry_over(&mut tx, org, to).await?;
        let comment = match to {
            NewClients::Open => "members may authorize new clients",
            NewClients::Approval => "an administrator approves new clients",
        };
        tx.touch(Subject::Org { id: org.clone() });
        tx.record(Some(org), ControlEvent::done(Operation::OrgPolicyNewClients).on("org", org.as_str()).with_comment(comment));
        tx.commit().await?;
        Ok(true)
    }

    async fn decide_client(&self, org: &OrgId, client: &ClientId, verdict: Verdict, cause: &Cause) -> Result<bool, StoreError> {
        self.set_client_policy(org, client, Some(verdict), Setting::Stays, cause).await
    }

    async fn restrict_client(
        &self,
        org: &OrgId,
        client: &ClientId,
        scopes: Option<&ScopeSet>,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        self.set_client_policy(org, client, None, scopes.map_or(Setting::Default, Setting::To), cause).await
    }

    async fn set_client_policy(
        &self,
        org: &OrgId,
        client: &ClientId,
        verdict: Option<Verdict>,
        most: Setting<&ScopeSet>,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let mut changed = false;
        if let Some(verdict) = verdict {
            changed |= decide(&mut tx, (org, client), verdict).await?;
        }
        if !most.stays() {
            changed |= restrict(&mut tx, (org, client), most.over(None)).await?;
        }
        if changed {
            tx.commit().await?;
        }
        Ok(changed)
    }

    async fn ask_for_client(&self, org: &OrgId, client: &ClientId, user: &UserId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query(
            "INSERT INTO client_policies (org_id, client_id, stance, asked_by, asked_at) SELECT $1, c.id, 'pending', $3, $4 \
             FROM clients c WHERE c.id = $2 AND c.deleted_at IS NULL ON CONFLICT (org_id, client_id) DO UPDATE \
             SET stance = excluded.stance, asked_by = excluded.asked_by, asked_at = excluded.asked_at \
             WHERE client_policies.stance IS NULL",
        )
        .bind(org.as_str())
        .bind(client.as_str())
        .bind(user.as_str())
        .bind(cause.at.millis())
        .execute(tx.connection())
        .await
        .doing("ask for a client")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        decided(&mut tx, org, client, ControlEvent::done(Operation::OrgPolicyClientAsk));
        tx.commit().await?;
        Ok(true)
    }

    async fn revoke_client(&self, org: &OrgId, client: &ClientId, cause: &Cause) -> Result<u64, StoreError> {
        let mut tx = self.begin(cause).await?;
        let ended = end(&mut tx, Ending::ClientIn(org, client), RevokeReason::Admin).await?;
        if !ended.is_empty() {
            tx.commit().await?;
        }
        Ok(ended.len() as u64)
    }

    async fn clients_of_org(
        &self,
        org: &OrgId,
        which: Listed<'_>,
        at: Timestamp,
        page: (u32, u32),
    ) -> Result<Vec<ClientUse>, StoreError> {
        let ids = listed(self, org, which, at, page).await?;
        describe(self, org, &ids, at).await
    }

    async fn find_clients_of_org(
        &self,
        org: &OrgId,
        search: &ClientUseSearch,
        at: Timestamp,
        after: Option<&ClientId>,
        limit: u32,
    ) -> Result<Vec<ClientUse>, StoreError> {
        let ids = found(self, org, search, at, (after, limit)).await?;
        describe(self, org, &ids, at).await
    }

    async fn client_of_org(&self, org: &OrgId, client: &ClientId, at: Timestamp) -> Result<Option<ClientUse>, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS many FROM (SELECT 1 FROM grants WHERE org_id = $1 AND client_id = $2 \
             UNION ALL SELECT 1 FROM client_policies WHERE org_id = $1 AND client_id = $2) AS known",
        )
        .bind(org.as_str())
        .bind(client.as_str())
        .fetch_one(&mut *self.reader().await?)
        .await
        .doing("look for a client")?;
        if Fields::of(&row, "clients", "many").count("many")? == 0 {
            return Ok(None);
        }
        Ok(describe(self, org, std::slice::from_ref(client), at).await?.pop())
    }
}
