//! Grants: what consent creates and revocation ends.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Approvals, Client, ClientPolicy, Org, StoreError, User};
use crate::record::Cause;
use crate::types::{ClientId, GrantId, OrgId, ResourceId, RoleName, ScopeSet, Selectors, Timestamp, UserId};

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id; runs through code, refresh family, access tokens, audit and pages.
    pub id: GrantId,
    /// The organization it is bound to.
    pub org: OrgId,
    /// The user it speaks for.
    pub user: UserId,
    /// The client that holds it.
    pub client: ClientId,
    /// What was consented to.
    pub scopes: ScopeSet,
    /// What some of them are narrowed to.
    pub selectors: Selectors,
    /// The resources it is for; empty is every API.
    pub resources: Vec<ResourceId>,
    /// Whether it lives.
    pub state: GrantState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used at the gate.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a grant lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum GrantState {
    /// It does.
    Live,
    /// It does not.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: RevokeReason,
    },
}

/// Why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// Its user said so.
    User,
    /// An administrator said so.
    Admin,
    /// The client gave it back (RFC 7009).
    Client,
    /// Its code was presented twice (RFC 6749 §4.1.2).
    CodeReplay,
    /// A refresh token of it was presented after its successor (RFC 9700 §4.14.2).
    RefreshReuse,
    /// Its user was deactivated.
    UserDeactivated,
    /// Its user left the organization.
    MembershipRemoved,
    /// Its client was removed.
    ClientDeleted,
    /// A newer consent of the same user, organization and client took its place.
    Superseded,
    /// Its app was uninstalled in the organization.
    Uninstalled,
    /// A private scope that it holds was taken back.
    Policy,
}

/// A grant with everything that its effect depends on, read at one instant.
#[derive(Clone, Debug)]
pub struct GrantFacts {
    /// The grant.
    pub grant: Grant,
    /// Its user.
    pub user: User,
    /// Its organization.
    pub org: Org,
    /// Its client.
    pub client: Client,
    /// What the organization decided about the client.
    pub policy: ClientPolicy,
    /// The private scopes that the client was given.
    pub approvals: Approvals,
    /// The user's roles in the organization; `None` when it is no member.
    pub roles: Option<Vec<RoleName>>,
}

/// What has become of a grant by itself, whatever else may keep it from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantStanding {
    /// It lives.
    Live,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// Which grants of an organization; every field narrows.
#[derive(Clone, Debug, Default)]
pub struct GrantSearch {
    /// Of a user.
    pub user: Option<UserId>,
    /// Of a client.
    pub client: Option<ClientId>,
    /// What has become of it at an instant.
    pub standing: Option<(GrantStanding, Timestamp)>,
    /// Whether it idles.
    pub idle: Option<(Idle, Timestamp)>,
    /// Text that occurs in the name or the address of its user, in the name or the id of its client, or in a scope of it, ignoring
    /// case.
    pub text: String,
}

/// Whether a grant was neither used nor made since an instant; uses are known to the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It was not.
    Since,
    /// It was.
    Not,
}

/// What to take from a grant; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Scopes that it loses.
    pub without: ScopeSet,
    /// What scopes are narrowed to, besides what they are narrowed to already.
    pub selectors: Selectors,
    /// When it ends.
    pub until: Option<Timestamp>,
}

/// What came of taking something from a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrowed {
    /// All of it was taken.
    Done,
    /// It holds none of these scopes, or is not there to be narrowed; nothing was changed.
    NoScopes,
    /// The selectors narrow nothing or leave nothing, or it is not there to be narrowed; nothing was changed.
    NoSelectors,
    /// It ends before that anyway, or is not there to be limited; nothing was changed.
    NoEnd,
}

/// Verbs on grants.
#[async_trait]
pub trait GrantStore {
    /// A grant and what it depends on, in one read.
    async fn grant_facts(&self, id: &GrantId) -> Result<Option<GrantFacts>, StoreError>;
    /// The same of several, in one read and in no order; those that are not there are left out.
    async fn facts_of_grants(&self, ids: &[GrantId]) -> Result<Vec<GrantFacts>, StoreError>;
    /// The live grant of a machine client, made when there is none. `scopes` replaces the grant's own. `None` when its user or an
    /// administrator revoked the last one, and nobody has enabled the client since.
    async fn machine_grant(&self, wanted: &Grant, cause: &Cause) -> Result<Option<Grant>, StoreError>;
    /// The grants of a user, newest first, with those revoked after `revoked_since`.
    async fn grants_of_user(&self, user: &UserId, revoked_since: Timestamp) -> Result<Vec<GrantFacts>, StoreError>;
    /// The grants in an organization, newest first.
    async fn grants_of_org(&self, org: &OrgId) -> Result<Vec<GrantFacts>, StoreError>;
    /// The grants in an organization that `search` asks for, newest first: at most `limit` behind `after`.
    async fn find_grants(
        &self,
        org: &OrgId,
        search: &GrantSearch,
        after: Option<&(Timestamp, GrantId)>,
        limit: u32,
    ) -> Result<Vec<GrantFacts>, StoreError>;
    /// Every grant, newest first, at most `limit`.
    async fn grants(&self, limit: u32) -> Result<Vec<GrantFacts>, StoreError>;
    /// Ends a grant and every refresh token and code of it, also one that has expired by the cause's clock: another's may be behind.
    /// `false` when it was revoked before or there is none. With `owner`,
    /// only that user's grant.
    async fn revoke_grant(
        &self,
        id: &GrantId,
        owner: Option<&UserId>,
        reason: RevokeReason,
        cause: &Cause,
    ) -> Result<bool, StoreError>;
    /// Takes several things from a user's own live grant: all of them or none. Each as the verb below does it alone.
    async fn take_from_grant(
        &self,
        id: &GrantId,
        owner: &UserId,
        narrowing: &Narrowing,
        cause: &Cause,
    ) -> Result<Narrowed, StoreError>;
    /// Takes scopes from a user's own live grant; its tokens narrow at once. `false` when there is no such grant, or it held none
    /// of them. The grant of a machine client is its administrator's to change.
    async fn narrow_grant(&self, id: &GrantId, owner: &UserId, without: &ScopeSet, cause: &Cause) -> Result<bool, StoreError>;
    /// Narrows scopes of a live grant of `owner` to selectors, besides those that they are narrowed to already; whether anything
    /// changed. A scope that is left with nothing to select is lost. Machine grants have what their client has.
    async fn select_in_grant(&self, id: &GrantId, owner: &UserId, to: &Selectors, cause: &Cause) -> Result<bool, StoreError>;
    /// Lets a user's own live grant end at `until`; `false` when there is no such grant, or it ends before that anyway.
    async fn limit_grant(&self, id: &GrantId, owner: &UserId, until: Timestamp, cause: &Cause) -> Result<bool, StoreError>;
    /// Whether any live grant in `org` uses the client: "nobody in your organization uses it".
    async fn client_used_in_org(&self, client: &ClientId, org: &OrgId) -> Result<bool, StoreError>;
}
