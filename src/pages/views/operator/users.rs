//! Users.

use askama::Template;

use super::{AtStake, OperatorTab, Steps, Switched};
use crate::pages::texts::{Text, counted, operator as texts};
use crate::pages::views::{Frame, ListSearch, SessionRow};
use crate::pages::{DisplayName, When};

/// `/operator/users`. The search is a GET form with `text` and `org`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_users.html")]
pub struct OperatorUsersPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Who is searched for, and among whom.
    pub search: ListSearch,
    /// Whether there is no such organization.
    pub no_such_org: bool,
    /// One page of users, by address.
    pub rows: Vec<OperatorUserRow>,
    /// Its neighbours.
    pub steps: Steps,
}

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorUserRow {
    /// Its page.
    pub href: String,
    /// Address, or a service user's name.
    pub email: String,
    /// Name for people.
    pub name: DisplayName,
    /// What it is and whether it may act.
    pub standing: UserStanding,
    /// Whether it may open these pages.
    pub operator: bool,
    /// Organizations that it is in.
    pub orgs: u64,
    /// Since when it is here.
    pub created: When,
}

/// What a user is, and whether it may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStanding {
    /// An active person.
    Person,
    /// An active service user.
    Service,
    /// Frozen: nothing of it works for now.
    Frozen,
    /// Deactivated.
    Deactivated,
}

/// `/operator/users/{user}`. Its forms post to `path` with the buttons `freeze`, `thaw` and `end-sessions`; the first and the last are
/// asked for again with `?confirm=freeze` and `?confirm=end-sessions`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_user.html")]
pub struct OperatorUserPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// This page.
    pub path: String,
    /// Its id.
    pub id: String,
    /// Address, or a service user's name.
    pub email: String,
    /// Name for people.
    pub name: DisplayName,
    /// What it is and whether it may act.
    pub standing: UserStanding,
    /// Whether it may open these pages.
    pub operator: bool,
    /// Whether it is the one who looks.
    pub own: bool,
    /// Since when it is here.
    pub created: When,
    /// Where it belongs.
    pub memberships: Vec<OperatorMembership>,
    /// Where it is signed in, seen last first.
    pub sessions: Vec<SessionRow>,
    /// What it authorized.
    pub stake: AtStake,
    /// What was asked for.
    pub asked: Option<AskedOfUser>,
    /// What was done a moment ago.
    pub notice: Option<UserNotice>,
}

/// An organization that a user is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorMembership {
    /// The organization's page.
    pub href: String,
    /// Its name.
    pub organization: DisplayName,
    /// Whether it is frozen.
    pub frozen: bool,
    /// The user's roles there.
    pub roles: Vec<String>,
}

/// An act upon a user that stops something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedOfUser {
    /// Nothing of it works for now.
    Freeze,
    /// It is signed out everywhere.
    EndSessions,
}

/// What was done with a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserNotice {
    /// It was frozen, or goes on.
    Switched(Switched),
    /// It was signed out everywhere.
    SessionsEnded,
}

impl UserStanding {
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
            Self::Frozen => "caution",
            Self::Deactivated => "danger",
        }
    }

    const fn acts(self) -> bool {
        matches!(self, Self::Person | Self::Service)
    }
}

impl OperatorUserRow {
    fn orgs_words(&self) -> Text {
        counted::organizations(self.orgs)
    }
}

impl OperatorUserPage {
    fn browsers(&self) -> u64 {
        self.sessions.len() as u64
    }

    fn freezing(&self) -> Text {
        texts::freeze_user((self.stake.grants, self.stake.orgs), self.browsers(), self.stake.keys)
    }

    fn signing_out(&self) -> Text {
        texts::end_sessions(self.browsers())
    }

    fn authorized(&self) -> Text {
        texts::authorized_in(self.stake.grants, self.stake.orgs)
    }

    fn may_freeze(&self) -> bool {
        self.standing.acts() && !self.own
    }
}
