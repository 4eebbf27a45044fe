//! What happened to somebody's account.

use askama::Template;

use super::Frame;
use super::settings::SettingsTab;
use crate::pages::texts::{Text, events as texts};
use crate::pages::{DisplayName, When};

/// `/settings/events`.
#[derive(Clone, Debug, Template)]
#[template(path = "events.html")]
pub struct EventsPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// What happened, newest first.
    pub rows: Vec<EventRow>,
    /// Address of the page before this one.
    pub newer: Option<String>,
    /// Address of the next page.
    pub older: Option<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// When.
    pub at: When,
    /// What.
    pub happened: Happened,
    /// Which application it was about.
    pub application: Option<DisplayName>,
    /// The permissions that it was about: of one that was narrowed, what it kept.
    pub scopes: Vec<String>,
    /// In which organization.
    pub organization: Option<DisplayName>,
    /// Who did it, when that was somebody else.
    pub by: Option<String>,
    /// From which address, when that was not somebody else.
    pub from: Option<String>,
    /// With which program.
    pub program: Option<DisplayName>,
}

/// What happens to accounts, and to what they authorized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The person signed in.
    SignedIn,
    /// From a network or with a program that is new to them.
    SignedInElsewhere,
    /// They signed out, or ended one session.
    SessionEnded,
    /// They ended several.
    SessionsEnded,
    /// The operator ended all of them.
    SessionsEndedByOperator,
    /// They have another password.
    PasswordChanged,
    /// The operator gave them another one.
    PasswordChangedByOperator,
    /// They allowed an application something.
    Allowed,
    /// An authorization code came a second time.
    CodeReused,
    /// A refresh token came again after its successor was used.
    TokenReused,
    /// An application lost permissions.
    Narrowed,
    /// An application lost permissions that a new version of it no longer asks for.
    NarrowedByMaker,
    /// An application got an end date.
    Limited,
    /// They revoked it.
    RevokedByYou,
    /// They allowed it anew, and that took its place.
    Replaced,
    /// It ended as they left the organization.
    LeftOrganization,
    /// There is no such application any more.
    ApplicationRemoved,
    /// An administrator did.
    RevokedByAdministrator,
    /// The organization uninstalled it.
    Uninstalled,
    /// The operator took back a private scope that it held.
    EndedByPolicy,
    /// A new version of it asks for nothing that it held.
    EndedByMaker,
    /// It ended for another reason.
    Ended,
}

impl Happened {
    /// Whether the operator did it to the account, which is of no one organization.
    #[must_use]
    pub const fn of_account(self) -> bool {
        matches!(self, Self::SessionsEndedByOperator | Self::PasswordChangedByOperator)
    }

    const fn words(self) -> Text {
        match self {
            Self::SignedIn => texts::signed_in(),
            Self::SignedInElsewhere => texts::signed_in_elsewhere(),
            Self::SessionEnded => texts::session_ended(),
            Self::SessionsEnded => texts::sessions_ended(),
            Self::SessionsEndedByOperator => texts::sessions_ended_by_operator(),
            Self::PasswordChanged => texts::password_changed(),
            Self::PasswordChangedByOperator => texts::password_changed_by_operator(),
            Self::Allowed => texts::allowed(),
            Self::CodeReused => texts::code_reused(),
            Self::TokenReused => texts::token_reused(),
            Self::Narrowed => texts::narrowed(),
            Self::NarrowedByMaker => texts::narrowed_by_maker(),
            Self::Limited => texts::limited(),
            Self::RevokedByYou => texts::revoked(),
            Self::Replaced => texts::replaced(),
            Self::LeftOrganization => texts::left_organization(),
            Self::ApplicationRemoved => texts::application_removed(),
            Self::RevokedByAdministrator => texts::revoked_by_administrator(),
            Self::Uninstalled => texts::uninstalled(),
            Self::EndedByPolicy => texts::ended_by_policy(),
            Self::EndedByMaker => texts::ended_by_maker(),
            Self::Ended => texts::ended(),
        }
    }

    /// What to do when it was not the person.
    const fn advice(self) -> Text {
        match self {
            Self::SignedInElsewhere => texts::was_it_you(),
            Self::CodeReused | Self::TokenReused => texts::somebody_had_it(),
            _ => Text::NONE,
        }
    }
}
