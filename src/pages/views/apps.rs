//! The apps of an organization: the list, one app, and the forms around it.

use askama::Template;

use super::{Frame, ScopeLabel, scope_icon};
use crate::config::Risk;
use crate::pages::texts::{self, Text, apps as words};
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/apps`.
#[derive(Clone, Debug, Template)]
#[template(path = "apps.html")]
pub struct AppsPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Name of the organization.
    pub organization: DisplayName,
    /// `/orgs/{slug}/apps`.
    pub path: String,
    /// Whether the viewer may make apps.
    pub may_write: bool,
    /// What the last act did.
    pub notice: Option<Text>,
    /// The apps, newest first.
    pub rows: Vec<AppRow>,
}

/// One app of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppRow {
    /// Where its page is.
    pub href: String,
    /// Its name.
    pub name: DisplayName,
    /// How it stands.
    pub standing: Standing,
    /// How many permissions its draft asks for.
    pub scopes: usize,
    /// When its draft was last changed.
    pub changed: When,
}

/// How an app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not published yet.
    Draft,
    /// Published, by the number of the last version.
    Published(u32),
    /// Switched off.
    Disabled,
    /// On, and the operator froze one of its clients.
    Frozen,
}

/// Something that keeps clients of an app from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldApp {
    /// What, and what helps.
    pub sentence: Text,
    /// When that was done, as far as the log tells.
    pub since: Option<When>,
    /// The member who did it; nobody where it was somebody else or is not known.
    pub by: Option<String>,
}

impl Standing {
    fn tone(self) -> &'static str {
        match self {
            Self::Draft => "plain",
            Self::Published(_) => "known",
            Self::Disabled | Self::Frozen => "danger",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Self::Draft => "pencil",
            Self::Published(_) => "check",
            Self::Disabled | Self::Frozen => "alert",
        }
    }

    fn words(self) -> Text {
        match self {
            Self::Draft => words::draft(),
            Self::Published(version) => words::published(version),
            Self::Disabled => words::switched_off(),
            Self::Frozen => texts::org::frozen(),
        }
    }
}

impl AppRow {
    fn asks_for(&self) -> Text {
        words::permissions(u64::try_from(self.scopes).unwrap_or(u64::MAX))
    }
}

/// `/orgs/{org}/apps/{app}`. Every act posts to `path`; its button has its name.
#[derive(Clone, Debug, Template)]
#[template(path = "app.html")]
pub struct AppPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The list that it is in.
    pub apps: String,
    /// Its own page, where its acts post.
    pub path: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Its name.
    pub name: DisplayName,
    /// How it stands.
    pub standing: Standing,
    /// Whether the viewer may change it.
    pub may_write: bool,
    /// What the last act did.
    pub notice: Option<Text>,
    /// Why the last act was refused.
    pub problem: Option<Text>,
    /// What keeps its clients from working.
    pub holds: Vec<HeldApp>,
    /// What is done only after it was confirmed.
    pub confirm: Option<AskedOfApp>,
    /// A secret that was just made; it is on no later page.
    pub secret: Option<ShownSecret>,
    /// Its clients, the draft's first.
    pub clients: Vec<AppClientCard>,
    /// What the draft says, field by field.
    pub draft: Vec<DraftField>,
    /// What publishing would change.
    pub changes: Vec<FieldChange>,
    /// What must be so before the draft is published, and whether it is.
    pub conditions: Vec<ConditionLine>,
    /// Whether the draft is marked stable.
    pub stable: bool,
    /// Its versions, newest first.
    pub versions: Vec<VersionRow>,
    /// What it is known by at every site.
    pub uuid: String,
    /// Where a test of the draft starts: its onboarding URL as a customer's browser opens it.
    pub test: Option<String>,
    /// The private scopes that were asked for or given, what waits first.
    pub private: Vec<PrivateScope>,
    /// What was entered in the form that asks for one, when it was refused.
    pub asking: (String, String),
}

/// A private scope that an app asked for, or was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateScope {
    /// The scope.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's words; `None` when it no longer has the scope.
    pub text: Option<String>,
    /// Why it is wanted; empty when it was given unasked.
    pub reason: String,
    /// Who asked, and when; nobody is the operator.
    pub asked: Option<(Option<String>, When)>,
    /// What became of it.
    pub state: PrivateState,
    /// What the operator said.
    pub comment: Option<String>,
}

/// What became of a request for a private scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateState {
    /// It waits for the operator.
    Waiting {
        /// Until when an earlier approval counts.
        given_until: Option<When>,
    },
    /// It counts until then.
    Given(When),
    /// It counted until then.
    Ended(When),
    /// The operator said no, then.
    Denied(Option<When>),
    /// It was taken back, then.
    Withdrawn(Option<When>),
}

impl PrivateState {
    pub(super) fn word(&self) -> Text {
        match self {
            Self::Waiting { .. } => words::waiting(),
            Self::Given(_) => words::approved(),
            Self::Ended(_) => words::ended(),
            Self::Denied(_) => words::denied(),
            Self::Withdrawn(_) => words::withdrawn(),
        }
    }

    pub(super) fn tone(&self) -> &'static str {
        match self {
            Self::Given(_) => "known",
            Self::Waiting { .. } | Self::Ended(_) => "caution",
            Self::Denied(_) => "danger",
            Self::Withdrawn(_) => "plain",
        }
    }
}

/// An act that stops what works for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedOfApp {
    /// The app, with both its clients.
    SwitchOff {
        /// What stops, as a text.
        stops: Text,
    },
    /// A secret that something may still use.
    RemoveSecret {
        /// `draft` or `published`.
        stage: &'static str,
        /// What its button names it by.
        id: String,
        /// Its last four characters.
        last4: String,
    },
}

/// A secret, this once.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownSecret {
    /// Of which client: "Secret of the draft client".
    pub title: Text,
    /// The client's id, which goes with it.
    pub client_id: String,
    /// The secret.
    pub value: String,
}

impl std::fmt::Debug for ShownSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownSecret").field("title", &self.title).finish_non_exhaustive()
    }
}

/// One of an app's clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppClientCard {
    /// `draft` or `published`; part of names of buttons.
    pub stage: &'static str,
    /// "Draft client".
    pub title: Text,
    /// Who may authorize it.
    pub audience: Text,
    /// `client_id`.
    pub client_id: String,
    /// Whether it keeps secrets.
    pub confidential: bool,
    /// Its secrets that have not ended.
    pub secrets: Vec<SecretRow>,
}

/// A secret, without the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// What its button names it by.
    pub id: String,
    /// Its last four characters.
    pub last4: String,
    /// When it was made.
    pub made: When,
    /// When it ends, if it does.
    pub ends: Option<When>,
}

/// A field of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftField {
    /// Its name for people.
    pub title: Text,
    /// Its values.
    pub values: Vec<String>,
    /// What holds where there is none.
    pub absent: Text,
}

/// What a field loses and gains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Its name for people.
    pub title: Text,
    /// What is no longer there.
    pub removed: Vec<String>,
    /// What is new.
    pub added: Vec<String>,
}

/// A precondition of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionLine {
    /// What must be so.
    pub sentence: Text,
    /// Whether it is.
    pub met: bool,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// 1 for the first.
    pub number: u32,
    /// When it was published.
    pub published: When,
    /// By whom; nobody is the operator.
    pub by: Option<String>,
    /// How many fields it changed; `None` for the first.
    pub changes: Vec<FieldChange>,
    /// Where its manifest is.
    pub manifest: String,
}

impl AppPage {
    /// Whether private scopes may be asked for here.
    const fn may_ask(&self) -> bool {
        self.may_write
    }

    fn disabled(&self) -> bool {
        self.standing == Standing::Disabled
    }

    fn unmet(&self) -> usize {
        self.conditions.iter().filter(|c| !c.met).count()
    }
}

/// `/orgs/{org}/apps/new` and `/orgs/{org}/apps/{app}/edit`. Fields have the names of the definition; `scopes` is repeated.
#[derive(Clone, Debug, Template)]
#[template(path = "app_form.html")]
pub struct AppFormPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// "Create an app".
    pub title: Text,
    /// Where a way back leads.
    pub back: Way,
    /// Where the form posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// The revision that is changed; `None` asks for the kind of clients instead.
    pub revision: Option<u64>,
    /// Whether the clients shall be public, when that is asked for.
    pub public: bool,
    /// The texts.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where its documentation is.
    pub documentation_url: String,
    /// What to do when it is no longer wanted.
    pub uninstall_instructions: String,
    /// Where an authorization starts.
    pub onboarding_url: String,
    /// Where answers may go, one a line.
    pub redirect_uris: String,
    /// Seconds that access tokens live.
    pub lifetime: String,
    /// What holds when that is empty, and the most.
    pub lifetime_hint: Text,
    /// Whether requests must carry `state`.
    pub require_state: bool,
    /// What was looked for among the scopes.
    pub find: String,
    /// The scopes that are shown: all that are requested, and of the others those that match.
    pub scopes: Vec<ScopeChoices>,
    /// How many scopes the search left out.
    pub hidden: usize,
    /// What is wrong, field by field.
    pub flaws: Vec<FieldFlaw>,
    /// Why nothing was saved, when it is not about one field.
    pub problem: Option<Text>,
}

/// A way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where.
    pub href: String,
    /// What is there.
    pub text: Text,
}

/// The scopes of one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeChoices {
    /// Name of the API or product.
    pub group: String,
    /// Its scopes.
    pub choices: Vec<ScopeChoice>,
}

/// A scope with its checkbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeChoice {
    /// `metrics:read`.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's words.
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// Whether it is requested.
    pub requested: bool,
    /// What comes with it, as far as the app requests that too.
    pub brings: Vec<String>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFlaw {
    /// The field's name in the form.
    pub field: &'static str,
    /// What is wrong.
    pub text: Text,
}

impl ScopeChoice {
    pub(super) fn bringing(&self) -> Text {
        if self.brings.is_empty() { Text::NONE } else { texts::apps::brings(&self.brings) }
    }

    pub(super) fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }
}

impl AppFormPage {
    /// Nothing when nothing is wrong with the field.
    fn flaw(&self, field: &str) -> Text {
        texts::together(self.flaws.iter().filter(|f| f.field == field).map(|f| f.text.clone()))
    }

    fn requested(&self) -> usize {
        self.scopes.iter().flat_map(|g| &g.choices).filter(|c| c.requested).count()
    }
}

/// `/orgs/{org}/apps/{app}/publish`. Button `publish`, field `app_uuid`.
#[derive(Clone, Debug, Template)]
#[template(path = "app_publish.html")]
pub struct AppPublishPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The app's page.
    pub back: Way,
    /// Where the form posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// The app's name.
    pub name: DisplayName,
    /// What keeps the app's clients from working.
    pub holds: Vec<HeldApp>,
    /// The revision that is looked at.
    pub revision: u64,
    /// The number that the version will have.
    pub number: u32,
    /// What must be so, and whether it is.
    pub conditions: Vec<ConditionLine>,
    /// What the version changes.
    pub changes: Vec<FieldChange>,
    /// Whether live grants lose permissions.
    pub narrows: bool,
    /// Permissions that the version adds, and that nobody was given in a test authorization.
    pub untried: Vec<String>,
    /// Where one begins.
    pub test: String,
    /// Why it was not published.
    pub problem: Option<Text>,
}

impl AppPublishPage {
    fn ready(&self) -> bool {
        self.conditions.iter().all(|c| c.met)
    }
}

/// `/orgs/{org}/apps/{app}/delete`. Button `delete`.
#[derive(Clone, Debug, Template)]
#[template(path = "app_delete.html")]
pub struct AppDeletePage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The app's page.
    pub back: Way,
    /// Where the form posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// The app's name.
    pub name: DisplayName,
    /// What ends, as a text.
    pub ends: Text,
    /// Whether it was published: then others use it.
    pub published: bool,
}

/// `/orgs/{org}/apps/import`. Field `manifest`, button `import`.
#[derive(Clone, Debug, Template)]
#[template(path = "app_import.html")]
pub struct AppImportPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The list.
    pub back: Way,
    /// Where the form posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// What was sent.
    pub manifest: String,
    /// Why it was not imported.
    pub problem: Option<Text>,
}
