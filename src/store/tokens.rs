//! Authorization codes, refresh tokens, and access tokens that were revoked one by one.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;

use super::{Grant, StoreError};
use crate::record::Cause;
use crate::types::{ClientId, GrantId, HashedToken, RedirectUri, ResourceId, ScopeSet, Timestamp};

/// An authorization code as it was issued.
#[derive(Clone, Debug)]
pub struct CodeRecord {
    /// Its grant.
    pub grant: Grant,
    /// The client that it was issued to.
    pub client: ClientId,
    /// The redirect target that the authorization request named.
    pub redirect_uri: RedirectUri,
    /// `code_challenge`, S256 (RFC 7636 §4.2).
    pub challenge: String,
    /// The resources that the authorization request named.
    pub resources: Vec<ResourceId>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A refresh token to be stored.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    /// Its hash.
    pub hash: HashedToken,
    /// When it ends if it is not used.
    pub expires_at: Timestamp,
}

/// An access token that is signed, and handed out once it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccess {
    /// Its `jti`.
    pub jti: String,
    /// What it may be used for.
    pub scopes: ScopeSet,
}

/// The outcome of presenting a code.
#[derive(Clone, Debug)]
pub enum Redeem {
    /// This caller redeemed it.
    Won(Box<Grant>),
    /// It was redeemed before. Beyond the grace the grant was revoked, in this same transaction.
    Replayed {
        /// The code's grant.
        grant: GrantId,
        /// Whether the grant was revoked for it.
        revoked: bool,
    },
    /// No such code, or it has ended, or its grant has.
    Unknown,
}

/// The outcome of presenting a refresh token.
#[derive(Clone, Debug)]
pub enum Rotate {
    /// This caller rotated it; the successor is live.
    Won(Box<Grant>),
    /// It was rotated within the grace: the client lost an answer, or asked twice at once.
    Again {
        /// The grant.
        grant: Box<Grant>,
        /// Whether the successor has been rotated since; the caller then presents the successor in its place.
        successor_rotated: bool,
    },
    /// It was rotated before the grace began: the grant was revoked, in this same transaction.
    Reused(GrantId),
    /// No such token for this client, or it has ended, or its grant has.
    Unknown,
}

/// Verbs on codes and tokens.
#[async_trait]
pub trait TokenStore {
    /// A code, whether or not it still lives.
    async fn code(&self, hash: &HashedToken) -> Result<Option<CodeRecord>, StoreError>;
    /// Redeems a code for its client: puts `access` on record, and stores the first refresh token of the family when one is given.
    /// Exactly one caller wins; without `access` nobody does. A replay within `grace` of the redemption is refused and nothing
    /// more; a later one revokes the grant.
    async fn redeem_code(
        &self,
        hash: &HashedToken,
        client: &ClientId,
        access: Option<&NewAccess>,
        refresh: Option<&NewRefreshToken>,
        grace: Duration,
        cause: &Cause,
    ) -> Result<Redeem, StoreError>;
    /// Replaces a refresh token of `client` by its successor, and puts `access` on record, as it does when the token was rotated
    /// within the grace and its successor lives. Exactly one caller wins; without `access` nobody does.
    async fn rotate_refresh(
        &self,
        presented: &HashedToken,
        client: &ClientId,
        access: Option<&NewAccess>,
        successor: &NewRefreshToken,
        grace: Duration,
        cause: &Cause,
    ) -> Result<Rotate, StoreError>;
    /// The grant of a refresh token, whether or not the token lives at `at`.
    async fn refresh_grant(&self, hash: &HashedToken, at: Timestamp) -> Result<Option<(Grant, RefreshState)>, StoreError>;
    /// Notes that an access token was issued (`token.issue`) for which nothing was used up.
    async fn note_token(&self, grant: &Grant, access: &NewAccess, cause: &Cause) -> Result<(), StoreError>;
    /// Revokes one access token by its `jti`; remembered until `until`. The feed names its grant.
    async fn revoke_access_token(&self, jti: &str, grant: &GrantId, until: Timestamp, cause: &Cause) -> Result<(), StoreError>;
    /// Whether an access token was revoked by its `jti`.
    async fn access_token_revoked(&self, jti: &str) -> Result<bool, StoreError>;
    /// Which of these access tokens were revoked by their `jti`.
    async fn access_tokens_revoked(&self, jtis: &[&str]) -> Result<HashSet<String>, StoreError>;
    /// Forgets codes, sessions and requests that ended before `before`; says how many. Of very many some are left for the next time.
    async fn forget_ended(&self, before: Timestamp) -> Result<u64, StoreError>;
    /// The same for refresh tokens that expired before `before`, and those of grants that were revoked in the day before that. One that
    /// was rotated is known as long as it would have lived: that it comes again ends its grant.
    async fn forget_refresh_tokens(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// Where a refresh token is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// It can be used.
    Live {
        /// Until when.
        expires_at: Timestamp,
    },
    /// It was replaced, or has ended, or its grant has.
    Dead,
}
