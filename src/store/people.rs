//! Who belongs to an organization: invitations, roles that can't lock everybody out, and pages of members.

use async_trait::async_trait;

use super::{Membership, NewUser, StoreError, User, UserKind, UserState};
use crate::record::Cause;
use crate::types::{HashedToken, InvitationId, OrgId, RoleName, Timestamp, UserId};

/// An invitation into an organization. Whoever holds its link and the address that it is for becomes a member, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Where to.
    pub org: OrgId,
    /// E-mail address that it is for, lower-case.
    pub email: String,
    /// The roles that it gives, sorted.
    pub roles: Vec<RoleName>,
    /// Who invited; `None` when that user is gone.
    pub invited_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Who accepts an invitation.
#[derive(Clone, Debug)]
pub enum Accepting {
    /// Somebody with an account.
    Known(UserId),
    /// Somebody who gets one now.
    New(NewUser),
}

/// The outcome of accepting an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// They are a member now.
    Done,
    /// It was accepted or withdrawn before, or has ended.
    Gone,
    /// There is an account with that address already; nothing was changed.
    Taken,
}

/// Which members; every field narrows.
#[derive(Clone, Debug, Default)]
pub struct MemberSearch {
    /// Text that occurs in name or e-mail address, ignoring case; SQLite knows the case of A to Z alone.
    pub text: String,
    /// People or service users.
    pub kind: Option<UserKind>,
    /// Those who hold this role.
    pub role: Option<RoleName>,
    /// Those in this state.
    pub state: Option<UserState>,
}

/// What the roles of somebody let them do with the roles of others.
pub trait Reach: std::fmt::Debug + Send + Sync {
    /// Whether the holder of `own` may give and take `moved`.
    fn covers(&self, own: &[RoleName], moved: &[RoleName]) -> bool;
}

/// What a change of a member keeps to. All of it is decided in the transaction that makes the change.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// The roles that let somebody administer the organization: an active person with one of them is always left.
    pub administrators: &'a [RoleName],
    /// Who makes the change and how far their roles there reach; `None` is the operator.
    pub changer: Option<(&'a UserId, &'a dyn Reach)>,
}

/// The outcome of taking something from a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarded {
    /// It was taken.
    Done,
    /// There is no such member.
    Absent,
    /// Whoever changes it may not give or take these roles; nothing was changed.
    BeyondReach,
    /// Nobody would be left to administer the organization; nothing was changed.
    LastAdministrator,
}

/// The outcome of making a service user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceMade {
    /// It is made, and a member.
    Done,
    /// The name is taken; nothing was changed.
    Taken,
    /// Whoever makes it may not give these roles; nothing was changed.
    BeyondReach,
}

/// The outcome of switching a service user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceSwitched {
    /// It is so now.
    Done,
    /// There is no such member.
    Absent,
    /// It is a person, or another organization has a say in it too.
    NotOwn,
    /// It holds more than whoever would switch it.
    BeyondReach,
    /// The operator froze it.
    Frozen,
}

/// Verbs on who belongs to an organization.
#[async_trait]
pub trait PeopleStore {
    /// Members with their roles by e-mail address, at most `limit` after skipping `offset`.
    async fn member_page(
        &self,
        org: &OrgId,
        search: &MemberSearch,
        (offset, limit): (u32, u32),
    ) -> Result<Vec<(User, Vec<RoleName>)>, StoreError>;
    /// Members with their roles by id, the last first; at most `limit` behind `after`.
    async fn find_members(
        &self,
        org: &OrgId,
        search: &MemberSearch,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<(User, Vec<RoleName>)>, StoreError>;
    /// Replaces a member's roles within these bounds.
    async fn change_member(&self, membership: &Membership, bounds: &Bounds<'_>, cause: &Cause) -> Result<Guarded, StoreError>;
    /// Takes a user out of an organization and revokes its grants there, within these bounds.
    async fn dismiss_member(&self, org: &OrgId, user: &UserId, bounds: &Bounds<'_>, cause: &Cause)
    -> Result<Guarded, StoreError>;

    /// Makes a service user and puts it into an organization with these roles, within these bounds: both or neither.
    async fn add_service(
        &self,
        user: &User,
        membership: &Membership,
        bounds: &Bounds<'_>,
        cause: &Cause,
    ) -> Result<ServiceMade, StoreError>;
    /// Switches a service user off or on that belongs to this organization alone, unless it is frozen, within these bounds: what it
    /// holds must be within reach.
    async fn switch_service(
        &self,
        org: &OrgId,
        user: &UserId,
        to: UserState,
        bounds: &Bounds<'_>,
        cause: &Cause,
    ) -> Result<ServiceSwitched, StoreError>;

    /// Invites within these bounds; an open invitation of the same address into the same organization is withdrawn. `false` when these
    /// roles are not to be given by whoever invites.
    async fn invite(
        &self,
        invitation: &Invitation,
        secret: &HashedToken,
        bounds: &Bounds<'_>,
        cause: &Cause,
    ) -> Result<bool, StoreError>;
    /// The open invitations of an organization, newest first.
    async fn invitations(&self, org: &OrgId, at: Timestamp) -> Result<Vec<Invitation>, StoreError>;
    /// The same page by page; at most `limit` behind `after`.
    async fn find_invitations(
        &self,
        org: &OrgId,
        at: Timestamp,
        after: Option<&(Timestamp, InvitationId)>,
        limit: u32,
    ) -> Result<Vec<Invitation>, StoreError>;
    /// The open invitation of a link.
    async fn invitation(&self, secret: &HashedToken, at: Timestamp) -> Result<Option<Invitation>, StoreError>;
    /// Withdraws an open invitation; `false` when it is not open.
    async fn withdraw_invitation(&self, org: &OrgId, id: &InvitationId, cause: &Cause) -> Result<bool, StoreError>;
    /// Accepts an invitation: of all callers one does. A member keeps its roles and gets those of the invitation.
    async fn accept_invitation(&self, secret: &HashedToken, who: &Accepting, cause: &Cause) -> Result<Accepted, StoreError>;
}
