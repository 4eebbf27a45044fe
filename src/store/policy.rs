//! What an organization decided about the clients that its members authorize.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ApiKey, Client, StoreError};
use crate::record::Cause;
use crate::types::{ClientId, OrgId, ScopeSet, Setting, Timestamp, UserId};

/// What an organization decided about one client. A part of what a grant may do at every moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPolicy {
    /// Whether the client may be used there.
    pub stance: Stance,
    /// The most it may hold there; `None` restricts nothing.
    pub scopes: Option<ScopeSet>,
}

/// Whether a client may be used in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// It may: somebody said so, or new clients need nobody's approval.
    Allowed,
    /// It may not. Its grants stay, and do nothing until it is allowed again.
    Blocked,
    /// It waits for an administrator.
    Pending,
}

/// What an administrator says about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be used.
    Allow,
    /// It may not.
    Block,
}

/// What happens with a client that nobody in the organization has decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewClients {
    /// Members may authorize it.
    Open,
    /// An administrator approves it first. The organization's own clients need no approval.
    Approval,
}

/// A client as the administrators of an organization see it.
#[derive(Clone, Debug)]
pub struct ClientUse {
    /// The client.
    pub client: Client,
    /// What the organization decided.
    pub policy: ClientPolicy,
    /// Users with a live grant.
    pub users: u64,
    /// Live grants.
    pub grants: u64,
    /// Its API keys that work, as far as they are concerned: they outlive the grants that made them.
    pub keys: Vec<ApiKey>,
    /// Since when its app is installed.
    pub installed_at: Option<Timestamp>,
    /// What its live grants and keys hold together.
    pub scopes: ScopeSet,
    /// When somebody first authorized it.
    pub first_granted_at: Option<Timestamp>,
    /// When it was first used at the gate, by day, as far back as use is remembered.
    pub first_used_at: Option<Timestamp>,
    /// When it was last used at the gate.
    pub last_used_at: Option<Timestamp>,
    /// Who asked for it first, and when, while it waits.
    pub asked: Option<(Option<UserId>, Timestamp)>,
}

/// Which clients of an organization to list.
#[derive(Clone, Copy, Debug)]
pub enum Listed<'a> {
    /// Those with a live grant or key or whose app is installed, and those that were decided about.
    Known,
    /// Those of them that match.
    Matching(&'a ClientUseSearch),
    /// Those that wait for an administrator.
    Waiting,
}

/// Which clients that an organization has anything to do with; every field narrows.
#[derive(Clone, Debug, Default)]
pub struct ClientUseSearch {
    /// With this stance; those that wait are those that somebody asked for.
    pub stance: Option<Stance>,
    /// That stand so.
    pub standing: Option<UseStanding>,
    /// Text that occurs in the client's name or id, in the name or the address of somebody who authorized it or on whose behalf a key of
    /// it works, or in a scope that it holds, ignoring case.
    pub text: String,
}

/// Whether a client may be used, of those that do not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseStanding {
    /// It may, with everything that it was given.
    Allowed,
    /// It may, within bounds.
    Restricted,
    /// It may not.
    Blocked,
    /// It may, and works nowhere: its owner switched it off, or the operator froze it.
    Off,
}

/// Verbs on what organizations decide about clients. A decision reaches live grants and tokens at once, through the feed.
#[async_trait]
pub trait PolicyStore {
    /// What `org` decided about `client`; a client that there is not waits or is allowed like any other new one.
    async fn client_policy(&self, org: &OrgId, client: &ClientId) -> Result<ClientPolicy, StoreError>;
    /// What happens with new clients in `org`.
    async fn new_clients(&self, org: &OrgId) -> Result<NewClients, StoreError>;
    /// How many clients that members of `org` authorized once would wait with new ones: nobody decided about them, and nothing of
    /// theirs is in use.
    async fn would_wait(&self, org: &OrgId, at: Timestamp) -> Result<u64, StoreError>;
    /// Decides that; `false` when it already was so. Clients that are in use when approval becomes necessary, by a key or installed, are allowed; those
    /// that wait when it ceases to be are undecided again.
    async fn set_new_clients(&self, org: &OrgId, to: NewClients, cause: &Cause) -> Result<bool, StoreError>;
    /// Allows or blocks a client; `false` when there is no such client or it already was so.
    async fn decide_client(&self, org: &OrgId, client: &ClientId, verdict: Verdict, cause: &Cause) -> Result<bool, StoreError>;
    /// Sets the most that a client may hold; `None` lifts it. `false` when there is no such client or it already was so.
    async fn restrict_client(
        &self,
        org: &OrgId,
        client: &ClientId,
        scopes: Option<&ScopeSet>,
        cause: &Cause,
    ) -> Result<bool, StoreError>;
    /// Does both in one change, as far as they are said: nobody finds a client allowed that is to be restricted as well. `false` when
    /// there is no such client or nothing changed.
    async fn set_client_policy(
        &self,
        org: &OrgId,
        client: &ClientId,
        verdict: Option<Verdict>,
        most: Setting<&ScopeSet>,
        cause: &Cause,
    ) -> Result<bool, StoreError>;
    /// Puts a client that nobody has decided about before the administrators, on behalf of `user`; `false` when it already is
    /// there, or was decided about.
    async fn ask_for_client(&self, org: &OrgId, client: &ClientId, user: &UserId, cause: &Cause) -> Result<bool, StoreError>;
    /// Ends every live grant of a client in `org`; says how many.
    async fn revoke_client(&self, org: &OrgId, client: &ClientId, cause: &Cause) -> Result<u64, StoreError>;
    /// Clients of `org`, those that were authorized last first; at most `limit` after skipping `offset`.
    async fn clients_of_org(
        &self,
        org: &OrgId,
        listed: Listed<'_>,
        at: Timestamp,
        (offset, limit): (u32, u32),
    ) -> Result<Vec<ClientUse>, StoreError>;
    /// Clients of `org` with a live grant or key, installed, decided about or waiting, each once and by id, the last first; at most `limit` behind
    /// `after`.
    async fn find_clients_of_org(
        &self,
        org: &OrgId,
        search: &ClientUseSearch,
        at: Timestamp,
        after: Option<&ClientId>,
        limit: u32,
    ) -> Result<Vec<ClientUse>, StoreError>;
    /// One of them; `None` when nobody there has authorized it nor decided about it.
    async fn client_of_org(&self, org: &OrgId, client: &ClientId, at: Timestamp) -> Result<Option<ClientUse>, StoreError>;
}
