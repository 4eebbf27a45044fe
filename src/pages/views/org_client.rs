//! One application in an organization.

use askama::Template;

use super::{AppHere, Client, ClientStanding, Frame, KeyStanding, OrgTabs, Registration, ScopeLabel, scope_icon};
use crate::config::Risk;
use crate::pages::texts::{Text, org as texts};
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/applications/{client}`. Its forms post to `here` with one of the buttons `block`, `allow`, `restrict` (and the boxes
/// `scope`), `unrestrict`, `revoke-all`, `revoke-{grant}`, `install`, `disable-{key}`; what breaks something for somebody is asked
/// for again with `?confirm=…` first, and on `{path}/uninstall`. A restriction to less than is held is answered with the question, whose
/// button is `restrict-surely`.
#[derive(Clone, Debug, Template)]
#[template(path = "org_client.html")]
pub struct OrgClientPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// Where the forms post.
    pub path: String,
    /// This page of its authorizations: where its forms post and where a way out of an act leads.
    pub here: String,
    /// `/orgs/{org}/applications`.
    pub back: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Whether the viewer may decide.
    pub may_change: bool,
    /// What the last act did.
    pub notice: Option<ClientNotice>,
    /// What was asked for and needs to be confirmed.
    pub confirm: Option<AskedToConfirm>,
    /// `client_id`.
    pub id: String,
    /// The application.
    pub client: Client,
    /// Whether it may be used.
    pub standing: ClientStanding,
    /// How it came here and signs in.
    pub registration: Registration,
    /// Users with a live grant.
    pub users: u64,
    /// Live grants.
    pub grants_total: u64,
    /// When somebody here first authorized it.
    pub first_granted: Option<When>,
    /// When it first called.
    pub first_used: Option<When>,
    /// When it last called.
    pub last_used: Option<When>,
    /// Whether what it may hold is bounded.
    pub restricted: bool,
    /// What it holds or may hold, the most dangerous first.
    pub scopes: Vec<RestrictedScope>,
    /// Who authorized it, newest first.
    pub grants: Vec<OrgGrantRow>,
    /// Address of the page before this one.
    pub newer: Option<String>,
    /// Address of the next page.
    pub older: Option<String>,
    /// Its records in the audit log.
    pub activity: String,
    /// What the app has here, if the client is an app's.
    pub app: Option<AppHere>,
}

/// A scope with its box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestrictedScope {
    /// `metrics:read`.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's consent text.
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// Whether a live grant holds it.
    pub held: bool,
    /// Whether it may hold it.
    pub allowed: bool,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgGrantRow {
    /// Its id, in the link to revoke it.
    pub id: String,
    /// Email of its user.
    pub user: String,
    /// What was consented to.
    pub scopes: Vec<String>,
    /// When.
    pub granted: When,
    /// When it last called.
    pub last_used: Option<When>,
    /// When it ends by itself.
    pub ends: Option<When>,
}

/// What the last act did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientNotice {
    /// It can't be used any more.
    Blocked,
    /// It can be used.
    Allowed,
    /// What it may hold is bounded.
    Restricted,
    /// It no longer is.
    Unrestricted,
    /// One grant has ended.
    Revoked,
    /// Every grant has ended.
    RevokedAll,
    /// The organization has the app.
    Installed,
    /// An API key never works again.
    KeyDisabled,
}

/// What breaks something for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedToConfirm {
    /// Its tokens and keys stop working.
    Block {
        /// For how many users.
        users: u64,
        /// How many keys.
        keys: u64,
    },
    /// It may hold less than it does.
    Restrict {
        /// For how many users.
        users: u64,
        /// How many keys.
        keys: u64,
        /// What is ticked.
        scopes: Vec<String>,
        /// What it loses.
        loses: Vec<String>,
        /// Whether that is all.
        all: bool,
    },
    /// Every grant ends.
    RevokeAll {
        /// For how many users.
        users: u64,
        /// How many keys go on.
        keys: u64,
    },
    /// One grant ends.
    Revoke {
        /// Which.
        grant: String,
        /// Whose.
        user: String,
        /// How many keys that were made on the user's behalf go on.
        keys: u64,
    },
    /// An API key never works again.
    DisableKey {
        /// Which.
        key: String,
        /// Its last four characters.
        last4: String,
    },
}

impl RestrictedScope {
    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }
}

impl AskedToConfirm {
    /// The name of the button.
    fn button(&self) -> String {
        match self {
            Self::Block { .. } => "block".to_owned(),
            Self::Restrict { .. } => "restrict-surely".to_owned(),
            Self::RevokeAll { .. } => "revoke-all".to_owned(),
            Self::Revoke { grant, .. } => format!("revoke-{grant}"),
            Self::DisableKey { key, .. } => format!("disable-{key}"),
        }
    }

    fn title(&self, application: &DisplayName) -> Text {
        match self {
            Self::Block { .. } => texts::asks_block(application),
            Self::Restrict { .. } => texts::asks_restrict(application),
            Self::RevokeAll { .. } => texts::asks_revoke_all(application),
            Self::Revoke { user, .. } => texts::asks_revoke(application, user),
            Self::DisableKey { last4, .. } => texts::asks_disable_key(application, last4),
        }
    }

    fn consequence(&self) -> Text {
        match self {
            Self::Block { users, keys } => texts::block_consequence(*users, *keys),
            Self::Restrict { users, keys, loses, all, .. } => texts::restrict_consequence(*users, *keys, loses, *all),
            Self::RevokeAll { users, keys } => texts::revoke_all_consequence(*users, *keys),
            Self::Revoke { keys, .. } => texts::revoke_consequence(*keys),
            Self::DisableKey { .. } => texts::disable_key_consequence(),
        }
    }

    /// What the question was asked about, to send again with its answer.
    fn ticked(&self) -> &[String] {
        match self {
            Self::Restrict { scopes, .. } => scopes,
            _ => &[],
        }
    }

    fn act(&self) -> Text {
        match self {
            Self::Block { .. } => texts::block(),
            Self::Restrict { .. } => texts::restrict(),
            Self::RevokeAll { .. } => texts::revoke_all(),
            Self::Revoke { .. } => texts::revoke(),
            Self::DisableKey { .. } => texts::disable_key(),
        }
    }
}

impl OrgClientPage {
    /// Where something is asked about before it is done.
    fn asks(&self, what: &str) -> String {
        let mark = if self.here.contains('?') { '&' } else { '?' };
        format!("{}{mark}confirm={what}", self.here)
    }
}
