//! What surrounds every page: the operator's name, the menu, who is signed in.

use crate::pages::DisplayName;
use crate::pages::texts::{Text, frame};

/// Whose gateway this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// The operator's name, "Acme Observability"; "Tollgate" if none is configured.
    pub name: String,
    /// Path of the operator's logo on this origin; the built-in mark if none.
    pub logo: Option<String>,
}

/// The frame of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whose gateway this is.
    pub brand: Brand,
    /// Who is signed in; without one there is no menu.
    pub viewer: Option<Viewer>,
    /// Where in the menu this page is.
    pub section: Section,
}

/// The person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Shown at the top right.
    pub email: String,
    /// For the sign-out form, which posts to `/logout`.
    pub csrf: String,
    /// Organizations of which this person may open a page, in menu order.
    pub orgs: Vec<OrgLink>,
    /// Organizations whose apps this person may see, in menu order.
    pub apps: Vec<OrgLink>,
    /// Whether this person may open the operator's pages.
    pub operator: bool,
}

/// One organization in the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgLink {
    /// For paths below `/orgs/{slug}`.
    pub slug: String,
    /// The page below that: `audit`, or the first of the others that this person may open.
    pub page: &'static str,
    /// Organization name, to tell several apart.
    pub organization: DisplayName,
}

/// An entry of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// `/settings/applications`.
    Applications,
    /// `/orgs/{slug}/audit` of this slug.
    Audit {
        /// Organization whose log is open.
        slug: String,
    },
    /// `/orgs/{slug}/apps` of this slug.
    Apps {
        /// Organization whose apps are open.
        slug: String,
    },
    /// `/operator/…`.
    Operator,
    /// A page outside the menu.
    Elsewhere,
}

impl Viewer {
    /// What the menu calls the pages of organizations: after the log, as long as everything behind the entry has one.
    pub(in crate::pages) fn orgs_title(&self) -> Text {
        match (self.orgs.len(), self.orgs.iter().all(|link| link.page == "audit")) {
            (1, true) => frame::audit_log(),
            (1, false) => frame::organization(),
            (_, true) => frame::audit_logs(),
            (_, false) => frame::organizations(),
        }
    }
}

impl Frame {
    pub(in crate::pages) fn applications_open(&self) -> bool {
        self.section == Section::Applications
    }

    pub(in crate::pages) fn operator_open(&self) -> bool {
        self.section == Section::Operator
    }

    pub(in crate::pages) fn audit_section(&self) -> bool {
        matches!(self.section, Section::Audit { .. })
    }

    pub(in crate::pages) fn apps_section(&self) -> bool {
        matches!(self.section, Section::Apps { .. })
    }

    pub(in crate::pages) fn apps_open(&self, link: &OrgLink) -> bool {
        matches!(&self.section, Section::Apps { slug } if *slug == link.slug)
    }

    pub(in crate::pages) fn audit_open(&self, link: &OrgLink) -> bool {
        matches!(&self.section, Section::Audit { slug } if *slug == link.slug)
    }
}
