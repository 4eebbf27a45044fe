//! Organizations, users and who belongs where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::{OrgState, UserKind, UserState};
use crate::types::{OrgId, RoleName, ScopeToken, Slug, Timestamp, UserId, rfc3339};

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrgView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrgId,
    /// Its short name in URLs.
    #[schema(value_type = String)]
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// What upstreams know it by.
    pub tenant: String,
    /// Values of its own for some APIs: API name to tenant value.
    pub tenants: BTreeMap<String, String>,
    /// Whether anybody may act in it.
    #[schema(value_type = String, example = "active")]
    pub state: OrgState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// An organization to be made.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrg {
    /// Its short name in URLs; must be free.
    pub slug: String,
    /// Its name for people; the slug when none is given.
    #[serde(default)]
    pub name: Option<String>,
    /// What upstreams know it by; the slug when none is given.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Values of its own for some APIs: API name to tenant value.
    #[serde(default)]
    pub tenants: BTreeMap<String, String>,
}

/// What to change of an organization; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrgChange {
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// What upstreams know it by.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Values of its own for some APIs; replaces all of them.
    #[serde(default)]
    pub tenants: Option<BTreeMap<String, String>>,
}

/// Whether something may be used from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It may.
    Active,
    /// It may not; whatever rests on it stops working at once.
    Disabled,
}

/// The body of every request that switches something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchTo {
    /// The state that it shall have.
    pub state: Switch,
}

/// Whether a user may act from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserSwitch {
    /// It may.
    Active,
    /// It may not, and nothing of it works; once active again it goes on with what it had. Only an active user is frozen.
    Frozen,
    /// It may not; its sessions end and its grants are revoked.
    Disabled,
}

/// The body of the request that switches a user.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSwitchTo {
    /// The state that it shall have.
    pub state: UserSwitch,
}

/// A person or a service user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// E-mail address; a service user's is a name of its own.
    pub email: String,
    /// Its name for people.
    pub name: String,
    /// `person` or `service`.
    #[schema(value_type = String, example = "person")]
    pub kind: UserKind,
    /// `active`, `frozen` or `disabled`.
    #[schema(value_type = String, example = "active")]
    pub state: UserState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A user to be made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserRequest {
    /// E-mail address, or the name of a service user; must be free.
    pub email: String,
    /// Its name for people; the e-mail address when none is given.
    #[serde(default)]
    pub name: Option<String>,
    /// `person` or `service`.
    #[schema(value_type = String, example = "person")]
    pub kind: UserKind,
    /// A password; without one a person gets a one-time password, which the answer carries. Never for a service user.
    #[serde(default)]
    pub password: Option<String>,
}

/// Shows everything but the password.
impl std::fmt::Debug for NewUserRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUserRequest").field("email", &self.email).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A user that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedUser {
    /// The user.
    pub user: UserView,
    /// What to sign in with once; shown here and nowhere else.
    pub one_time_password: Option<String>,
}

impl std::fmt::Debug for CreatedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedUser").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A password to be set.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password; without one a one-time password is made, which the answer carries.
    #[serde(default)]
    pub password: Option<String>,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword(..)")
    }
}

/// A user in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// The organization.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// The user.
    pub user: UserView,
    /// The user's roles there, sorted.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<RoleName>,
}

/// The roles of a member, all of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberRoles {
    /// Names of roles; empty keeps a member without permissions.
    pub roles: Vec<String>,
}

/// A role and what it permits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: RoleName,
    /// What its holders may do.
    #[schema(value_type = Vec<String>)]
    pub permissions: Vec<ScopeToken>,
}
