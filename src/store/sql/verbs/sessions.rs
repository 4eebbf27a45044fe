//! Sessions and authorization requests.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::super::fault::Doing;
use super::super::values::{json, storable};
use super::accounts::record_of_account;
use super::engine::{Engine, Tx};
use super::rows::{self, Fields};
use super::{clients, grants};
use crate::record::{Cause, ControlEvent, Operation, Origin};
use crate::store::{
    Approve, ApprovedRequest, AuthRequest, Membership, Session, SessionDetails, SessionFacts, SessionStore, StillAsks,
    StoreError, Subject,
};
use crate::types::{AuthRequestId, ClientId, HashedToken, OrgId, Timestamp, UserId};

/// How often a session's last use is written down.
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// Takes the request out of waiting; of all callers, one gets it. Its decision is written with it.
async fn decide(tx: &mut Tx<'_>, id: &AuthRequestId, decision: &'static str) -> Result<Option<AuthRequest>, StoreError> {
    let at = tx.cause.at.millis();
    let row = sqlx::query(
        "UPDATE auth_requests SET decided_at = $1, decision = $2 WHERE id = $3 AND decided_at IS NULL AND expires_at > $1 \
         RETURNING id, request",
    )
    .bind(at)
    .bind(decision)
    .bind(id.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("decide an authorization request")?;
    row.map(|row| Fields::of(&row, "auth_requests", "id").json("request")).transpose()
}

/// Whether the user is active and a member, and stays so until this transaction commits.
pub(super) async fn hold_member(tx: &mut Tx<'_>, member: &Membership) -> Result<bool, StoreError> {
    let user = sqlx::query("UPDATE users SET state = state WHERE id = $1 AND state = 'active'")
        .bind(member.user.as_str())
        .execute(tx.connection())
        .await
        .doing("lock a user")?;
    let membership = sqlx::query("UPDATE memberships SET roles = roles WHERE org_id = $1 AND user_id = $2")
        .bind(member.org.as_str())
        .bind(member.user.as_str())
        .execute(tx.connection())
        .await
        .doing("lock a membership")?;
    Ok(user.rows_affected() > 0 && membership.rows_affected() > 0)
}

async fn insert_code(tx: &mut Tx<'_>, request: &AuthRequest, approved: &ApprovedRequest) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO codes (hash, grant_id, client_id, redirect_uri, challenge, resources, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&approved.code.bytes()[..])
    .bind(approved.grant.id.as_str())
    .bind(request.client.as_str())
    .bind(request.redirect_uri.as_str())
    .bind(&request.challenge)
    .bind(json(&request.resources)?)
    .bind(approved.code_expires_at.millis())
    .execute(tx.connection())
    .await
    .doing("write a code")
    .map(drop)
}

/// The organization that a client is private to, whose log tells of requests that have no organization yet. What strangers ask
/// of a published client is not its maker's to read.
pub(super) async fn owner_of(tx: &mut Tx<'_>, client: &ClientId) -> Result<Option<OrgId>, StoreError> {
    let row =
        sqlx::query("SELECT id, CASE WHEN stage = 'published' THEN NULL ELSE org_id END AS org_id FROM clients WHERE id = $1")
            .bind(client.as_str())
            .fetch_optional(tx.connection())
            .await
            .doing("read a client")?;
    row.map_or(Ok(None), |row| Fields::of(&row, "clients", "id").maybe_parsed("org_id", OrgId::parse))
}

/// Remembers where a user signs in from. Whether that is new: not before, and not the first place of all.
async fn is_new_place(tx: &mut Tx<'_>, user: &UserId) -> Result<bool, StoreError> {
    let Some(place) = place(&tx.cause.origin) else { return Ok(false) };
    let at = tx.cause.at.millis();
    let known = sqlx::query("UPDATE sign_in_places SET seen_at = $1 WHERE user_id = $2 AND place = $3")
        .bind(at)
        .bind(user.as_str())
        .bind(&place)
        .execute(tx.connection())
        .await
        .doing("look for a place")?;
    if known.rows_affected() > 0 {
        return Ok(false);
    }
    let others = sqlx::query("SELECT COUNT(*) AS many FROM sign_in_places WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_one(tx.connection())
        .await
        .doing("count places")?;
    let added = sqlx::query("INSERT INTO sign_in_places (user_id, place, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(user.as_str())
        .bind(&place)
        .bind(at)
        .execute(tx.connection())
        .await
        .doing("remember a place")?;
    Ok(added.rows_affected() > 0 && Fields::of(&others, "sign_in_places", "many").count("many")? > 0)
}

/// A network and a program, near enough: the /24 or /48 of the address, and the `User-Agent` without its numbers, so that
/// neither a new lease nor an update of the browser is a new place. `None` when nobody knows where from.
fn place(origin: &Origin) -> Option<String> {
    let network = match origin.peer?.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}")
        }
    };
    let agent: String = origin.user_agent.iter().flat_map(|a| a.chars()).filter(|c| !c.is_ascii_digit()).collect();
    Some(storable(&format!("{network} {agent}")))
}

fn session(row: &super::Row) -> Result<Session, StoreError> {
    let fields = Fields::of(row, "sessions", "s_user_id");
    Ok(Session {
        hash: fields.hash("s_hash")?,
        user: fields.parsed("s_user_id", UserId::parse)?,
        authenticated_at: fields.time("s_authenticated_at")?,
        expires_at: fields.time("s_expires_at")?,
        seen_at: fields.time("s_seen_at")?,
    })
}

/// A session from its rows, one for each organization of its user, or one for a user without.
fn session_facts(rows: &[super::Row]) -> Result<Option<SessionFacts>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let fields = Fields::of(first, "sessions", "s_user_id");
    let mut orgs = Vec::with_capacity(rows.len());
    for row in rows {
        if Fields::of(row, "memberships", "s_user_id").value::<Option<String>>("o_id")?.is_some() {
            orgs.push((rows::org(row)?, Fields::of(row, "memberships", "o_id").json("m_roles")?));
        }
    }
    Ok(Some(SessionFacts {
        session: session(first)?,
        user: rows::user(first)?,
        one_time_password: fields.value::<Option<bool>>("w_one_time")?.unwrap_or(false),
        operator: fields.value::<Option<String>>("p_user_id")?.is_some(),
        orgs,
    }))
}

/// Whether this is the password of an active user, and stays so until this transaction commits: who changes either ends sessions after
/// it.
pub(super) async fn hold_password(tx: &mut Tx<'_>, user: &UserId, password: &SecretString) -> Result<bool, StoreError> {
    let active = sqlx::query("UPDATE users SET state = state WHERE id = $1 AND state = 'active'")
        .bind(user.as_str())
        .execute(tx.connection())
        .await
        .doing("lock a user")?;
    let same = sqlx::query("UPDATE passwords SET phc = phc WHERE user_id = $1 AND phc = $2")
        .bind(user.as_str())
        .bind(password.expose_secret())
        .execute(tx.connection())
        .await
        .doing("lock a password")?;
    Ok(active.rows_affected() > 0 && same.rows_affected() > 0)
}

/// Whether this is a session of the user, and stays so until this transaction commits.
pub(super) async fn hold_session(tx: &mut Tx<'_>, user: &UserId, session: &HashedToken) -> Result<bool, StoreError> {
    let at = tx.cause.at.millis();
    let held = sqlx::query("UPDATE sessions SET seen_at = seen_at WHERE hash = $1 AND user_id = $2 AND expires_at > $3")
        .bind(&session.bytes()[..])
        .bind(user.as_str())
        .bind(at)
        .execute(tx.connection())
        .await
        .doing("lock a session")?;
    Ok(held.rows_affected() > 0)
}

#[async_trait]
impl SessionStore for Engine {
    async fn start_session(&self, session: &Session, password: Option<&SecretString>, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if let Some(password) = password
            && !hold_password(&mut tx, &session.user, password).await?
        {
            return Ok(false);
        }
        let origin = &cause.origin;
        sqlx::query(
            "INSERT INTO sessions (hash, user_id, authenticated_at, expires_at, seen_at, address, user_agent) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&session.hash.bytes()[..])
        .bind(session.user.as_str())
        .bind(session.authenticated_at.millis())
        .bind(session.expires_at.millis())
        .bind(session.seen_at.millis())
        .bind(origin.peer.map(|peer| peer.ip().to_canonical().to_string()))
        .bind(origin.user_agent.as_deref().map(storable))
        .execute(tx.connection())
        .await
        .doing("start a session")?;
        tx.record(None, ControlEvent::done(Operation::LoginOk).on("user", session.user.as_str()));
        if is_new_place(&mut tx, &session.user).await? {
            tx.record(None, ControlEvent::done(Operation::LoginNewPlace).on("user", session.user.as_str()));
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn session(&self, hash: &HashedToken, at: Timestamp, idle: Duration) -> Result<Option<SessionFacts>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT s.hash AS s_hash, s.user_id AS s_user_id, s.authenticated_at AS s_authenticated_at, \
             s.expires_at AS s_expires_at, s.seen_at AS s_seen_at, w.one_time AS w_one_time, \
             p.user_id AS p_user_id, m.roles AS m_roles, ",
            user_columns!(),
            ", ",
            org_columns!(),
            " FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN passwords w ON w.user_id = u.id \
             LEFT JOIN operators p ON p.user_id = u.id \
             LEFT JOIN memberships m ON m.user_id = u.id LEFT JOIN orgs o ON o.id = m.org_id AND o.state = 'active' \
             WHERE s.hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND u.state = 'active' ORDER BY o.slug"
        ))
        .bind(&hash.bytes()[..])
        .bind(at.millis())
        .bind(at.minus(idle).millis())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("read a session")?;
        let Some(mut facts) = session_facts(&rows)? else { return Ok(None) };
        let session = &mut facts.session;
        if at.since(session.seen_at) >= SEEN_EVERY {
            sqlx::query("UPDATE sessions SET seen_at = $1 WHERE hash = $2 AND seen_at < $1")
                .bind(at.millis())
                .bind(&hash.bytes()[..])
                .execute(&mut *self.writer().await?)
                .await
                .doing("note a session's use")?;
            session.seen_at = at;
        }
        Ok(Some(facts))
    }

    async fn end_session(&self, hash: &HashedToken, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE hash = $1 RETURNING user_id")
            .bind(&hash.bytes()[..])
            .fetch_optional(tx.connection())
            .await
            .doing("end a session")?;
        let Some(ended) = ended else { return Ok(()) };
        let user = Fields::of(&ended, "sessions", "user_id").parsed("user_id", UserId::parse)?;
        record_of_account(&mut tx, &user, ControlEvent::done(Operation::Logout).on("user", user.as_str())).await?;
        tx.commit().await
    }

    async fn sessions_of(&self, user: &UserId, at: Timestamp, idle: Duration) -> Result<Vec<SessionDetails>, StoreError> {
        let rows = sqlx::query(
            "SELECT s.hash AS s_hash, s.user_id AS s_user_id, s.authenticated_at AS s_authenticated_at, \
             s.expires_at AS s_expires_at, s.seen_at AS s_seen_at, s.address AS s_address, s.user_agent AS s_user_agent \
             FROM sessions s WHERE s.user_id = $1 AND s.expires_at > $2 AND s.seen_at > $3 ORDER BY s.seen_at DESC, s.hash",
        )
        .bind(user.as_str())
        .bind(at.millis())
        .bind(at.minus(idle).millis())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list sessions")?;
        let details = |row| {
            let fields = Fields::of(row, "sessions", "s_user_id");
            Ok(SessionDetails {
                session: session(row)?,
                address: fields.value("s_address")?,
                user_agent: fields.value("s_user_agent")?,
            })
        };
        rows.iter().map(details).collect()
    }

    async fn end_other_sessions(&self, user: &UserId, keep: Option<&HashedToken>, cause: &Cause) -> Result<u64, StoreError> {
        let mut tx = self.begin(cause).await?;
        // No session's hash is empty: without one to keep, all of them end.
        let done = sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND hash <> $2")
            .bind(user.as_str())
            .bind(keep.map_or(&[][..], |hash| hash.bytes()))
            .execute(tx.connection())
            .await
            .doing("end a user's other sessions")?;
        if done.rows_affected() > 0 {
            let event = ControlEvent::done(Operation::Logout).on("user", user.as_str());
            let which = if keep.is_some() { "other " } else { "" };
            record_of_account(&mut tx, user, event.with_comment(format!("{} {which}sessions", done.rows_affected()))).await?;
            tx.commit().await?;
        }
        Ok(done.rows_affected())
    }

    async fn freeze_request(&self, request: &AuthRequest, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        sqlx::query("INSERT INTO auth_requests (id, client_id, request, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(request.id.as_str())
            .bind(request.client.as_str())
            .bind(json(request)?)
            .bind(request.expires_at.millis())
            .execute(tx.connection())
            .await
            .doing("freeze an authorization request")?;
        let org = owner_of(&mut tx, &request.client).await?;
        let event = ControlEvent::done(Operation::AuthorizeRequest).on("client", request.client.as_str());
        tx.record(org.as_ref(), event.with_scopes(request.scopes.clone()));
        tx.commit().await
    }

    async fn pending_request(&self, id: &AuthRequestId, at: Timestamp) -> Result<Option<AuthRequest>, StoreError> {
        let row = sqlx::query("SELECT id, request FROM auth_requests WHERE id = $1 AND decided_at IS NULL AND expires_at > $2")
            .bind(id.as_str())
            .bind(at.millis())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an authorization request")?;
        row.map(|row| Fields::of(&row, "auth_requests", "id").json("request")).transpose()
    }

    async fn approve_request(
        &self,
        id: &AuthRequestId,
        approved: &ApprovedRequest,
        still: &dyn StillAsks,
        cause: &Cause,
    ) -> Result<Approve, StoreError> {
        let grant = &approved.grant;
        let mut tx = self.begin(cause).await?;
        // First of all: whoever removes a client locks it before what waits for it.
        if !clients::hold(&mut tx, &grant.client, still).await? {
            return Ok(Approve::Gone);
        }
        let Some(request) = decide(&mut tx, id, "approved").await? else { return Ok(Approve::Gone) };
        // A deactivation that runs at the same time must not miss the grant that is being made.
        let member = Membership { org: grant.org.clone(), user: grant.user.clone(), roles: Vec::new() };
        if !hold_member(&mut tx, &member).await? {
            return Ok(Approve::Gone);
        }
        grants::insert(&mut tx, grant, approved.trial).await?;
        grants::supersede(&mut tx, grant, still).await?;
        insert_code(&mut tx, &request, approved).await?;
        let mut actor = cause.actor.clone();
        actor.user.get_or_insert_with(|| grant.user.clone());
        actor.client.get_or_insert_with(|| grant.client.clone());
        let event = ControlEvent::done(Operation::AuthorizeConsent).on("grant", grant.id.as_str());
        tx.touch(Subject::Grant { id: grant.id.clone() });
        tx.record_as(&actor, Some(&grant.org), event.with_scopes(grant.scopes.clone()));
        tx.commit().await?;
        Ok(Approve::Done)
    }

    async fn deny_request(&self, id: &AuthRequestId, cause: &Cause) -> Result<Approve, StoreError> {
        let mut tx = self.begin(cause).await?;
        let Some(request) = decide(&mut tx, id, "denied").await? else { return Ok(Approve::Gone) };
        let org = owner_of(&mut tx, &request.client).await?;
        let event = ControlEvent::refused(Operation::AuthorizeDeny, "access_denied").on("client", request.client.as_str());
        tx.record(org.as_ref(), event.with_scopes(request.scopes));
        tx.commit().await?;
        Ok(Approve::Done)
    }
}
