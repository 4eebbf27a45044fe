//! What the pages of an organization share.

use crate::pages::texts::{Text, frame};

/// The pages of an organization, as far as the viewer may open them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgTabs {
    /// For the paths `/orgs/{slug}/…`.
    pub slug: String,
    /// The one that is open.
    pub open: OrgTab,
    /// Whether the audit log may be opened.
    pub audit: bool,
    /// Whether the applications, their API keys and the review of who authorized them may be opened.
    pub applications: bool,
    /// Whether the members may be opened.
    pub members: bool,
    /// Whether the machine clients may be opened.
    pub machines: bool,
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

impl OrgTabs {
    /// Path, name and whether it is open, in order.
    pub(in crate::pages) fn list(&self) -> Vec<(String, Text, bool)> {
        let all = [
            (self.audit, "audit", frame::audit_log(), OrgTab::Audit),
            (self.applications, "applications", frame::third_party_access(), OrgTab::Applications),
            (self.applications, "keys", frame::api_keys(), OrgTab::Keys),
            (self.applications, "review", frame::access_review(), OrgTab::Review),
            (self.members, "members", frame::members(), OrgTab::Members),
            (self.machines, "machines", frame::machine_clients(), OrgTab::Machines),
        ];
        let allowed = all.into_iter().filter(|(may, ..)| *may);
        allowed.map(|(_, path, name, tab)| (format!("/orgs/{}/{path}", self.slug), name, tab == self.open)).collect()
    }
}
