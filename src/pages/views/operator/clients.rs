//! Clients of every organization, and of none.

use askama::Template;

use super::{AtStake, OperatorTab, Steps, Switched};
use crate::pages::texts::{Text, operator as texts, org};
use crate::pages::views::{Client, Frame, ListSearch, Registration};
use crate::pages::{DisplayName, When};

/// `/operator/clients`. The search is a GET form with `text`, `org` and `state`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_clients.html")]
pub struct OperatorClientsPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// What is searched for, and whose clients, and how they stand.
    pub search: ListSearch,
    /// Whether there is no such organization.
    pub no_such_org: bool,
    /// One page of clients, newest first.
    pub rows: Vec<OperatorClientRow>,
    /// Its neighbours.
    pub steps: Steps,
}

/// One client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorClientRow {
    /// Its page.
    pub href: String,
    /// The client.
    pub client: Client,
    /// Who owns it; `None` for those that registered themselves or are the operator's own.
    pub owner: Option<ClientOwner>,
    /// Whether it may be used.
    pub switched: ClientSwitched,
    /// Since when it is here.
    pub created: When,
}

/// Who switched a client off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSwitched {
    /// Nobody.
    On,
    /// Its owner, who can switch it on again.
    Off,
    /// The operator.
    Frozen,
}

impl ClientSwitched {
    pub(in crate::pages) const fn word(self) -> Text {
        match self {
            Self::On => texts::active(),
            Self::Off => org::switched_off(),
            Self::Frozen => texts::frozen(),
        }
    }

    pub(in crate::pages) const fn tone(self) -> &'static str {
        match self {
            Self::On => "plain",
            Self::Off | Self::Frozen => "caution",
        }
    }
}

/// An organization in which a client was authorized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHolder {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: DisplayName,
    /// Live authorizations there.
    pub grants: u64,
    /// Users who gave them.
    pub users: u64,
    /// API keys that work there.
    pub keys: u64,
}

/// The organization that owns a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOwner {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: DisplayName,
}

/// `/operator/clients/{client}`. Its forms post to `path` with the buttons `freeze` and `thaw`; freezing is asked for again with
/// `?confirm=freeze`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_client.html")]
pub struct OperatorClientPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// This page.
    pub path: String,
    /// `client_id`.
    pub id: String,
    /// The client.
    pub client: Client,
    /// Who owns it.
    pub owner: Option<ClientOwner>,
    /// Whether it may be used.
    pub switched: ClientSwitched,
    /// How it came here, since when, and how it signs in.
    pub registration: Registration,
    /// Who authorized it: organizations with the most authorizations first, some of them when there are many.
    pub holders: Vec<ClientHolder>,
    /// What it may ask for; `None` is every public scope.
    pub scopes: Option<Vec<String>>,
    /// What it was given.
    pub stake: AtStake,
    /// Whether freezing it was asked for.
    pub asked: bool,
    /// What was done a moment ago.
    pub notice: Option<Switched>,
}

impl OperatorClientPage {
    /// Organizations that are not listed.
    fn others(&self) -> u64 {
        self.stake.orgs.saturating_sub(u64::try_from(self.holders.len()).unwrap_or(u64::MAX))
    }

    fn freezing(&self) -> Text {
        texts::freeze_client(self.stake.users, self.stake.keys, self.stake.orgs)
    }
}
