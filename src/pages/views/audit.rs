//! The audit log of an organization.

use askama::Template;
use url::form_urlencoded::Serializer;

use super::{Frame, OrgTabs};
use crate::pages::texts::{Text, name, record as texts};
use crate::pages::{DisplayName, Histogram, When};

/// `/orgs/{org}/audit`: filter, picture, table, downloads.
///
/// The filter is a GET form on `path`; a record is at `{path}/{id}`; downloads are at `{path}.ndjson` and `{path}.csv` with the
/// same query; the pager adds `cursor`.
#[derive(Clone, Debug, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The organization's pages.
    pub tabs: OrgTabs,
    /// Organization name.
    pub organization: DisplayName,
    /// `/orgs/{org}/audit`.
    pub path: String,
    /// The filter in force.
    pub filter: AuditFilter,
    /// What is wrong with the filter, if it could not be read; the rows are then empty.
    pub problem: Option<Text>,
    /// Value of the hidden field `csrf` of the forms that post to `{path}/searches`: `save-search` with `name` and `query`, and
    /// `forget-search`, whose value is a name.
    pub csrf: String,
    /// Searches that the viewer saved.
    pub saved: Vec<SavedSearchLink>,
    /// Calls and denials over the range.
    pub histogram: Histogram,
    /// Who and what the records are about most, over the range.
    pub counts: Counts,
    /// Records, newest first.
    pub rows: Vec<AuditRow>,
    /// What is known of the proof of this log.
    pub proof: Proof,
    /// Cursor of the next (older) page.
    pub older: Option<String>,
    /// Cursor of the previous (newer) page.
    pub newer: Option<String>,
}

/// The filter as it stands in the address; empty strings filter nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Start, `2026-11-21T22:00` in UTC.
    pub from: String,
    /// End, exclusive.
    pub to: String,
    /// User id or email.
    pub user: String,
    /// Client id or name.
    pub client: String,
    /// API name.
    pub api: String,
    /// MCP tool name.
    pub tool: String,
    /// Route id or event name.
    pub operation: String,
    /// HTTP status, or a class of them.
    pub status: String,
    /// Outcome.
    pub decision: DecisionFilter,
    /// Free text.
    pub text: String,
    /// Grant id.
    pub grant: String,
    /// Request id.
    pub request: String,
}

/// Which outcomes to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecisionFilter {
    /// All.
    #[default]
    Any,
    /// `allowed`.
    Allowed,
    /// `denied`.
    Denied,
    /// `unknown`: opened, never closed.
    Unknown,
}

/// What is known of the proof of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Where its newest record is sealed; none when nothing of it is.
    pub sealed: Option<LastSeal>,
    /// What the last proof found; none when nobody made one.
    pub last: Option<LastProof>,
}

/// Where a record is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeal {
    /// When it was.
    pub at: When,
    /// In which batch of which chain.
    pub place: Text,
}

/// What a proof found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastProof {
    /// When.
    pub at: When,
    /// What.
    pub found: Text,
    /// Whether something is wrong.
    pub is_faulty: bool,
}

/// Who and what a search is about most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts {
    /// There is nothing to count.
    Absent,
    /// At the address of this search with `counts`, which is `application`, `user` or `tool`.
    Offered,
    /// One of them here.
    Shown(Summary),
}

/// What the records share most, of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// "By application".
    pub title: Text,
    /// The most frequent first.
    pub lines: Vec<SummaryLine>,
}

/// How many records share one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryLine {
    /// The value as people read it.
    pub name: DisplayName,
    /// The same search, narrowed to it.
    pub href: String,
    /// Records with it.
    pub total: u64,
    /// Refusals among them.
    pub denied: u64,
}

impl SummaryLine {
    fn words(&self) -> Text {
        texts::share(self.total, self.denied)
    }
}

/// A search that the viewer saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSearchLink {
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub href: String,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Record id, for the link.
    pub id: String,
    /// When it happened.
    pub at: When,
    /// Email or service name of the user.
    pub who: String,
    /// Through what it was done.
    pub through: Through,
    /// What was done in short, `loki.query` or `tools/call query_logs`.
    pub what: String,
    /// API or page it was done on.
    pub api: String,
    /// Outcome.
    pub decision: Decision,
    /// Upstream or own status.
    pub status: Option<u16>,
    /// Milliseconds until answered.
    pub millis: Option<u64>,
}

/// Through what something was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// A client, by name.
    Application(DisplayName),
    /// A page of ours.
    Browser,
    /// The admin API, or a command that asked it.
    Administration,
    /// Nothing: the gateway itself did it, or a command on a store that no gateway served.
    Itself,
}

impl Through {
    /// Its name.
    #[must_use]
    pub fn text(&self) -> Text {
        match self {
            Self::Application(of) => name(of),
            Self::Browser => texts::browser(),
            Self::Administration => texts::admin_api(),
            Self::Itself => texts::itself(),
        }
    }

    const fn is_application(&self) -> bool {
        matches!(self, Self::Application(_))
    }
}

/// The outcome of a recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Let through.
    Allowed,
    /// Refused, with the reason in words: "needs logs:read".
    Denied(Text),
    /// Opened, never closed: the process ended in between.
    Unknown,
}

impl DecisionFilter {
    /// What the filter offers besides "Any".
    pub(in crate::pages) const CHOICES: [Self; 3] = [Self::Allowed, Self::Denied, Self::Unknown];

    pub(in crate::pages) fn word(self) -> Text {
        match self {
            Self::Any => texts::any(),
            Self::Allowed => texts::allowed(),
            Self::Denied => texts::denied(),
            Self::Unknown => texts::outcome_unknown(),
        }
    }

    /// Reads the query value; anything unknown filters nothing.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        match value {
            "allowed" => Self::Allowed,
            "denied" => Self::Denied,
            "unknown" => Self::Unknown,
            _ => Self::Any,
        }
    }

    /// The query value; empty for any.
    #[must_use]
    pub fn value(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl Decision {
    pub(in crate::pages) fn word(&self) -> Text {
        match self {
            Self::Allowed => texts::allowed(),
            Self::Denied(_) => texts::denied(),
            Self::Unknown => texts::unknown(),
        }
    }

    pub(in crate::pages) fn tone(&self) -> &'static str {
        match self {
            Self::Allowed => "plain",
            Self::Denied(_) => "danger",
            Self::Unknown => "caution",
        }
    }

    pub(in crate::pages) fn reason(&self) -> Option<&Text> {
        match self {
            Self::Denied(reason) => Some(reason),
            Self::Allowed | Self::Unknown => None,
        }
    }
}

impl AuditFilter {
    fn parts(&self) -> [(&'static str, &str); 12] {
        [
            ("from", &self.from),
            ("to", &self.to),
            ("user", &self.user),
            ("client", &self.client),
            ("api", &self.api),
            ("tool", &self.tool),
            ("operation", &self.operation),
            ("status", &self.status),
            ("decision", self.decision.value()),
            ("text", &self.text),
            ("grant", &self.grant),
            ("request", &self.request),
        ]
    }

    /// Whether nothing is filtered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts().iter().all(|(_, value)| value.is_empty())
    }

    /// The query string of this filter without `?`, form-encoded, without empty fields; with `cursor` when given.
    #[must_use]
    pub fn query(&self, cursor: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.parts().into_iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        query.finish()
    }
}

impl AuditPage {
    fn link(&self, suffix: &str, cursor: Option<&String>) -> String {
        let query = self.filter.query(cursor.map(String::as_str));
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{suffix}{mark}{query}", self.path)
    }

    /// What can be counted, and where.
    fn counts_links(&self) -> [(Text, String); 5] {
        let query = self.filter.query(None);
        let mark = if query.is_empty() { "" } else { "&" };
        let link = |name: &str| format!("{}?{query}{mark}counts={name}", self.path);
        [
            (texts::by_application(), link("application")),
            (texts::by_user(), link("user")),
            (texts::by_tool(), link("tool")),
            (texts::by_operation(), link("operation")),
            (texts::by_decision(), link("decision")),
        ]
    }

    fn older_link(&self) -> Option<String> {
        self.older.as_ref().map(|cursor| self.link("", Some(cursor)))
    }

    fn newer_link(&self) -> Option<String> {
        self.newer.as_ref().map(|cursor| self.link("", Some(cursor)))
    }

    /// Rare filters are folded away until one of them is in use.
    fn more_filters_open(&self) -> bool {
        let filter = &self.filter;
        let named = [&filter.client, &filter.api, &filter.tool, &filter.operation];
        let rare = named.into_iter().chain([&filter.status, &filter.grant, &filter.request]);
        rare.into_iter().any(|value| !value.is_empty())
    }
}
