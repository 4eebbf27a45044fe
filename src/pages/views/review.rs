//! Who authorized what in an organization.

use askama::Template;

use super::{Frame, ListSearch, OrgTabs};
use crate::pages::texts::{Text, org as texts};
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/review`; the whole report is at `{path}.csv` and `{path}.json`.
#[derive(Clone, Debug, Template)]
#[template(path = "review.html")]
pub struct ReviewPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// `/orgs/{org}/review`.
    pub path: String,
    /// `/orgs/{org}/applications`.
    pub applications: String,
    /// Live authorizations; more than are listed when there are many.
    pub total: u64,
    /// Those that were not used for long.
    pub to_revoke: u64,
    /// Those with scopes that were never used; only when all of them are on this page.
    pub to_narrow: Option<u64>,
    /// The search.
    pub search: ListSearch,
    /// What was not used for longest comes first.
    pub rows: Vec<ReviewRow>,
    /// API keys that work, on the first page.
    pub keys: Vec<ReviewRow>,
    /// `/orgs/{org}/keys`.
    pub all_keys: String,
    /// The page before.
    pub newer: Option<String>,
    /// The page after.
    pub older: Option<String>,
}

/// One authorization, or one API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRow {
    /// Grant id.
    pub grant: String,
    /// Email of its user.
    pub user: String,
    /// Client id.
    pub client: String,
    /// Its application.
    pub application: DisplayName,
    /// When the user agreed.
    pub granted: When,
    /// When it was last used.
    pub last_used: Option<When>,
    /// What was agreed to, and whether no call ever needed it.
    pub scopes: Vec<(String, bool)>,
    /// Why nothing of it works now.
    pub suspended: Option<Text>,
    /// What its use suggests.
    pub proposal: ReviewProposal,
}

/// What the use of an authorization suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewProposal {
    /// Keep it.
    Keep,
    /// Some of it was never used.
    Narrow,
    /// It was not used for long.
    Revoke,
}

impl ReviewProposal {
    const fn word(self) -> Text {
        match self {
            Self::Keep => texts::propose_keep(),
            Self::Narrow => texts::propose_narrow(),
            Self::Revoke => texts::propose_revoke(),
        }
    }

    const fn tone(self) -> &'static str {
        match self {
            Self::Keep => "plain",
            Self::Narrow => "caution",
            Self::Revoke => "danger",
        }
    }
}

impl ReviewPage {
    fn summary(&self) -> Text {
        texts::review(self.total, self.to_revoke, self.to_narrow)
    }
}
