//! Every application that the viewer authorized.

use askama::Template;

use super::settings::SettingsTab;
use super::{Client, Frame, ScopeLabel, scope_icon};
use crate::config::Risk;
use crate::pages::texts::{Text, account as texts, counted, together};
use crate::pages::{DisplayName, Sparkline, When};

/// `/settings/applications`. Each row is a form that posts `csrf` and `grant_id` to `action`; its button is `revoke-{grant_id}`.
#[derive(Clone, Debug, Template)]
#[template(path = "applications.html")]
pub struct ApplicationsPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Where a revoke posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// What the last act did.
    pub notice: Option<ApplicationsNotice>,
    /// Live grants, in the order to show.
    pub grants: Vec<GrantRow>,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// In the button's id and the form's `grant_id`.
    pub grant_id: String,
    /// The application.
    pub client: Client,
    /// Name of the organization it works in.
    pub organization: DisplayName,
    /// What it may do, most important first.
    pub scopes: Vec<GrantedScope>,
    /// When consent was given.
    pub granted: When,
    /// When it last called; `None` means never.
    pub last_used: Option<When>,
    /// When the grant ends by itself.
    pub ends: Option<When>,
    /// Calls per day, oldest first.
    pub calls: Sparkline,
    /// Where it is shown in full, with what it did.
    pub details: String,
}

/// One scope of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedScope {
    /// `metrics:read`.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's consent text.
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// Whether it was ever needed.
    pub last_use: LastUse,
    /// Why it can't be used at the moment.
    pub not_now: Option<Text>,
}

/// Whether a scope was ever used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastUse {
    /// Not once since consent.
    Never,
    /// Last used then.
    At(When),
    /// Not recorded; the page then counts nothing.
    Unknown,
}

/// What the last act did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationsNotice {
    /// The grant has ended on every node.
    Revoked {
        /// The application.
        application: DisplayName,
        /// The organization it worked in.
        organization: DisplayName,
        /// How long after that it was last refused, when it tried.
        refused: Text,
        /// Which of its keys goes on.
        keys: Text,
    },
    /// There was no such live grant: revoked before, or never the viewer's.
    AlreadyGone,
}

/// Scopes that show without unfolding.
const SCOPES_SHOWN: usize = 3;

impl GrantedScope {
    pub(in crate::pages) fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }

    /// Empty when there is nothing to say.
    pub(in crate::pages) fn note(&self) -> Text {
        let used = match &self.last_use {
            LastUse::Never => texts::never_used(),
            LastUse::At(when) => texts::used(&when.relative),
            LastUse::Unknown => Text::NONE,
        };
        match &self.not_now {
            None => used,
            Some(why) => together([why.clone(), used]),
        }
    }
}

impl GrantRow {
    fn first_scopes(&self) -> &[GrantedScope] {
        &self.scopes[..self.scopes.len().min(SCOPES_SHOWN)]
    }

    fn more_scopes(&self) -> &[GrantedScope] {
        &self.scopes[self.scopes.len().min(SCOPES_SHOWN)..]
    }

    /// "2 of 5 never used"; nothing while every scope is used, unknown, or the whole grant is unused.
    fn may(&self) -> Text {
        match self.scopes.iter().filter(|scope| scope.last_use == LastUse::Never).count() {
            never if never > 0 && self.last_used.is_some() => texts::may_with_unused(never, self.scopes.len()),
            _ => texts::may(),
        }
    }

    fn calls_words(&self) -> Text {
        counted::calls_in_days(self.calls.total(), self.calls.days.len() as u64)
    }
}
