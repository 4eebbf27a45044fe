//! Who belongs to an organization.

use askama::Template;

use super::{Frame, ListSearch, OrgTabs, Steps};
use crate::pages::texts::{Text, org as texts};
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/members`. Its forms post to `here` with one of the buttons `invite` (`email`, boxes `role`), `withdraw-{id}`,
/// `save-roles` and `remove` (`user`, boxes `role`), `add-service` (`service`, boxes `role`), `deactivate-{user}` and
/// `activate-{user}`. A member is opened with `?member={user}`, and asked for again before it is removed with `&confirm=remove`.
#[derive(Clone, Debug, Template)]
#[template(path = "members.html")]
pub struct MembersPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// This page of the list, as it is narrowed: where its forms post and where a way out of an act leads.
    pub here: String,
    /// The search.
    pub search: ListSearch,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Whether the viewer may change anything.
    pub may_change: bool,
    /// Whether the last act was done.
    pub saved: bool,
    /// Why it was not.
    pub problem: Option<Text>,
    /// An invitation that was just made; its link is shown this once.
    pub invited: Option<InvitationLink>,
    /// The member that is open.
    pub open: Option<OpenMember>,
    /// One page of members, by address.
    pub members: Vec<MemberRow>,
    /// Open invitations, newest first.
    pub invitations: Vec<InvitationRow>,
    /// The roles that the viewer may give.
    pub roles: Vec<RoleChoice>,
    /// The pages beside this one.
    pub steps: Steps,
}

/// The link of an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationLink {
    /// Whom it is for.
    pub email: String,
    /// Where it leads.
    pub url: String,
    /// When it ends.
    pub ends: When,
}

/// A member whose roles are being changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMember {
    /// User id.
    pub id: String,
    /// Email, or a service user's name.
    pub email: String,
    /// Every role that it has or the viewer may give.
    pub roles: Vec<RoleChoice>,
    /// What it was asked to be done with it.
    pub asked: Option<AskedOfMember>,
    /// Where its removal is asked about.
    pub removal: String,
}

/// An act upon a member that stops what works for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedOfMember {
    /// It leaves the organization.
    Removal,
    /// It is a service user, and nothing acts as it any more.
    Deactivation,
}

/// A role with its box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleChoice {
    /// Its name.
    pub name: String,
    /// What it permits, in short.
    pub permissions: Text,
    /// Whether it is held.
    pub held: bool,
    /// Whether the viewer may give and take it.
    pub changeable: bool,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// User id.
    pub id: String,
    /// Email, or a service user's name.
    pub email: String,
    /// Name for people.
    pub name: DisplayName,
    /// Roles, sorted.
    pub roles: Vec<String>,
    /// What it is and whether it may act.
    pub standing: MemberStanding,
    /// Whether the viewer may switch this service user.
    pub switchable: bool,
    /// Where its roles are changed.
    pub href: String,
    /// Where its deactivation is asked about.
    pub deactivation: String,
}

/// What a member is and whether it may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberStanding {
    /// An active person.
    Person,
    /// An active service user.
    Service,
    /// Neither signs in nor acts, until the operator thaws it.
    Frozen,
    /// Neither signs in nor acts.
    Deactivated,
}

/// One open invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRow {
    /// Its id.
    pub id: String,
    /// Whom it is for.
    pub email: String,
    /// What it gives.
    pub roles: Vec<String>,
    /// Who invited.
    pub by: Option<String>,
    /// When it ends.
    pub ends: When,
}

impl MemberStanding {
    const fn word(self) -> Text {
        match self {
            Self::Person => Text::NONE,
            Self::Service => texts::service(),
            Self::Frozen => texts::frozen(),
            Self::Deactivated => texts::deactivated(),
        }
    }

    const fn tone(self) -> &'static str {
        match self {
            Self::Person | Self::Service => "plain",
            Self::Frozen | Self::Deactivated => "danger",
        }
    }
}
