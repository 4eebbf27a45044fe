//! Organizations.

use askama::Template;

use super::{AtStake, OperatorTab, Steps, Switched};
use crate::pages::texts::{Text, counted, operator as texts};
use crate::pages::views::{Frame, ListSearch};
use crate::pages::{DisplayName, When};

/// `/operator/organizations`. The search is a GET form with `text`; `create` posts `slug`, `name` and `tenant`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_orgs.html")]
pub struct OperatorOrgsPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// What is searched for.
    pub search: ListSearch,
    /// Why nothing was made.
    pub problem: Option<Text>,
    /// What was entered to be made.
    pub entered: EnteredOrg,
    /// One page of organizations, by slug.
    pub rows: Vec<OperatorOrgRow>,
    /// Its neighbours.
    pub steps: Steps,
}

/// An organization that somebody enters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnteredOrg {
    /// Its short name in URLs.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What upstreams know it by.
    pub tenant: String,
}

/// One organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorOrgRow {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: DisplayName,
    /// Its short name.
    pub slug: String,
    /// Members.
    pub members: u64,
    /// Clients that it owns.
    pub clients: u64,
    /// Whether it is frozen.
    pub frozen: bool,
    /// Since when it is here.
    pub created: When,
}

/// `/operator/organizations/{org}`. Its forms post to `path` with the buttons `freeze` and `thaw`; freezing is asked for again
/// with `?confirm=freeze`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_org.html")]
pub struct OperatorOrgPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// This page.
    pub path: String,
    /// Its id.
    pub id: String,
    /// Its short name.
    pub slug: String,
    /// Its name.
    pub name: DisplayName,
    /// What upstreams know it by.
    pub tenant: String,
    /// Whether it is frozen.
    pub frozen: bool,
    /// Since when it is here.
    pub created: When,
    /// Members.
    pub members: u64,
    /// Clients that it owns.
    pub clients: u64,
    /// What lives in it, when freezing it was asked for: it is counted for that question alone.
    pub asked: Option<AtStake>,
    /// What was done a moment ago.
    pub notice: Option<Switched>,
}

impl OperatorOrgPage {
    fn freezing(&self, stake: &AtStake) -> Text {
        texts::freeze_organization(self.members, (stake.grants, stake.users), stake.keys)
    }

    fn members_words(&self) -> Text {
        counted::members(self.members)
    }

    fn clients_words(&self) -> Text {
        counted::clients(self.clients)
    }
}
