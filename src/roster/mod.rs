//! Who belongs to an organization: invitations, roles, service users.
//!
//! Pages, the API and administration do everything here through one [`Roster`], so what is refused, and why, is the same wherever
//! it is asked.

mod error;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use error::{Refusal, RosterError};

use crate::config::{Config, Roles};
use crate::node::Node;
use crate::record::Cause;
use crate::store::{
    Bounds, Guarded, Invitation, Membership, Org, Reach, ServiceMade, ServiceSwitched, StoreError, User, UserKind, UserState,
};
use crate::types::{EmailAddress, InvitationId, OwnScope, PlainToken, RoleName, ScopeBits, Slug, TokenKind, UserId};

/// How long an invitation waits.
const INVITATION: Duration = Duration::from_hours(24 * 7);

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The operator, who may give any role.
    Operator,
    /// A member, who gives and takes no more than their own roles permit.
    Member(UserId),
}

/// The members of one organization, for one caller.
#[derive(Debug)]
pub struct Roster<'a> {
    node: &'a Node,
    config: Arc<Config>,
    org: &'a Org,
    by: By,
    cause: Cause,
}

/// An invitation that was made.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The end of its link: `{issuer}/invitations/{secret}`. This once.
    pub secret: PlainToken,
}

impl Invited {
    /// Its link.
    #[must_use]
    pub fn url(&self, config: &Config) -> String {
        format!("{}/invitations/{}", config.issuer, self.secret.expose())
    }
}

/// What roles permit, and who may therefore move which.
#[derive(Clone, Debug)]
pub struct RoleReach<'a> {
    roles: &'a Roles,
    needed: ScopeBits,
}

impl<'a> RoleReach<'a> {
    /// By the roles of this configuration.
    #[must_use]
    pub fn new(config: &'a Config) -> Self {
        Self { roles: &config.roles, needed: config.catalogue.own(OwnScope::MembersWrite).unwrap_or_default() }
    }

    /// Whether this role lets its holder administer members.
    fn administers(&self, role: &RoleName) -> bool {
        !self.needed.is_empty() && self.roles.permissions(std::slice::from_ref(role)).covers(&self.needed)
    }
}

impl Reach for RoleReach<'_> {
    /// Nobody gives or takes what they do not hold themselves. A role that no longer exists permits nothing.
    fn covers(&self, own: &[RoleName], moved: &[RoleName]) -> bool {
        let held = self.roles.permissions(own);
        let reaches = |role: &RoleName| self.roles.0.get(role).is_none_or(|bits| held.covers(bits));
        !self.needed.is_empty() && held.covers(&self.needed) && moved.iter().all(reaches)
    }
}

/// Whether a service user belongs to this organization alone: another's administrators have a say in it otherwise.
///
/// # Errors
/// When the store fails.
pub async fn is_own_service(node: &Node, org: &Org, user: &User) -> Result<bool, StoreError> {
    if user.kind != UserKind::Service {
        return Ok(false);
    }
    let orgs = node.store.orgs_of(&user.id).await?;
    Ok(orgs.iter().all(|(one, _)| one.id == org.id))
}

impl<'a> Roster<'a> {
    /// For a caller; records name what `cause` names.
    #[must_use]
    pub fn new(node: &'a Node, org: &'a Org, by: By, cause: Cause) -> Self {
        Self { node, config: node.config.load_full(), org, by, cause }
    }

    /// Roles by name, sorted, each once.
    ///
    /// # Errors
    /// When one does not exist.
    pub fn roles<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<Vec<RoleName>, Refusal> {
        let mut roles = Vec::new();
        for name in names {
            let Some((role, _)) = self.config.roles.0.get_key_value(name) else {
                let known = self.config.roles.0.keys().map(RoleName::as_str).collect::<Vec<_>>().join(", ");
                return Err(Refusal::Role { named: name.chars().take(64).collect(), known });
            };
            roles.push(role.clone());
        }
        roles.sort();
        roles.dedup();
        Ok(roles)
    }

    /// Invites an address. Whoever holds the link and the address becomes a member with these roles.
    ///
    /// # Errors
    /// When it is no address, or the roles are not the caller's to give.
    pub async fn invite(&self, email: &str, roles: Vec<RoleName>) -> Result<Invited, RosterError> {
        let email = EmailAddress::parse(email).map_err(Refusal::Address)?;
        let (entropy, at) = (&*self.node.entropy, self.cause.at);
        let secret = PlainToken::generate(TokenKind::Invitation, entropy);
        let invitation = Invitation {
            id: InvitationId::generate(at, entropy),
            org: self.org.id.clone(),
            email: email.into(),
            roles,
            invited_by: match &self.by {
                By::Operator => None,
                By::Member(user) => Some(user.clone()),
            },
            created_at: at,
            expires_at: at.plus(INVITATION),
        };
        let (administrators, reach) = (self.administrators(), RoleReach::new(&self.config));
        let bounds = self.bounds(&administrators, &reach);
        let invited = self.node.store.invite(&invitation, &secret.hashed(), &bounds, &self.cause).await?;
        if invited { Ok(Invited { invitation, secret }) } else { Err(Refusal::BeyondReach.into()) }
    }

    /// Withdraws an open invitation.
    ///
    /// # Errors
    /// When the organization has no such invitation, or it is no longer open.
    pub async fn withdraw(&self, id: &InvitationId) -> Result<(), RosterError> {
        let done = self.node.store.withdraw_invitation(&self.org.id, id, &self.cause).await?;
        if done { Ok(()) } else { Err(Refusal::NoInvitation.into()) }
    }

    /// Replaces a member's roles; live tokens have narrowed when this returns.
    ///
    /// # Errors
    /// When there is no such member, the caller does not reach what moves, or nobody would be left to administer.
    pub async fn change(&self, user: &UserId, roles: Vec<RoleName>) -> Result<(), RosterError> {
        let membership = Membership { org: self.org.id.clone(), user: user.clone(), roles };
        let (administrators, reach) = (self.administrators(), RoleReach::new(&self.config));
        let bounds = self.bounds(&administrators, &reach);
        self.guarded(self.node.store.change_member(&membership, &bounds, &self.cause).await?).await
    }

    /// Takes a user out of the organization; what they authorized in it has ended when this returns.
    ///
    /// # Errors
    /// As for [`Self::change`].
    pub async fn remove(&self, user: &UserId) -> Result<(), RosterError> {
        let (administrators, reach) = (self.administrators(), RoleReach::new(&self.config));
        let bounds = self.bounds(&administrators, &reach);
        self.guarded(self.node.store.dismiss_member(&self.org.id, user, &bounds, &self.cause).await?).await
    }

    /// Makes a service user of the organization: somebody for machine clients to act as, who never signs in.
    ///
    /// # Errors
    /// When the name is none or taken, or the roles are not the caller's to give.
    pub async fn add_service(&self, name: &str, roles: Vec<RoleName>) -> Result<(User, Membership), RosterError> {
        let name = Slug::parse(name.trim()).map_err(|_| Refusal::ServiceName)?;
        let at = self.cause.at;
        let user = User {
            id: UserId::generate(at, &*self.node.entropy),
            // Names are one space for everybody: the organization's own part keeps them from telling what others have.
            email: format!("{name}.{}", self.org.slug),
            name: name.to_string(),
            kind: UserKind::Service,
            state: UserState::Active,
            created_at: at,
        };
        let membership = Membership { org: self.org.id.clone(), user: user.id.clone(), roles };
        let (administrators, reach) = (self.administrators(), RoleReach::new(&self.config));
        let bounds = self.bounds(&administrators, &reach);
        match self.node.store.add_service(&user, &membership, &bounds, &self.cause).await? {
            ServiceMade::Done => Ok((user, membership)),
            ServiceMade::Taken => Err(Refusal::ServiceTaken.into()),
            ServiceMade::BeyondReach => Err(Refusal::BeyondReach.into()),
        }
    }

    /// Switches a service user of this organization off or on. Off, whatever acts as it has stopped when this returns.
    ///
    /// # Errors
    /// When it is no service user of this organization alone, is frozen by the operator, or holds more than the caller.
    pub async fn switch_service(&self, user: &UserId, to: UserState) -> Result<(), RosterError> {
        let (administrators, reach) = (self.administrators(), RoleReach::new(&self.config));
        let bounds = self.bounds(&administrators, &reach);
        match self.node.store.switch_service(&self.org.id, user, to, &bounds, &self.cause).await? {
            ServiceSwitched::Done => Ok(self.node.settle().await?),
            ServiceSwitched::Absent => Err(Refusal::Absent.into()),
            ServiceSwitched::NotOwn => Err(Refusal::NotOwnService.into()),
            ServiceSwitched::BeyondReach => Err(Refusal::BeyondReach.into()),
            ServiceSwitched::Frozen => Err(Refusal::Frozen.into()),
        }
    }

    /// The roles that let somebody administer members.
    fn administrators(&self) -> Vec<RoleName> {
        let reach = RoleReach::new(&self.config);
        self.config.roles.0.keys().filter(|role| reach.administers(role)).cloned().collect()
    }

    fn bounds<'b>(&'b self, administrators: &'b [RoleName], reach: &'b RoleReach<'b>) -> Bounds<'b> {
        let changer = match &self.by {
            By::Operator => None,
            By::Member(user) => Some((user, reach as &dyn Reach)),
        };
        Bounds { administrators, changer }
    }

    async fn guarded(&self, outcome: Guarded) -> Result<(), RosterError> {
        if matches!(outcome, Guarded::Done | Guarded::Absent) {
            // Also when there was no such member: another request may just be removing it.
            self.node.settle().await?;
        }
        match outcome {
            Guarded::Done => Ok(()),
            Guarded::Absent => Err(Refusal::Absent.into()),
            Guarded::BeyondReach => Err(Refusal::BeyondReach.into()),
            Guarded::LastAdministrator => Err(Refusal::LastAdministrator.into()),
        }
    }
}
