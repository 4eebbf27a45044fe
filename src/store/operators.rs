//! What the operator's pages read across organizations, and who may open them.

use async_trait::async_trait;

use super::{Client, ClientState, Holder, Org, StoreError, User};
use crate::record::Cause;
use crate::types::{AppId, ClientId, OrgId, ScopeToken, Timestamp, UserId};

/// An organization with how many belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgSummary {
    /// The organization.
    pub org: Org,
    /// Its members.
    pub members: u64,
    /// Clients that it owns.
    pub clients: u64,
}

/// A user with how many organizations it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSummary {
    /// The user.
    pub user: User,
    /// Organizations.
    pub orgs: u64,
    /// Whether it may open the operator's pages.
    pub operator: bool,
}

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub struct UserSearch {
    /// Text that occurs in name or address, ignoring case, or an id; empty is everybody.
    pub text: String,
    /// Members of this organization.
    pub org: Option<OrgId>,
}

/// Which clients to list.
#[derive(Clone, Debug, Default)]
pub struct ClientSearch {
    /// Text that occurs in the name, ignoring case, or an id; empty is every client.
    pub text: String,
    /// Those that this organization owns.
    pub org: Option<OrgId>,
    /// Those of this state.
    pub state: Option<ClientState>,
}

/// What live grants and keys are counted by.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'a> {
    /// An organization's.
    Org(&'a OrgId),
    /// A user's.
    User(&'a UserId),
    /// A client's.
    Client(&'a ClientId),
    /// Those of an app's clients.
    App(&'a AppId),
    /// Those of a holder's clients that hold a scope.
    Holding(&'a Holder, &'a ScopeToken),
}

/// What rests on something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resting {
    /// Live grants.
    pub grants: u64,
    /// Users who gave them.
    pub users: u64,
    /// Organizations in which, with those that have its keys, or the app installed that a client is of.
    pub orgs: u64,
    /// API keys that work: a client's, an organization's, those that were made on behalf of a user, those that a scope lets be.
    pub keys: u64,
}

/// What a client holds in one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The organization.
    pub org: Org,
    /// Live grants.
    pub grants: u64,
    /// Users who gave them.
    pub users: u64,
    /// API keys that work.
    pub keys: u64,
}

/// Verbs on operators, and searches over all organizations. A page is `(offset, limit)`.
#[async_trait]
pub trait OperatorStore {
    /// Who may open the operator's pages, by address.
    async fn operators(&self) -> Result<Vec<User>, StoreError>;
    /// Whether a user is one, and active.
    async fn is_operator(&self, user: &UserId) -> Result<bool, StoreError>;
    /// Makes an active person an operator; `false` when it is none, or one already.
    async fn add_operator(&self, user: &UserId, cause: &Cause) -> Result<bool, StoreError>;
    /// Takes that away; `false` when it was none.
    async fn remove_operator(&self, user: &UserId, cause: &Cause) -> Result<bool, StoreError>;

    /// Organizations by slug whose slug or name has `text` in it, ignoring case, or whose id it is.
    async fn find_orgs(&self, text: &str, page: (u32, u32)) -> Result<Vec<OrgSummary>, StoreError>;
    /// Users by address.
    async fn find_users(&self, search: &UserSearch, page: (u32, u32)) -> Result<Vec<UserSummary>, StoreError>;
    /// Clients of every organization and of none, newest first.
    async fn find_clients(&self, search: &ClientSearch, page: (u32, u32)) -> Result<Vec<Client>, StoreError>;
    /// Every organization that a user is in, whatever its state, by slug.
    async fn every_org_of(&self, user: &UserId) -> Result<Vec<(Org, Vec<crate::types::RoleName>)>, StoreError>;
    /// The organizations in which a client holds something at `at`, at most `limit`: those with the most grants first, and
    /// those that only have a key of it or its app installed last.
    async fn holders(&self, client: &ClientId, at: Timestamp, limit: u32) -> Result<Vec<Holding>, StoreError>;
    /// What rests on something at `at`.
    async fn resting(&self, on: Counted<'_>, at: Timestamp) -> Result<Resting, StoreError>;
}
