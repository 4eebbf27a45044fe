//! What the pages of an organization share.

use crate::pages::texts::{Text, frame};

/// The pages of an organization, as far as the viewer may open them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgTabs {
    /// For the paths `/orgs/{slug}/…`.
    pub slug: String,
    /// The one that is open.
    pub open: OrgTab,
    /// Those that may be opened, in order.
    pub allowed: Vec<OrgTab>,
}

/// A page of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrgTab {
    /// `/orgs/{slug}/audit`.
    Audit,
    /// `/orgs/{slug}/applications`.
    Applications,
    /// `/orgs/{slug}/keys`.
    Keys,
    /// `/orgs/{slug}/review`.
    Review,
    /// `/orgs/{slug}/members`.
    Members,
    /// `/orgs/{slug}/machines`.
    Machines,
}

impl OrgTab {
    /// Every page, in order.
    pub const ALL: [Self; 6] = [Self::Audit, Self::Applications, Self::Keys, Self::Review, Self::Members, Self::Machines];

    fn words(self) -> (&'static str, Text) {
        match self {
            Self::Audit => ("audit", frame::audit_log()),
            Self::Applications => ("applications", frame::third_party_access()),
            Self::Keys => ("keys", frame::api_keys()),
            Self::Review => ("review", frame::access_review()),
            Self::Members => ("members", frame::members()),
            Self::Machines => ("machines", frame::machine_clients()),
        }
    }
}

impl OrgTabs {
    /// Path, name and whether it is open, in order.
    pub(in crate::pages) fn list(&self) -> Vec<(String, Text, bool)> {
        let shown = |tab: &OrgTab| {
            let (path, name) = tab.words();
            (format!("/orgs/{}/{path}", self.slug), name, *tab == self.open)
        };
        self.allowed.iter().map(shown).collect()
    }

    /// Whether one of them may be opened.
    pub(in crate::pages) fn may_open(&self, tab: OrgTab) -> bool {
        self.allowed.contains(&tab)
    }
}
