//! Machine clients of an organization.

use askama::Template;

use super::apps::PrivateState;
use super::{Frame, ListSearch, OrgTabs, PrivateScope, ScopeChoices, SecretRow, ShownSecret, Way, scope_icon};
use crate::config::Risk;
use crate::pages::texts::{self, Text, counted, machines as words};
use crate::pages::views::{FieldFlaw, ScopeLabel};
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/machines`.
#[derive(Clone, Debug, Template)]
#[template(path = "machines.html")]
pub struct MachinesPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// `/orgs/{org}/machines`.
    pub path: String,
    /// Where service users are made, for those who may.
    pub members: Option<String>,
    /// Whether the viewer may make machine clients.
    pub may_change: bool,
    /// What the last act did.
    pub notice: Option<Text>,
    /// Whether there is none at all.
    pub nothing_yet: bool,
    /// The search.
    pub search: ListSearch,
    /// One page of them, newest first.
    pub rows: Vec<MachineRow>,
    /// The page before.
    pub newer: Option<String>,
    /// The page after.
    pub older: Option<String>,
}

/// One machine client of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineRow {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: DisplayName,
    /// The user that it acts as.
    pub subject: String,
    /// How many permissions it has.
    pub scopes: usize,
    /// Whether it works.
    pub standing: MachineStanding,
    /// When it was last used.
    pub last_used: Option<When>,
}

/// Whether a machine client works, as the token endpoint and the gate would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineStanding {
    /// It does.
    Works,
    /// Its owner switched it off.
    Off,
    /// Something else stops it.
    Stopped {
        /// What, as a sentence.
        why: Text,
    },
}

impl MachineStanding {
    fn word(&self) -> Text {
        match self {
            Self::Works => words::works(),
            Self::Off => words::switched_off(),
            Self::Stopped { .. } => words::stopped(),
        }
    }

    fn tone(&self) -> &'static str {
        match self {
            Self::Works => "known",
            Self::Off => "plain",
            Self::Stopped { .. } => "danger",
        }
    }

    /// Why it does not work.
    fn why(&self) -> Text {
        match self {
            Self::Works => Text::NONE,
            Self::Off => words::why_off(),
            Self::Stopped { why } => why.clone(),
        }
    }
}

impl MachineRow {
    fn permissions(&self) -> Text {
        counted::permissions(u64::try_from(self.scopes).unwrap_or(u64::MAX))
    }
}

/// `/orgs/{org}/machines/new`, and `/orgs/{org}/machines/{client}/scopes`, which asks for the permissions alone. Fields `name`,
/// `subject`, `resources` (repeated), `lifetime` and `scopes` (repeated); buttons `save`, and `search`, which saves nothing and
/// looks for `find` among the permissions.
#[derive(Clone, Debug, Template)]
#[template(path = "machine_form.html")]
pub struct MachineFormPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// "Make a machine client".
    pub title: Text,
    /// What it is about.
    pub lead: Text,
    /// Where a way back leads.
    pub back: Way,
    /// Where the form posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// What is asked for a client that is to be made.
    pub make: Option<MachineDraft>,
    /// What was looked for among the permissions.
    pub find: String,
    /// The permissions that are shown: all that are ticked, and of the others those that match.
    pub scopes: Vec<ScopeChoices>,
    /// How many permissions the search left out.
    pub hidden: usize,
    /// What is wrong, field by field.
    pub flaws: Vec<FieldFlaw>,
    /// Why nothing was saved, when it is not about one field.
    pub problem: Option<Text>,
}

/// A machine client that somebody enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineDraft {
    /// Its name.
    pub name: String,
    /// Whom it may act as.
    pub subjects: Vec<SubjectChoice>,
    /// Where service users are made, for those who may.
    pub members: Option<String>,
    /// What it can be good for.
    pub apis: Vec<MachineApi>,
    /// Seconds that its first secret lives; empty is for ever.
    pub lives: String,
    /// Seconds that its tokens live.
    pub lifetime: String,
    /// What holds when that is empty, and the most.
    pub lifetime_hint: Text,
}

/// A user whom a machine client may act as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectChoice {
    /// User id.
    pub id: String,
    /// Address, or a service user's name.
    pub email: String,
    /// Whether it is a service user.
    pub service: bool,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// An API that a machine client can be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineApi {
    /// Its name.
    pub name: String,
    /// Its resource, by all its names.
    pub resources: Vec<String>,
    /// Whether it is chosen.
    pub chosen: bool,
}

impl MachineApi {
    /// What tokens call it.
    fn resource(&self) -> &str {
        self.resources.first().map_or("", String::as_str)
    }
}

impl MachineFormPage {
    /// Nothing when nothing is wrong with the field.
    fn flaw(&self, field: &str) -> Text {
        texts::together(self.flaws.iter().filter(|f| f.field == field).map(|f| f.text.clone()))
    }

    fn ticked(&self) -> usize {
        self.scopes.iter().flat_map(|g| &g.choices).filter(|c| c.requested).count()
    }

    fn button(&self) -> Text {
        if self.make.is_some() { words::make() } else { texts::acts::save() }
    }
}

/// `/orgs/{org}/machines/{client}`. Every act posts to `path`: the buttons `add-secret` (with `lives` and `overlap`),
/// `retire-secret` (its value names the secret), `request-scope` (with `private_scope` and `private_reason`), `cancel-scope` (its value
/// names the scope), `set-lifetime` (with `lifetime`), `switch-off`, `switch-on` and `delete`. What stops something is asked about first:
/// `?confirm=off`, `?confirm=delete`, `?confirm=retire-{secret}`.
#[derive(Clone, Debug, Template)]
#[template(path = "machine.html")]
pub struct MachinePage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Its own page, where its acts post.
    pub path: String,
    /// The list that it is in.
    pub list: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// What the last act did.
    pub notice: Option<Text>,
    /// Why the last act was refused.
    pub problem: Option<Text>,
    /// What is done only after it was confirmed.
    pub confirm: Option<AskedOfMachine>,
    /// A secret that was just made; it is on no later page.
    pub secret: Option<ShownSecret>,
    /// `client_id`.
    pub id: String,
    /// Its name.
    pub name: DisplayName,
    /// Whether it works.
    pub standing: MachineStanding,
    /// What somebody else decided about it.
    pub held: HeldBack,
    /// The user that it acts as.
    pub subject: String,
    /// Whether that is a service user.
    pub service: bool,
    /// That user among the members, for those who may see them.
    pub subject_href: Option<String>,
    /// What it may do, the riskiest first.
    pub scopes: Vec<MachineScope>,
    /// What its tokens are good for; empty is every API.
    pub resources: Vec<String>,
    /// How long its tokens live.
    pub lifetime: Text,
    /// When it was made.
    pub made: When,
    /// When it was last used.
    pub last_used: Option<When>,
    /// Its secrets that have not ended.
    pub secrets: Vec<SecretRow>,
    /// Seconds that its tokens live, when that is its own; as it was entered, when that was refused.
    pub own_lifetime: String,
    /// What holds when that is empty, and the most.
    pub lifetime_hint: Text,
    /// Private scopes that it asked for or was given.
    pub private: Vec<PrivateScope>,
    /// A request for one that was refused: the scope and the reason as they were entered.
    pub asking: (String, String),
    /// Where it asks for tokens.
    pub token_endpoint: String,
    /// Its part of the audit log, for those who may read it.
    pub activity: Option<String>,
}

impl MachinePage {
    fn may_ask(&self) -> bool {
        self.may_change && !self.is_frozen()
    }

    fn is_frozen(&self) -> bool {
        self.held == HeldBack::Frozen
    }

    fn is_revoked(&self) -> bool {
        self.held == HeldBack::Revoked
    }
}

/// What keeps a machine client from tokens, whatever its own switch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBack {
    /// Nothing.
    Nothing,
    /// The operator froze it: it can only be deleted.
    Frozen,
    /// Somebody revoked its authorization: it gets no token until it is allowed again.
    Revoked,
}

/// A permission of a machine client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineScope {
    /// `metrics:read`.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's words.
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// Why it does nothing at the moment; nothing when it does.
    pub note: Text,
}

impl MachineScope {
    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }
}

/// An act that stops what works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedOfMachine {
    /// Switching it off.
    Off,
    /// Deleting it.
    Deletion,
    /// Retiring a secret that something may still use.
    Retirement {
        /// What its button names it by.
        id: String,
        /// Its last four characters.
        last4: String,
    },
}

impl AskedOfMachine {
    fn title(&self, client: &DisplayName) -> Text {
        match self {
            Self::Off => words::asks_off(client),
            Self::Deletion => words::asks_delete(client),
            Self::Retirement { last4, .. } => words::asks_retire(last4),
        }
    }

    fn consequence(&self) -> Text {
        match self {
            Self::Off => words::off_consequence(),
            Self::Deletion => words::delete_consequence(),
            Self::Retirement { .. } => words::retire_consequence(),
        }
    }

    fn act(&self) -> Text {
        match self {
            Self::Off => words::switch_off(),
            Self::Deletion => words::delete(),
            Self::Retirement { .. } => words::retire_secret(),
        }
    }

    fn button(&self) -> &'static str {
        match self {
            Self::Off => "switch-off",
            Self::Deletion => "delete",
            Self::Retirement { .. } => "retire-secret",
        }
    }

    fn value(&self) -> &str {
        match self {
            Self::Off | Self::Deletion => "1",
            Self::Retirement { id, .. } => id,
        }
    }
}
