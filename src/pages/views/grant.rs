//! One application of the viewer, with what it did.

use askama::Template;

use super::settings::SettingsTab;
use super::{AuditRow, Client, DecisionFilter, Frame, GrantedScope};
use crate::pages::texts::{Text, counted};
use crate::pages::{DisplayName, Sparkline, When};

/// `/settings/applications/{grant}`. Its forms post to `path`: `narrow` with a box `keep` for each scope that stays, `limit` with
/// `until`, and `revoke-{grant}`.
#[derive(Clone, Debug, Template)]
#[template(path = "grant.html")]
pub struct GrantPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// `/settings/applications/{grant}`.
    pub path: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// What the last act did.
    pub notice: Option<GrantNotice>,
    /// Why the last act was not done.
    pub problem: Option<Text>,
    /// In the button's id.
    pub grant_id: String,
    /// The application.
    pub client: Client,
    /// Name of the organization it works in.
    pub organization: DisplayName,
    /// When consent was given.
    pub granted: When,
    /// When it last called.
    pub last_used: Option<When>,
    /// From where it last called.
    pub last_from: Option<CalledFrom>,
    /// When it ends by itself.
    pub ends: Option<When>,
    /// Days that may be chosen as its end: the first and, when it ends by itself, the last; `2026-11-22`.
    pub days: (String, Option<String>),
    /// Why it can do nothing at the moment.
    pub suspended: Option<Text>,
    /// What was consented to, the most dangerous first.
    pub scopes: Vec<GrantedScope>,
    /// API keys that it made on the viewer's behalf and that work: they go on without this.
    pub keys: Vec<OwnKey>,
    /// Calls per day, oldest first.
    pub calls: Sparkline,
    /// What its records are narrowed by.
    pub filter: ActivityFilter,
    /// One page of what it did, newest first.
    pub rows: Vec<AuditRow>,
    /// The page before.
    pub newer: Option<String>,
    /// The page after.
    pub older: Option<String>,
}

/// An API key that an application made on behalf of the viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnKey {
    /// Its id.
    pub id: String,
    /// The last four characters of its value.
    pub last4: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub made: When,
    /// When it was last used.
    pub last_used: Option<When>,
}

/// From where an application called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalledFrom {
    /// Its address.
    pub address: String,
    /// What it said that it is, cleaned.
    pub user_agent: Option<DisplayName>,
}

/// What records are narrowed by; empty fields narrow nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityFilter {
    /// API name.
    pub api: String,
    /// MCP tool.
    pub tool: String,
    /// Outcome.
    pub decision: DecisionFilter,
}

/// What the last act did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantNotice {
    /// Some scopes are gone.
    Narrowed,
    /// It ends earlier.
    Limited,
}

impl ActivityFilter {
    /// Whether nothing is narrowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl GrantPage {
    fn calls_words(&self) -> Text {
        counted::calls_in_days(self.calls.total(), self.calls.days.len() as u64)
    }
}
