//! The applications that members of an organization authorized.

use askama::Template;

use super::{Client, Frame, ListSearch, OrgTabs};
use crate::pages::texts::{Text, counted, org as texts};
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/applications`. Its forms post to `here`: `save-new-clients` with the radio `new-clients`, which is
/// answered with a question before new applications wait (its button is `save-surely`), and for each client that
/// waits the buttons `approve-{id}` and `block-{id}`.
#[derive(Clone, Debug, Template)]
#[template(path = "org_clients.html")]
pub struct OrgClientsPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// `/orgs/{org}/applications`; one of its clients is at `{path}/{id}`.
    pub path: String,
    /// This page of the list, as it is narrowed.
    pub here: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Whether the viewer may decide; otherwise nothing on the page can be pressed.
    pub may_change: bool,
    /// What happens with applications that nobody decided about.
    pub new_clients: NewClientsChoice,
    /// What comes of letting new applications wait, when that was asked for.
    pub asked: Option<Text>,
    /// Whether that was saved a moment ago.
    pub saved: bool,
    /// Applications that wait, those that came last first.
    pub waiting: Vec<WaitingClient>,
    /// Whether there are no others at all.
    pub nothing_yet: bool,
    /// The search among the others.
    pub search: ListSearch,
    /// One page of the others, those that were authorized last first.
    pub clients: Vec<OrgClientRow>,
    /// The page before.
    pub newer: Option<String>,
    /// The page after.
    pub older: Option<String>,
}

/// What happens with applications that nobody decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewClientsChoice {
    /// Members may authorize them.
    Open,
    /// An administrator approves each first.
    Approval,
}

/// An application that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingClient {
    /// Its id, in the buttons.
    pub id: String,
    /// The application.
    pub client: Client,
    /// Who wants it.
    pub asked_by: Option<String>,
    /// Since when.
    pub asked: When,
}

/// One application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgClientRow {
    /// Its id, for the link.
    pub id: String,
    /// The application.
    pub client: Client,
    /// Whether it may be used.
    pub standing: ClientStanding,
    /// Users with a live grant.
    pub users: u64,
    /// Keys that work, also after the grants that made them have ended.
    pub keys: Vec<ClientKey>,
    /// Since when it is installed.
    pub installed: Option<When>,
    /// What those grants and keys hold together.
    pub scopes: Vec<String>,
    /// When somebody first authorized it.
    pub first_granted: Option<When>,
    /// When it last called.
    pub last_used: Option<When>,
}

/// An API key of an application, as a line beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// On whose behalf it was made.
    pub user: String,
    /// When.
    pub made: When,
    /// When it was last used.
    pub last_used: Option<When>,
}

/// Whether an application may be used in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStanding {
    /// Yes.
    Allowed,
    /// Yes, within bounds.
    Restricted,
    /// No.
    Blocked,
    /// Not until an administrator approved it.
    Waiting,
    /// Not anywhere: its owner switched it off.
    Disabled,
    /// Not anywhere: the operator froze it.
    Frozen,
}

impl ClientStanding {
    pub(in crate::pages) const fn word(self) -> Text {
        match self {
            Self::Allowed => texts::allowed(),
            Self::Restricted => texts::restricted(),
            Self::Blocked => texts::blocked(),
            Self::Waiting => texts::waiting(),
            Self::Disabled => texts::switched_off(),
            Self::Frozen => texts::frozen(),
        }
    }

    pub(in crate::pages) const fn tone(self) -> &'static str {
        match self {
            Self::Allowed => "plain",
            Self::Restricted | Self::Waiting => "caution",
            Self::Blocked | Self::Disabled | Self::Frozen => "danger",
        }
    }
}

impl OrgClientsPage {
    fn approval(&self) -> bool {
        self.new_clients == NewClientsChoice::Approval
    }
}

impl OrgClientRow {
    /// The first scopes in short, and how many more there are.
    fn scopes_words(&self) -> Text {
        const SHOWN: usize = 3;
        let first = self.scopes.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(" ");
        texts::holds(&first, self.scopes.len().saturating_sub(SHOWN) as u64)
    }

    fn users_words(&self) -> Text {
        counted::users(self.users)
    }
}
