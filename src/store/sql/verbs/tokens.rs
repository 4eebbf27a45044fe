//! Codes, refresh tokens, and access tokens that were revoked one by one.
//!
//! One conditional statement decides who wins. Whoever it refuses looks a second time, to tell a replay from a stranger; what
//! that look leads to is committed like a success.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::audit_row::revoked;
use super::super::fault::Doing;
use super::Db;
use super::among::among;
use super::engine::{Engine, Tx};
use super::forgetting::Old;
use super::grants::live;
use super::revocation::{Ending, end};
use super::rows::{self, Fields};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    CodeRecord, Grant, GrantState, NewAccess, NewRefreshToken, Redeem, RefreshState, RevokeReason, Rotate, StoreError, Subject,
    TokenStore,
};
use crate::types::{ClientId, GrantId, HashedToken, OrgId, RedirectUri, Timestamp};

/// How long a place is remembered that a user no longer signs in from.
const KEEP_PLACES: Duration = Duration::from_hours(365 * 24);

/// How far back grants are looked at whose refresh tokens are of no use any more.
const LOOK_BACK: Duration = Duration::from_hours(24);

macro_rules! ended {
    ($table:literal, $key:literal, $end:literal) => {
        Old { table: $table, key: $key, which: concat!("t.", $end, " < $1 ORDER BY t.", $end) }
    };
}

/// What ends by itself, codes of grants that were revoked among it.
const ENDED: [Old; 10] = [
    ended!("codes", "hash", "expires_at"),
    ended!("auth_requests", "id", "expires_at"),
    ended!("trials", "session", "expires_at"),
    ended!("trial_grants", "grant_id", "ends_at"),
    ended!("device_requests", "device", "expires_at"),
    ended!("repeatable_requests", "key", "expires_at"),
    ended!("revoked_access_tokens", "jti", "until_at"),
    ended!("sessions", "hash", "expires_at"),
    ended!("invitations", "hash", "expires_at"),
    ended!("client_secrets", "hash", "expires_at"),
];
const PLACES: Old = ended!("sign_in_places", "user_id, place", "seen_at");
const EXPIRED: Old = ended!("refresh_tokens", "hash", "expires_at");
const REVOKED: Old = Old {
    table: "refresh_tokens",
    key: "hash",
    which: "t.grant_id IN (SELECT g.id FROM grants g WHERE g.revoked_at < $1 AND g.revoked_at >= $2)",
};

pub(super) async fn insert_refresh(tx: &mut Tx<'_>, grant: &GrantId, token: &NewRefreshToken) -> Result<(), StoreError> {
    let at = tx.cause.at.millis();
    sqlx::query("INSERT INTO refresh_tokens (hash, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(&token.hash.bytes()[..])
        .bind(grant.as_str())
        .bind(at)
        .bind(token.expires_at.millis())
        .execute(tx.connection())
        .await
        .doing("write a refresh token")
        .map(drop)
}

/// Puts on record that an access token is issued. What is used up for it is used up in this same transaction: an answer that can't
/// be given has cost its client nothing.
pub(super) fn issued(tx: &mut Tx<'_>, grant: &Grant, access: &NewAccess, operation: Operation) {
    let mut actor = tx.cause.actor.clone();
    actor.user.get_or_insert_with(|| grant.user.clone());
    actor.client.get_or_insert_with(|| grant.client.clone());
    actor.grant.get_or_insert_with(|| grant.id.clone());
    actor.token = Some(access.jti.clone());
    let event = ControlEvent::done(operation).on("grant", grant.id.as_str()).with_scopes(access.scopes.clone());
    tx.record_as(&actor, Some(&grant.org), event);
}

/// Takes a code that can be redeemed: says which grant.
async fn take_code(tx: &mut Tx<'_>, hash: &HashedToken, client: &ClientId) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar(
        "UPDATE codes SET redeemed_at = $1 WHERE hash = $2 AND client_id = $3 AND redeemed_at IS NULL AND expires_at > $1 \
         AND EXISTS (SELECT 1 FROM grants g WHERE g.id = codes.grant_id AND g.revoked_at IS NULL \
         AND (g.expires_at IS NULL OR g.expires_at > $1)) RETURNING grant_id",
    )
    .bind(tx.cause.at.millis())
    .bind(&hash.bytes()[..])
    .bind(client.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("redeem a code")
}

/// Marks a refresh token that can be used as rotated: says which grant.
async fn take_refresh(
    tx: &mut Tx<'_>,
    presented: &HashedToken,
    client: &ClientId,
    successor: &HashedToken,
) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar(
        "UPDATE refresh_tokens SET rotated_at = $1, successor = $2 WHERE hash = $3 AND rotated_at IS NULL \
         AND expires_at > $1 AND EXISTS (SELECT 1 FROM grants g WHERE g.id = refresh_tokens.grant_id \
         AND g.client_id = $4 AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $1)) RETURNING grant_id",
    )
    .bind(tx.cause.at.millis())
    .bind(&successor.bytes()[..])
    .bind(&presented.bytes()[..])
    .bind(client.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("rotate a refresh token")
}

/// A code that was not won: unknown to this client, dead, or redeemed before.
async fn look_at_code(mut tx: Tx<'_>, hash: &HashedToken, client: &ClientId, grace: Duration) -> Result<Redeem, StoreError> {
    let row = sqlx::query("SELECT grant_id, redeemed_at FROM codes WHERE hash = $1 AND client_id = $2")
        .bind(&hash.bytes()[..])
        .bind(client.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("look at a code again")?;
    let Some(row) = row else { return Ok(Redeem::Unknown) };
    let fields = Fields::of(&row, "codes", "grant_id");
    let Some(redeemed_at) = fields.maybe_time("redeemed_at")? else { return Ok(Redeem::Unknown) };
    let Some(grant) = live(&mut tx, fields.value("grant_id")?).await? else { return Ok(Redeem::Unknown) };
    let replayed = tx.cause.at.since(redeemed_at) >= grace;
    if replayed {
        end(&mut tx, Ending::One(&grant.id, None), RevokeReason::CodeReplay).await?;
    } else {
        let event = revoked(RevokeReason::CodeReplay).with_comment("soon after its redemption: the grant was kept");
        tx.record(Some(&grant.org), event.on("grant", grant.id.as_str()));
    }
    tx.commit().await?;
    Ok(Redeem::Replayed { grant: grant.id, revoked: replayed })
}

/// A refresh token that was not won: unknown to this client, dead, or rotated before.
async fn look_at_refresh(
    mut tx: Tx<'_>,
    presented: &HashedToken,
    client: &ClientId,
    access: Option<&NewAccess>,
    grace: Duration,
) -> Result<Rotate, StoreError> {
    let row = sqlx::query(
        "SELECT t.grant_id AS grant_id, t.rotated_at AS rotated_at, s.rotated_at AS successor_rotated_at \
         FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id LEFT JOIN refresh_tokens s ON s.hash = t.successor \
         WHERE t.hash = $1 AND g.client_id = $2",
    )
    .bind(&presented.bytes()[..])
    .bind(client.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("look at a refresh token again")?;
    let Some(row) = row else { return Ok(Rotate::Unknown) };
    let fields = Fields::of(&row, "refresh_tokens", "grant_id");
    let Some(rotated_at) = fields.maybe_time("rotated_at")? else { return Ok(Rotate::Unknown) };
    let Some(grant) = live(&mut tx, fields.value("grant_id")?).await? else { return Ok(Rotate::Unknown) };
    if tx.cause.at.since(rotated_at) < grace {
        let successor_rotated = fields.maybe_time("successor_rotated_at")?.is_some();
        if let Some(access) = access.filter(|_| !successor_rotated) {
            issued(&mut tx, &grant, access, Operation::TokenRefresh);
            tx.commit().await?;
        }
        return Ok(Rotate::Again { grant: Box::new(grant), successor_rotated });
    }
    end(&mut tx, Ending::One(&grant.id, None), RevokeReason::RefreshReuse).await?;
    tx.commit().await?;
    Ok(Rotate::Reused(grant.id))
}

#[async_trait]
impl TokenStore for Engine {
    async fn code(&self, hash: &HashedToken) -> Result<Option<CodeRecord>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT k.client_id AS k_client_id, k.redirect_uri AS k_redirect_uri, k.challenge AS k_challenge, \
             k.resources AS k_resources, k.expires_at AS k_expires_at, ",
            grant_columns!(),
            " FROM codes k JOIN grants g ON g.id = k.grant_id WHERE k.hash = $1"
        ))
        .bind(&hash.bytes()[..])
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read a code")?;
        let Some(row) = row else { return Ok(None) };
        let fields = Fields::of(&row, "codes", "g_id");
        Ok(Some(CodeRecord {
            grant: rows::grant(&row)?,
            client: fields.parsed("k_client_id", ClientId::parse)?,
            redirect_uri: fields.parsed("k_redirect_uri", RedirectUri::parse)?,
            challenge: fields.value("k_challenge")?,
            resources: fields.json("k_resources")?,
            expires_at: fields.time("k_expires_at")?,
        }))
    }

    async fn redeem_code(
        &self,
        hash: &HashedToken,
        client: &ClientId,
        access: Option<&NewAccess>,
        refresh: Option<&NewRefreshToken>,
        grace: Duration,
        cause: &Cause,
    ) -> Result<Redeem, StoreError> {
        let mut tx = self.begin(cause).await?;
        let Some(access) = access else { return look_at_code(tx, hash, client, grace).await };
        let Some(grant) = take_code(&mut tx, hash, client).await? else { return look_at_code(tx, hash, client, grace).await };
        // A revocation that committed since the statement began undoes the redemption.
        let Some(grant) = live(&mut tx, &grant).await? else { return Ok(Redeem::Unknown) };
        if let Some(refresh) = refresh {
            insert_refresh(&mut tx, &grant.id, refresh).await?;
        }
        issued(&mut tx, &grant, access, Operation::TokenIssue);
        tx.commit().await?;
        Ok(Redeem::Won(Box::new(grant)))
    }

    async fn rotate_refresh(
        &self,
        presented: &HashedToken,
        client: &ClientId,
        access: Option<&NewAccess>,
        successor: &NewRefreshToken,
        grace: Duration,
        cause: &Cause,
    ) -> Result<Rotate, StoreError> {
        let mut tx = self.begin(cause).await?;
        let Some(new) = access else { return look_at_refresh(tx, presented, client, None, grace).await };
        let taken = take_refresh(&mut tx, presented, client, &successor.hash).await?;
        let Some(grant) = taken else { return look_at_refresh(tx, presented, client, access, grace).await };
        // A revocation that committed since the statement began undoes the rotation.
        let Some(grant) = live(&mut tx, &grant).await? else { return Ok(Rotate::Unknown) };
        insert_refresh(&mut tx, &grant.id, successor).await?;
        issued(&mut tx, &grant, new, Operation::TokenRefresh);
        tx.commit().await?;
        Ok(Rotate::Won(Box::new(grant)))
    }

    async fn refresh_grant(&self, hash: &HashedToken, at: Timestamp) -> Result<Option<(Grant, RefreshState)>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT t.rotated_at AS t_rotated_at, t.expires_at AS t_expires_at, ",
            grant_columns!(),
            " FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE t.hash = $1"
        ))
        .bind(&hash.bytes()[..])
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read a refresh token")?;
        let Some(row) = row else { return Ok(None) };
        let fields = Fields::of(&row, "refresh_tokens", "g_id");
        let grant = rows::grant(&row)?;
        let expires_at = fields.time("t_expires_at")?;
        let ended = expires_at <= at || grant.expires_at.is_some_and(|end| end <= at);
        let dead = ended || grant.state != GrantState::Live || fields.maybe_time("t_rotated_at")?.is_some();
        Ok(Some((grant, if dead { RefreshState::Dead } else { RefreshState::Live { expires_at } })))
    }

    async fn note_token(&self, grant: &Grant, access: &NewAccess, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        issued(&mut tx, grant, access, Operation::TokenIssue);
        tx.commit().await
    }

    async fn revoke_access_token(&self, jti: &str, grant: &GrantId, until: Timestamp, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query(
            "INSERT INTO revoked_access_tokens (jti, grant_id, until_at) VALUES ($1, $2, $3) ON CONFLICT (jti) DO NOTHING",
        )
        .bind(jti)
        .bind(grant.as_str())
        .bind(until.millis())
        .execute(tx.connection())
        .await
        .doing("revoke an access token")?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        // Wherever its grant was: it may have ended by now.
        let row = sqlx::query("SELECT id, org_id FROM grants WHERE id = $1")
            .bind(grant.as_str())
            .fetch_optional(tx.connection())
            .await
            .doing("read a grant")?;
        let org = row.map(|row| Fields::of(&row, "grants", "id").parsed("org_id", OrgId::parse)).transpose()?;
        tx.touch(Subject::Grant { id: grant.clone() });
        tx.record(org.as_ref(), ControlEvent::done(Operation::TokenRevoke).on("grant", grant.as_str()));
        tx.commit().await
    }

    async fn access_token_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS many FROM revoked_access_tokens WHERE jti = $1")
            .bind(jti)
            .fetch_one(&mut *self.reader().await?)
            .await
            .doing("look for a revoked access token")?;
        Ok(Fields::of(&row, "revoked_access_tokens", "many").count("many")? > 0)
    }

    async fn access_tokens_revoked(&self, jtis: &[&str]) -> Result<HashSet<String>, StoreError> {
        let mut query = QueryBuilder::<Db>::new("SELECT jti FROM revoked_access_tokens WHERE jti IN ");
        among(&mut query, jtis.iter().copied());
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("look for revoked access tokens")?;
        rows.iter().map(|row| Fields::of(row, "revoked_access_tokens", "jti").value("jti")).collect()
    }

    async fn forget_ended(&self, before: Timestamp) -> Result<u64, StoreError> {
        let ended = self.forget_each(&ENDED, &[before.millis()]).await;
        let places = self.forget(&PLACES, &[before.minus(KEEP_PLACES).millis()]).await;
        Ok(ended? + places?)
    }

    async fn forget_refresh_tokens(&self, before: Timestamp) -> Result<u64, StoreError> {
        let expired = self.forget(&EXPIRED, &[before.millis()]).await;
        // A token of a grant that ended earlier, and was not looked at then, goes when it expires itself.
        let revoked = self.forget(&REVOKED, &[before.millis(), before.minus(LOOK_BACK).millis()]).await;
        Ok(expired? + revoked?)
    }
}
