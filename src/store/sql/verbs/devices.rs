//! Device authorization requests.

use std::time::Duration;

use async_trait::async_trait;

use super::super::fault::Doing;
use super::super::values::{json, storable};
use super::engine::{Engine, Tx};
use super::grants::{self, live};
use super::rows::Fields;
use super::sessions::{hold_member, owner_of};
use super::tokens::{insert_refresh, issued};
use super::{Row, clients};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    Approve, Created, DevicePoll, DeviceRequest, DeviceStore, Grant, Membership, NewAccess, NewRefreshToken, StillAsks,
    StoreError, Subject,
};
use crate::types::{AuthRequestId, ClientId, GrantId, HashedToken, ScopeSet, Timestamp, UserCode};

/// Said in the log about requests that no browser brought.
const ON_A_DEVICE: &str = "on a device";
/// What a device may be early by: an answer and a question need some time on the way.
const EARLY: i64 = 1000;
/// What every hasty question adds to the interval (RFC 8628 §3.5).
const SLOWER: i64 = 5000;
/// No device waits longer than this.
const SLOWEST: i64 = 60_000;

macro_rules! select_device {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_code, client_id, scopes, resources, from_address, user_agent, interval_ms, created_at, expires_at, \
             grant_id FROM device_requests ",
            $rest
        )
    };
}

fn request(row: &Row) -> Result<DeviceRequest, StoreError> {
    let f = Fields::of(row, "device_requests", "id");
    let code: &str = f.value("user_code")?;
    let from: Option<&str> = f.value("from_address")?;
    Ok(DeviceRequest {
        id: f.parsed("id", AuthRequestId::parse)?,
        client: f.parsed("client_id", ClientId::parse)?,
        user_code: UserCode::typed(code).ok_or_else(|| f.inconsistent("user_code"))?,
        scopes: f.json("scopes")?,
        resources: f.json("resources")?,
        from: from.map(|a| a.parse().map_err(|_| f.inconsistent("from_address"))).transpose()?,
        user_agent: f.value("user_agent")?,
        interval: Duration::from_millis(f.count("interval_ms")?),
        created_at: f.time("created_at")?,
        expires_at: f.time("expires_at")?,
        grant: f.maybe_parsed("grant_id", GrantId::parse)?,
    })
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Takes an approved request for the caller, if it is the one: says which grant.
async fn win(tx: &mut Tx<'_>, device: &HashedToken, client: &ClientId) -> Result<Option<String>, StoreError> {
    let at = tx.cause.at.millis();
    sqlx::query_scalar(
        "UPDATE device_requests SET redeemed_at = $1 WHERE device = $2 AND client_id = $3 AND decision = 'approved' \
         AND redeemed_at IS NULL AND expires_at > $1 AND EXISTS (SELECT 1 FROM grants g WHERE g.id = device_requests.grant_id \
         AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $1)) RETURNING grant_id",
    )
    .bind(at)
    .bind(&device.bytes()[..])
    .bind(client.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("give a device its grant")
}

/// Notes a question about a request that waits, when the device kept its interval.
async fn in_time(tx: &mut Tx<'_>, device: &HashedToken, client: &ClientId) -> Result<bool, StoreError> {
    let at = tx.cause.at.millis();
    let done = sqlx::query(
        "UPDATE device_requests SET polled_at = $1 WHERE device = $2 AND client_id = $3 AND decided_at IS NULL \
         AND expires_at > $1 AND (polled_at IS NULL OR polled_at + interval_ms <= $4)",
    )
    .bind(at)
    .bind(&device.bytes()[..])
    .bind(client.as_str())
    .bind(at.saturating_add(EARLY))
    .execute(tx.connection())
    .await
    .doing("note a device's question")?;
    Ok(done.rows_affected() > 0)
}

/// Makes a device that did not wait wait longer; `None` when its request does not wait either.
async fn slow_down(tx: &mut Tx<'_>, device: &HashedToken, client: &ClientId) -> Result<Option<Duration>, StoreError> {
    let at = tx.cause.at.millis();
    let row = sqlx::query(
        "UPDATE device_requests SET polled_at = $1, \
         interval_ms = CASE WHEN interval_ms + $4 > $5 THEN $5 ELSE interval_ms + $4 END \
         WHERE device = $2 AND client_id = $3 AND decided_at IS NULL AND expires_at > $1 RETURNING id, interval_ms",
    )
    .bind(at)
    .bind(&device.bytes()[..])
    .bind(client.as_str())
    .bind(SLOWER)
    .bind(SLOWEST)
    .fetch_optional(tx.connection())
    .await
    .doing("slow a device down")?;
    row.map(|row| Fields::of(&row, "device_requests", "id").count("interval_ms").map(Duration::from_millis)).transpose()
}

/// A request that neither waits nor was won; perhaps because its device had nothing signed to be given out.
async fn look_again(tx: &mut Tx<'_>, device: &HashedToken, client: &ClientId, without: bool) -> Result<DevicePoll, StoreError> {
    let at = tx.cause.at;
    let row =
        sqlx::query("SELECT id, expires_at, redeemed_at, decision FROM device_requests WHERE device = $1 AND client_id = $2")
            .bind(&device.bytes()[..])
            .bind(client.as_str())
            .fetch_optional(tx.connection())
            .await
            .doing("look at a device's request again")?;
    let Some(row) = row else { return Ok(DevicePoll::Unknown) };
    let fields = Fields::of(&row, "device_requests", "id");
    let decision: Option<&str> = fields.value("decision")?;
    let waits = fields.maybe_time("redeemed_at")?.is_none();
    Ok(match decision {
        Some("denied") => DevicePoll::Denied,
        // Approved a moment ago: this device asked for nothing yet that could be handed out.
        Some(_) if waits && without && fields.time("expires_at")? > at => DevicePoll::Pending,
        _ if waits && fields.time("expires_at")? <= at => DevicePoll::Expired,
        _ => DevicePoll::Unknown,
    })
}

#[async_trait]
impl DeviceStore for Engine {
    async fn begin_device(&self, request: &DeviceRequest, device: &HashedToken, cause: &Cause) -> Result<Created, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query(
            "INSERT INTO device_requests (device, id, user_code, client_id, scopes, resources, from_address, user_agent, \
             interval_ms, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (user_code) DO NOTHING",
        )
        .bind(&device.bytes()[..])
        .bind(request.id.as_str())
        .bind(request.user_code.letters())
        .bind(request.client.as_str())
        .bind(json(&request.scopes)?)
        .bind(json(&request.resources)?)
        .bind(request.from.map(|a| a.to_string()))
        .bind(request.user_agent.as_deref().map(storable))
        .bind(millis(request.interval))
        .bind(request.created_at.millis())
        .bind(request.expires_at.millis())
        .execute(tx.connection())
        .await
        .doing("freeze a device's request")?;
        if done.rows_affected() == 0 {
            return Ok(Created::Taken);
        }
        let org = owner_of(&mut tx, &request.client).await?;
        let event = ControlEvent::done(Operation::AuthorizeRequest).on("client", request.client.as_str());
        tx.record(org.as_ref(), event.with_scopes(request.scopes.clone()).with_comment(ON_A_DEVICE));
        tx.commit().await?;
        Ok(Created::Done)
    }

    async fn waiting_device(&self, code: &UserCode, at: Timestamp) -> Result<Option<DeviceRequest>, StoreError> {
        let row = sqlx::query(select_device!("WHERE user_code = $1 AND decided_at IS NULL AND expires_at > $2"))
            .bind(code.letters())
            .bind(at.millis())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a device's request")?;
        row.as_ref().map(request).transpose()
    }

    async fn device_request(&self, device: &HashedToken) -> Result<Option<DeviceRequest>, StoreError> {
        let row = sqlx::query(select_device!("WHERE device = $1"))
            .bind(&device.bytes()[..])
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a device's request")?;
        row.as_ref().map(request).transpose()
    }

    async fn approve_device(
        &self,
        code: &UserCode,
        grant: &Grant,
        still: &dyn StillAsks,
        cause: &Cause,
    ) -> Result<Approve, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !clients::hold(&mut tx, &grant.client, still).await? {
            return Ok(Approve::Gone);
        }
        // A deactivation that runs at the same time must not miss the grant that is being made.
        let member = Membership { org: grant.org.clone(), user: grant.user.clone(), roles: Vec::new() };
        if !hold_member(&mut tx, &member).await? {
            return Ok(Approve::Gone);
        }
        grants::insert(&mut tx, grant, false).await?;
        let decided = sqlx::query(
            "UPDATE device_requests SET decided_at = $1, decision = 'approved', grant_id = $2 \
             WHERE user_code = $3 AND client_id = $4 AND decided_at IS NULL AND expires_at > $1",
        )
        .bind(cause.at.millis())
        .bind(grant.id.as_str())
        .bind(code.letters())
        .bind(grant.client.as_str())
        .execute(tx.connection())
        .await
        .doing("approve a device's request")?;
        if decided.rows_affected() == 0 {
            return Ok(Approve::Gone);
        }
        grants::supersede(&mut tx, grant, still).await?;
        let mut actor = cause.actor.clone();
        actor.user.get_or_insert_with(|| grant.user.clone());
        actor.client.get_or_insert_with(|| grant.client.clone());
        let event = ControlEvent::done(Operation::AuthorizeConsent).on("grant", grant.id.as_str());
        tx.touch(Subject::Grant { id: grant.id.clone() });
        tx.record_as(&actor, Some(&grant.org), event.with_scopes(grant.scopes.clone()).with_comment(ON_A_DEVICE));
        tx.commit().await?;
        Ok(Approve::Done)
    }

    async fn deny_device(&self, code: &UserCode, cause: &Cause) -> Result<Approve, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "UPDATE device_requests SET decided_at = $1, decision = 'denied' \
             WHERE user_code = $2 AND decided_at IS NULL AND expires_at > $1 RETURNING id, client_id, scopes",
        )
        .bind(cause.at.millis())
        .bind(code.letters())
        .fetch_optional(tx.connection())
        .await
        .doing("deny a device's request")?;
        let Some(row) = row else { return Ok(Approve::Gone) };
        let fields = Fields::of(&row, "device_requests", "id");
        let (client, scopes): (_, ScopeSet) = (fields.parsed("client_id", ClientId::parse)?, fields.json("scopes")?);
        let org = owner_of(&mut tx, &client).await?;
        let event = ControlEvent::refused(Operation::AuthorizeDeny, "access_denied").on("client", client.as_str());
        tx.record(org.as_ref(), event.with_scopes(scopes).with_comment(ON_A_DEVICE));
        tx.commit().await?;
        Ok(Approve::Done)
    }

    async fn poll_device(
        &self,
        device: &HashedToken,
        client: &ClientId,
        access: Option<&NewAccess>,
        refresh: Option<&NewRefreshToken>,
        cause: &Cause,
    ) -> Result<DevicePoll, StoreError> {
        let mut tx = self.begin(cause).await?;
        let won = match access {
            Some(access) => win(&mut tx, device, client).await?.map(|grant| (grant, access)),
            None => None,
        };
        if let Some((grant, access)) = won {
            // A revocation that committed since the statement began undoes the redemption.
            let Some(grant) = live(&mut tx, &grant).await? else { return Ok(DevicePoll::Unknown) };
            if let Some(refresh) = refresh {
                let expires_at = grant.expires_at.map_or(refresh.expires_at, |end| end.min(refresh.expires_at));
                insert_refresh(&mut tx, &grant.id, &NewRefreshToken { hash: refresh.hash, expires_at }).await?;
            }
            issued(&mut tx, &grant, access, Operation::TokenIssue);
            tx.commit().await?;
            return Ok(DevicePoll::Won(Box::new(grant)));
        }
        let outcome = if in_time(&mut tx, device, client).await? {
            DevicePoll::Pending
        } else if let Some(interval) = slow_down(&mut tx, device, client).await? {
            DevicePoll::TooFast(interval)
        } else {
            return look_again(&mut tx, device, client, access.is_none()).await;
        };
        tx.commit().await?;
        Ok(outcome)
    }
}
