//! Organizations, users and who belongs where.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::record::{Cause, ControlEvent};
use crate::types::{HashedToken, OrgId, RoleName, Slug, Timestamp, UserId};

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// Its short name in URLs.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// What upstreams know it by, unless `tenants` says otherwise for an API: `{org.tenant}`.
    pub tenant: String,
    /// Values of its own for some APIs: API name to tenant value.
    pub tenants: BTreeMap<String, String>,
    /// Whether anybody may act in it.
    pub state: OrgState,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether anybody may act in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgState {
    /// Yes.
    Active,
    /// No token of it works.
    Disabled,
}

/// A person or a service user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// E-mail address, lower-case, unique; a service user's is a name of its own.
    pub email: String,
    /// Its name for people.
    pub name: String,
    /// What it is.
    pub kind: UserKind,
    /// Whether it may act.
    pub state: UserState,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A person, who may sign in.
    Person,
    /// A subject for machine clients; never signs in.
    Service,
}

/// Whether a user may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// Yes.
    Active,
    /// No session, grant or token of it works; all of them work again when it is thawed.
    Frozen,
    /// No session, grant or token of it works, or ever will.
    Disabled,
}

/// What changes of an organization. What is absent stays as it is when the change is made, and not as its maker saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrgUpdate {
    /// Its name for people.
    pub name: Option<String>,
    /// What upstreams know it by.
    pub tenant: Option<String>,
    /// Values of its own for some APIs, in place of all of them.
    pub tenants: Option<BTreeMap<String, String>>,
}

/// A user in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The organization.
    pub org: OrgId,
    /// The user.
    pub user: UserId,
    /// The user's roles there, sorted.
    pub roles: Vec<RoleName>,
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The user.
    pub user: User,
    /// A password, as a PHC string, for those who sign in here.
    pub password: Option<PasswordRecord>,
}

/// A password, hashed.
#[derive(Clone, Debug)]
pub struct PasswordRecord {
    /// PHC string of argon2id.
    pub phc: SecretString,
    /// Whether it must be changed at the next sign-in.
    pub one_time: bool,
}

/// The outcome of making something whose name must be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was made.
    Done,
    /// Its name is taken; nothing was made.
    Taken,
}

/// Verbs on organizations, users and memberships. Each change tells the feed about whom it touches.
#[async_trait]
pub trait AccountStore {
    /// Makes an organization; its slug must be free.
    async fn create_org(&self, org: &Org, cause: &Cause) -> Result<Created, StoreError>;
    /// One organization.
    async fn org(&self, id: &OrgId) -> Result<Option<Org>, StoreError>;
    /// The names of organizations; those that there are not are left out.
    async fn org_names(&self, ids: &[OrgId]) -> Result<Vec<(OrgId, String)>, StoreError>;
    /// One organization by its short name.
    async fn org_by_slug(&self, slug: &Slug) -> Result<Option<Org>, StoreError>;
    /// Every organization, by slug.
    async fn orgs(&self) -> Result<Vec<Org>, StoreError>;
    /// Writes what changes, and says what there is then; `None` when there is no such organization.
    async fn update_org(&self, id: &OrgId, change: &OrgUpdate, cause: &Cause) -> Result<Option<Org>, StoreError>;
    /// Switches an organization off or on; `false` when there is none or it already was so.
    async fn set_org_state(&self, id: &OrgId, state: OrgState, cause: &Cause) -> Result<bool, StoreError>;

    /// Makes a user; the e-mail address must be free.
    async fn create_user(&self, user: &NewUser, cause: &Cause) -> Result<Created, StoreError>;
    /// One user.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;
    /// One user by e-mail address, given lower-case.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;
    /// The e-mail addresses of users; those that there are not are left out.
    async fn emails(&self, ids: &[UserId]) -> Result<Vec<(UserId, String)>, StoreError>;
    /// Switches a user off or on, or freezes it while it is on. Off also ends its sessions, revokes its grants and
    /// takes the operator's pages from it, in the same transaction; frozen, it keeps them. `false` when there is no such user, or it already was so.
    async fn set_user_state(&self, id: &UserId, state: UserState, cause: &Cause) -> Result<bool, StoreError>;
    /// The same for those who can't undo the operator's freeze: a frozen user stays so.
    async fn set_unfrozen_user_state(&self, id: &UserId, state: UserState, cause: &Cause) -> Result<bool, StoreError>;
    /// The password of a user, if there is one.
    async fn password(&self, id: &UserId) -> Result<Option<PasswordRecord>, StoreError>;
    /// Sets a password, whatever it was. Every session of the user ends.
    async fn set_password(&self, id: &UserId, password: &PasswordRecord, cause: &Cause) -> Result<(), StoreError>;
    /// Changes a password as its user does, in a session that stays; every other one ends. `before` is the hash of the password that
    /// was proved. `false` when the user has another by now, may not sign in, or the session has ended: somebody may have seen to
    /// that meanwhile, to keep a thief out.
    async fn change_password(
        &self,
        id: &UserId,
        before: &SecretString,
        password: &PasswordRecord,
        session: &HashedToken,
        cause: &Cause,
    ) -> Result<bool, StoreError>;

    /// Puts a user into an organization, or replaces its roles there. Empty roles keep a member without permissions.
    async fn set_membership(&self, membership: &Membership, cause: &Cause) -> Result<(), StoreError>;
    /// Takes a user out of an organization and revokes its grants there; `false` when it was not in it.
    async fn remove_membership(&self, org: &OrgId, user: &UserId, cause: &Cause) -> Result<bool, StoreError>;
    /// One membership.
    async fn membership(&self, org: &OrgId, user: &UserId) -> Result<Option<Membership>, StoreError>;
    /// The members of an organization.
    async fn members(&self, org: &OrgId) -> Result<Vec<Membership>, StoreError>;
    /// The active organizations that a user is in, by slug, each with its roles there.
    async fn orgs_of(&self, user: &UserId) -> Result<Vec<(Org, Vec<RoleName>)>, StoreError>;

    /// Writes a control-plane record that no other verb writes: a refused login, a declined consent.
    async fn note(&self, org: Option<&OrgId>, event: ControlEvent, cause: &Cause) -> Result<(), StoreError>;
}
