//! Apps in an organization: installed, uninstalled, and the API keys that they made.

use askama::Template;

use super::{Client, Frame, ListSearch, OrgTabs, ScopeLabel, Way, scope_icon};
use crate::config::Risk;
use crate::pages::texts::{Text, counted, org as texts};
use crate::pages::{DisplayName, When};

/// What an app has in an organization, on the page of one of its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppHere {
    /// Since when and through whom the organization has it, if it does.
    pub installed: Option<Installed>,
    /// Whether it can be installed by the button `install`.
    pub on_offer: bool,
    /// Live authorizations of all its clients.
    pub grants: u64,
    /// The users that they are of.
    pub users: u64,
    /// API keys that were not disabled.
    pub live_keys: u64,
    /// Its API keys, newest first.
    pub keys: Vec<ApiKeyRow>,
}

/// An installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Since when.
    pub since: When,
    /// Who consented first, or installed it; `None` is the operator.
    pub by: Option<String>,
}

/// An API key, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id, in links and buttons.
    pub id: String,
    /// The last four characters of its value.
    pub last4: String,
    /// The application that made it.
    pub application: DisplayName,
    /// That application's page, if it still has one.
    pub href: Option<String>,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub made: When,
    /// On whose behalf.
    pub user: Option<String>,
    /// Through which authorization.
    pub grant: String,
    /// When it was last used.
    pub last_used: Option<When>,
    /// Whether it works.
    pub standing: KeyStanding,
}

/// Whether an API key works, as the gate would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// It does.
    Live,
    /// Not at the moment.
    Suspended {
        /// Why, as half a sentence.
        why: Text,
    },
    /// It never will again.
    Disabled {
        /// Since when.
        at: When,
        /// Why, as half a sentence.
        why: Text,
    },
}

impl KeyStanding {
    fn word(&self) -> Text {
        match self {
            Self::Live => texts::key_live(),
            Self::Suspended { .. } => texts::key_suspended(),
            Self::Disabled { .. } => texts::key_disabled(),
        }
    }

    fn tone(&self) -> &'static str {
        match self {
            Self::Live => "known",
            Self::Suspended { .. } => "caution",
            Self::Disabled { .. } => "plain",
        }
    }
}

impl ApiKeyRow {
    /// What stands beside the row on a client's page.
    pub(in crate::pages) fn badge(&self) -> (&'static str, Text) {
        (self.standing.tone(), self.standing.word())
    }

    /// Whether there is something left to disable.
    #[must_use]
    pub fn can_be_disabled(&self) -> bool {
        !matches!(self.standing, KeyStanding::Disabled { .. })
    }
}

/// `/orgs/{org}/keys`.
#[derive(Clone, Debug, Template)]
#[template(path = "org_keys.html")]
pub struct OrgKeysPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// Whether the viewer may disable keys, on the pages of their applications.
    pub may_change: bool,
    /// Whether no app ever made one.
    pub nothing_yet: bool,
    /// What is looked for.
    pub search: ListSearch,
    /// The keys, newest first.
    pub keys: Vec<ApiKeyRow>,
    /// Address of the page before this one.
    pub newer: Option<String>,
    /// Address of the next page.
    pub older: Option<String>,
}

/// `/orgs/{org}/install`. Its search asks with `app`; its form posts to `path` with the button `install`.
#[derive(Clone, Debug, Template)]
#[template(path = "org_install.html")]
pub struct OrgInstallPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// `/orgs/{org}/install`.
    pub path: String,
    /// `/orgs/{org}/applications`.
    pub back: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// What was looked for.
    pub asked: String,
    /// What was found, if anything was looked for.
    pub found: Found,
}

/// What a search for an app found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing was looked for.
    NotAsked,
    /// No app that the organization could have.
    Nothing,
    /// This one.
    App(Box<OfferedApp>),
}

/// An app that an organization may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedApp {
    /// Its id, in the form.
    pub id: String,
    /// Its name, and who published it.
    pub client: Client,
    /// What it is for.
    pub description: String,
    /// Where its documentation is.
    pub documentation: Option<String>,
    /// What it asks for.
    pub scopes: Vec<OfferedScope>,
    /// Why it is not installed by pressing a button, as a sentence.
    pub obstacle: Option<Text>,
    /// Whether the organization blocked it, which installing does not lift.
    pub blocked: bool,
    /// Whether it is installed already and waits for an administrator.
    pub waits: bool,
}

/// What an app asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedScope {
    /// `metrics:read`.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's consent text.
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
}

impl OfferedScope {
    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }
}

/// `/orgs/{org}/applications/{client}/uninstall`: what would end, or what did. Button `uninstall`.
#[derive(Clone, Debug, Template)]
#[template(path = "org_uninstall.html")]
pub struct OrgUninstallPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Organization name.
    pub organization: DisplayName,
    /// The application's page.
    pub back: Way,
    /// Where the form posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// The app's name.
    pub name: DisplayName,
    /// Whether it is over.
    pub step: UninstallStep,
    /// Live authorizations that end, or ended.
    pub grants: u64,
    /// The users they are of.
    pub users: u64,
    /// API keys that are disabled.
    pub keys: u64,
    /// What the app's maker says is left to do.
    pub instructions: String,
}

/// How far uninstalling is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UninstallStep {
    /// It is asked about.
    Asked,
    /// It was done.
    Done,
    /// There was nothing left to uninstall.
    Nothing,
}

impl OrgUninstallPage {
    fn title(&self) -> Text {
        match self.step {
            UninstallStep::Asked => texts::asks_uninstall(&self.name),
            UninstallStep::Done => texts::uninstalled(&self.name),
            UninstallStep::Nothing => texts::not_installed(&self.name),
        }
    }

    /// "3 authorizations of 2 users".
    fn grants_words(&self) -> Text {
        counted::authorizations_of(self.grants, self.users)
    }

    fn ended(&self) -> Text {
        texts::ended(self.grants, self.users, self.keys)
    }

    fn keys_words(&self) -> Text {
        counted::api_keys(self.keys)
    }
}
