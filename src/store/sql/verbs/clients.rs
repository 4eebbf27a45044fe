//! Clients.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{json, word};
use super::among::among;
use super::engine::{Engine, Tx};
use super::revocation::{Ending, end};
use super::rows::{self, Fields};
use super::sought::Sought;
use super::{Db, client_changes, client_purge, client_secrets};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    Added, Client, ClientChange, ClientOrigin, ClientSecret, ClientState, ClientStore, ClientTerms, Hand, KnownClient, Machine,
    Removed, RevokeReason, Stage, StillAsks, StoreError, Subject, User,
};
use crate::types::{AppId, ClientId, HashedToken, OrgId, RoleName, ScopeSet, Timestamp, UserId};

/// A lifetime as it is stored.
pub(super) fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}

/// Writes a client.
pub(super) async fn insert(tx: &mut Tx<'_>, client: &Client) -> Result<(), StoreError> {
    let ttl = client.access_token_ttl.map(millis);
    sqlx::query(
        "INSERT INTO clients (id, org_id, name, kind, origin, auth, redirect_uris, grant_types, scopes, subject_id, resources, \
         require_state, access_token_ttl, state, created_at, app_id, stage) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(client.id.as_str())
    .bind(client.org.as_ref().map(OrgId::as_str))
    .bind(&client.name)
    .bind(word(&client.kind)?)
    .bind(word(&client.origin)?)
    .bind(word(&client.auth)?)
    .bind(json(&client.redirect_uris)?)
    .bind(json(&client.grant_types)?)
    .bind(client.scopes.as_ref().map(json).transpose()?)
    .bind(client.subject.as_ref().map(UserId::as_str))
    .bind(json(&client.resources)?)
    .bind(client.require_state)
    .bind(ttl)
    .bind(word(&client.state)?)
    .bind(client.created_at.millis())
    .bind(client.app.as_ref().map(|a| a.app.as_str()))
    .bind(client.app.as_ref().map(|a| word(&a.stage)).transpose()?)
    .execute(tx.connection())
    .await
    .doing("make a client")
    .map(drop)
}

/// Writes a client with its first secret, and tells of it.
async fn make(tx: &mut Tx<'_>, client: &Client, secret: Option<&ClientSecret>) -> Result<(), StoreError> {
    insert(tx, client).await?;
    if let Some(secret) = secret {
        client_secrets::insert(tx, &client.id, secret).await?;
    }
    let operation = match client.origin {
        ClientOrigin::Administrator => Operation::ClientCreate,
        ClientOrigin::Dynamic => Operation::ClientRegisterDynamic,
    };
    changed(tx, &client.id, client.org.as_ref(), ControlEvent::done(operation));
    Ok(())
}

/// How many clients an organization has; nobody else makes one there until this transaction has ended.
pub(super) async fn count_held(tx: &mut Tx<'_>, org: &OrgId) -> Result<u64, StoreError> {
    sqlx::query("UPDATE orgs SET state = state WHERE id = $1")
        .bind(org.as_str())
        .execute(tx.connection())
        .await
        .doing("lock an organization")?;
    let row = sqlx::query("SELECT COUNT(*) AS many FROM clients WHERE org_id = $1 AND deleted_at IS NULL")
        .bind(org.as_str())
        .fetch_one(tx.connection())
        .await
        .doing("count clients")?;
    Fields::of(&row, "clients", "many").count("many")
}

/// Locks a client that is there, so that it is neither removed nor frozen meanwhile; its row when there is one.
pub(super) async fn lock(tx: &mut Tx<'_>, id: &ClientId) -> Result<Option<super::Row>, StoreError> {
    sqlx::query(
        "UPDATE clients SET state = state WHERE id = $1 AND deleted_at IS NULL \
         RETURNING id, org_id, (state = 'disabled' AND frozen_at IS NOT NULL) AS frozen",
    )
    .bind(id.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("lock a client")
}

/// Keeps a client and the private scopes that it was given as they are until this transaction has ended; whether it is active and
/// `still` asks.
pub(super) async fn hold(tx: &mut Tx<'_>, id: &ClientId, still: &dyn StillAsks) -> Result<bool, StoreError> {
    for statement in [
        "UPDATE clients SET state = state WHERE id = $1",
        "UPDATE scope_requests SET scope = scope WHERE holder = (SELECT COALESCE(c.app_id, c.id) FROM clients c WHERE c.id = $1)",
    ] {
        sqlx::query(statement).bind(id.as_str()).execute(tx.connection()).await.doing("hold a client")?;
    }
    let row = sqlx::query(concat!(
        "SELECT ",
        client_columns!(),
        ", ",
        approvals_column!(),
        " FROM clients c WHERE c.id = $1 AND c.deleted_at IS NULL AND c.state = 'active'"
    ))
    .bind(id.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("read a held client")?;
    let Some(row) = row else { return Ok(false) };
    Ok(still.still_asks(&rows::client(&row)?, &rows::approvals(&row)?))
}

/// Whether a hand may change a locked client: what is frozen only the operator does.
pub(super) fn frees(row: &super::Row, hand: Hand) -> Result<bool, StoreError> {
    Ok(hand == Hand::Operator || !Fields::of(row, "clients", "id").value::<bool>("frozen")?)
}

/// Locks the clients of an app; whether a hand may change the app, one of whose `stages` may be frozen.
pub(super) async fn lock_those_of(tx: &mut Tx<'_>, app: &AppId, stages: &[Stage], hand: Hand) -> Result<bool, StoreError> {
    let rows = sqlx::query(
        "UPDATE clients SET state = state WHERE app_id = $1 AND deleted_at IS NULL \
         RETURNING id, stage, (state = 'disabled' AND frozen_at IS NOT NULL) AS frozen",
    )
    .bind(app.as_str())
    .fetch_all(tx.connection())
    .await
    .doing("lock the clients of an app")?;
    for row in &rows {
        if stages.contains(&Fields::of(row, "clients", "id").word("stage")?) && !frees(row, hand)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes the secrets and the waiting requests of a client away and ends its grants.
pub(super) async fn strip(tx: &mut Tx<'_>, id: &ClientId) -> Result<(), StoreError> {
    for statement in ["DELETE FROM client_secrets WHERE client_id = $1", "DELETE FROM auth_requests WHERE client_id = $1"] {
        sqlx::query(statement).bind(id.as_str()).execute(tx.connection()).await.doing("remove what belongs to a client")?;
    }
    end(tx, Ending::Client(id), RevokeReason::ClientDeleted).await.map(drop)
}

/// Tells nodes and the log of the client's organization.
pub(super) fn changed(tx: &mut Tx<'_>, id: &ClientId, org: Option<&OrgId>, event: ControlEvent) {
    tx.touch(Subject::Client { id: id.clone() });
    tx.record(org, event.on("client", id.as_str()));
}

/// The organizations whose administrators see what happens to a client: where somebody's authorization or a key of it lives, and where
/// its app is installed. What its maker tries out in a draft is no installation's concern but their own.
pub(super) async fn orgs_using(tx: &mut Tx<'_>, id: &ClientId) -> Result<BTreeSet<OrgId>, StoreError> {
    let statement = "SELECT org_id FROM grants WHERE client_id = $1 AND revoked_at IS NULL \
         UNION SELECT org_id FROM api_keys WHERE client_id = $1 AND disabled_at IS NULL \
         UNION SELECT i.org_id FROM clients c JOIN installs i ON i.app_id = c.app_id WHERE c.id = $1 AND NOT i.for_trial \
         AND (c.stage = 'published' OR c.org_id = i.org_id)";
    let rows = sqlx::query(statement).bind(id.as_str()).fetch_all(tx.connection()).await.doing("read where a client is used")?;
    rows.iter().map(|row| Fields::of(row, "grants", "org_id").parsed("org_id", OrgId::parse)).collect()
}

/// The organization that a changed client's row names.
pub(super) fn owner(row: &super::Row) -> Result<Option<OrgId>, StoreError> {
    Fields::of(row, "clients", "id").maybe_parsed("org_id", OrgId::parse)
}

/// Machine clients with what their tokens rest on, on a condition; their organization follows.
macro_rules! select_machines {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            client_columns!(),
            ", ",
            user_columns!(),
            ", ",
            policy_columns!("c.org_id"),
            ", m.roles AS m_roles, (SELECT MAX(x.last_at) FROM grants g JOIN grant_use x ON x.grant_id = g.id \
             WHERE g.client_id = c.id AND g.org_id = c.org_id AND x.last_at > 0) AS last_used_at, ",
            barred!("c.id", "c.subject_id", "c.org_id"),
            " AS barred FROM clients c JOIN users u ON u.id = c.subject_id \
             LEFT JOIN memberships m ON m.org_id = c.org_id AND m.user_id = c.subject_id \
             LEFT JOIN client_policies p ON p.org_id = c.org_id AND p.client_id = c.id \
             LEFT JOIN org_policies q ON q.org_id = c.org_id WHERE c.deleted_at IS NULL ",
            $rest,
            " AND c.org_id = "
        )
    };
}

fn machine(row: &super::Row) -> Result<Machine, StoreError> {
    let fields = Fields::of(row, "clients", "c_id");
    Ok(Machine {
        client: rows::client(row)?,
        subject: rows::user(row)?,
        roles: fields.maybe_json("m_roles")?,
        policy: rows::policy(row)?,
        last_used_at: fields.maybe_time("last_used_at")?,
        barred: fields.value("barred")?,
    })
}

#[async_trait]
impl ClientStore for Engine {
    async fn create_client(&self, client: &Client, secret: Option<&ClientSecret>, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        make(&mut tx, client, secret).await?;
        tx.commit().await
    }

    async fn create_client_within(
        &self,
        client: &Client,
        secret: Option<&ClientSecret>,
        most: u64,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if let Some(org) = &client.org
            && count_held(&mut tx, org).await? >= most
        {
            return Ok(false);
        }
        make(&mut tx, client, secret).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.id = $1 AND c.deleted_at IS NULL"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a client")?;
        row.as_ref().map(rows::client).transpose()
    }

    async fn clients(&self, org: Option<&OrgId>) -> Result<Vec<Client>, StoreError> {
        let query = match org {
            Some(org) => sqlx::query(concat!(
                "SELECT ",
                client_columns!(),
                " FROM clients c WHERE c.org_id = $1 AND c.deleted_at IS NULL ORDER BY c.created_at DESC, c.id DESC"
            ))
            .bind(org.as_str()),
            None => sqlx::query(concat!(
                "SELECT ",
                client_columns!(),
                " FROM clients c WHERE c.deleted_at IS NULL ORDER BY c.created_at DESC, c.id DESC"
            )),
        };
        let rows = query.fetch_all(&mut *self.reader().await?).await.doing("list clients")?;
        rows.iter().map(rows::client).collect()
    }

    async fn find_org_clients(
        &self,
        org: &OrgId,
        text: &str,
        after: Option<&(Timestamp, ClientId)>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!(
            "SELECT ",
            client_columns!(),
            " FROM clients c LEFT JOIN users u ON u.id = c.subject_id WHERE c.deleted_at IS NULL AND c.org_id = "
        ));
        query.push_bind(org.as_str().to_owned());
        if let Some((time, id)) = after {
            query.push(" AND (c.created_at, c.id) < (").push_bind(time.millis());
            query.push(", ").push_bind(id.as_str().to_owned()).push(")");
        }
        if !text.is_empty() {
            query.push(" AND ");
            Sought::of(text).within(&mut query, &["c.name", "c.id", "u.email", "u.name"]);
        }
        query.push(" ORDER BY c.created_at DESC, c.id DESC LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("list an organization's clients")?;
        rows.iter().map(rows::client).collect()
    }

    async fn known_clients(&self, orgs: &[OrgId]) -> Result<Vec<KnownClient>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT c.id, c.name, c.created_at, c.org_id, o.name AS owner FROM clients c LEFT JOIN orgs o ON o.id = c.org_id \
             WHERE c.origin = 'administrator' AND c.deleted_at IS NULL AND (c.org_id IS NULL OR c.stage = 'published'",
        );
        if !orgs.is_empty() {
            query.push(" OR c.org_id IN ");
            among(&mut query, orgs.iter().map(OrgId::as_str));
        }
        query.push(") ORDER BY c.name, c.id");
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("list known clients")?;
        let known = |row| {
            let fields = Fields::of(row, "clients", "id");
            let org = fields.maybe_parsed("org_id", OrgId::parse)?;
            Ok(KnownClient {
                id: fields.parsed("id", ClientId::parse)?,
                name: fields.value("name")?,
                owner: org.zip(fields.value::<Option<String>>("owner")?),
                created_at: fields.time("created_at")?,
            })
        };
        rows.iter().map(known).collect()
    }

    async fn client_names(&self, ids: &[ClientId]) -> Result<Vec<(ClientId, String)>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(500) {
            let mut query = QueryBuilder::<Db>::new("SELECT id, name FROM clients WHERE deleted_at IS NULL AND id IN ");
            among(&mut query, some.iter().map(ClientId::as_str));
            for row in query.build().fetch_all(&mut *self.reader().await?).await.doing("read names of clients")? {
                let fields = Fields::of(&row, "clients", "id");
                found.push((fields.parsed("id", ClientId::parse)?, fields.value("name")?));
            }
        }
        Ok(found)
    }

    async fn machines(&self, org: &OrgId, text: &str, (offset, limit): (u32, u32)) -> Result<Vec<Machine>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(select_machines!(""));
        query.push_bind(org.as_str().to_owned());
        if !text.is_empty() {
            query.push(" AND ");
            Sought::of(text).within(&mut query, &["c.name", "c.id", "u.email", "u.name"]);
        }
        query.push(" ORDER BY c.created_at DESC, c.id DESC LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ");
        query.push_bind(i64::from(offset));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("list machine clients")?;
        rows.iter().map(machine).collect()
    }

    async fn machine(&self, org: &OrgId, id: &ClientId) -> Result<Option<Machine>, StoreError> {
        let row = sqlx::query(concat!(select_machines!("AND c.id = $1"), "$2"))
            .bind(id.as_str())
            .bind(org.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a machine client")?;
        row.as_ref().map(machine).transpose()
    }

    async fn possible_subjects(&self, org: &OrgId, roles: &[RoleName]) -> Result<Vec<(User, Vec<RoleName>)>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!(
            "SELECT ",
            user_columns!(),
            ", m.roles AS m_roles FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = "
        ));
        query.push_bind(org.as_str().to_owned()).push(" AND u.state = 'active' AND (u.kind = 'service'");
        for role in roles {
            // A role's name has no character that JSON escapes: it stands there as it is, in quotation marks.
            query.push(" OR REPLACE(m.roles, ").push_bind(format!("\"{role}\"")).push(", '') <> m.roles");
        }
        query.push(") ORDER BY u.email");
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("list whom machines may act as")?;
        rows.iter().map(|row| Ok((rows::user(row)?, Fields::of(row, "memberships", "u_id").json("m_roles")?))).collect()
    }

    async fn live_secrets(&self, id: &ClientId, at: Timestamp) -> Result<Vec<ClientSecret>, StoreError> {
        client_secrets::live(self, id, at).await
    }

    async fn add_secret(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
        others_until: Option<Timestamp>,
        hand: Hand,
        cause: &Cause,
    ) -> Result<Added, StoreError> {
        client_secrets::add(self, (id, secret), others_until, hand, cause).await
    }

    async fn remove_secret(&self, id: &ClientId, secret: &HashedToken, hand: Hand, cause: &Cause) -> Result<Removed, StoreError> {
        client_secrets::remove(self, (id, secret), hand, cause).await
    }

    async fn set_client_state(&self, id: &ClientId, state: ClientState, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        client_changes::lock_app_of(&mut tx, id).await?;
        if !client_changes::set_state(&mut tx, id, state, Hand::Operator).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn set_unfrozen_client_state(&self, id: &ClientId, state: ClientState, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        client_changes::lock_app_of(&mut tx, id).await?;
        if !client_changes::set_state(&mut tx, id, state, Hand::Owner).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn set_client_scopes(
        &self,
        id: &ClientId,
        scopes: Option<&ScopeSet>,
        hand: Hand,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !client_changes::write_scopes(&mut tx, id, scopes, hand).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn set_client_terms(&self, id: &ClientId, terms: ClientTerms, hand: Hand, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !client_changes::write_terms(&mut tx, id, terms, hand).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn change_client(&self, id: &ClientId, change: &ClientChange, hand: Hand, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        client_changes::lock_app_of(&mut tx, id).await?;
        let scopes = change.scopes.clone().over(None);
        if !change.scopes.stays() && !client_changes::write_scopes(&mut tx, id, scopes.as_ref(), hand).await? {
            return Ok(false);
        }
        if change.terms != ClientTerms::default() && !client_changes::write_terms(&mut tx, id, change.terms, hand).await? {
            return Ok(false);
        }
        if let Some(state) = change.state
            && !client_changes::set_state(&mut tx, id, state, hand).await?
            && !client_changes::is_so(&mut tx, id, state).await?
        {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn delete_client(&self, id: &ClientId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "UPDATE clients SET deleted_at = $1, state = 'disabled' WHERE id = $2 AND deleted_at IS NULL RETURNING id, org_id",
        )
        .bind(cause.at.millis())
        .bind(id.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("remove a client")?;
        let Some(row) = row else { return Ok(false) };
        strip(&mut tx, id).await?;
        changed(&mut tx, id, owner(&row)?.as_ref(), ControlEvent::done(Operation::ClientDelete));
        tx.commit().await?;
        Ok(true)
    }

    async fn purge_unused_dynamic_clients(&self, before: Timestamp, cause: &Cause) -> Result<u64, StoreError> {
        client_purge::unused(self, before, cause).await
    }
}
