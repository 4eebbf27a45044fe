//! Whom APIs in shadow mode would refuse.

use askama::Template;

use super::{OperatorTab, Steps};
use crate::pages::texts::{Text, operator as texts};
use crate::pages::views::Frame;
use crate::pages::{DisplayName, When, grouped};

/// `/operator/shadow`. The search is a GET form with `org`, `api` and `span`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_shadow.html")]
pub struct OperatorShadowPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Short name of the organization; empty is any or none.
    pub org: String,
    /// Name of the API; empty is any.
    pub api: String,
    /// `day`, `week` or `month`.
    pub span: String,
    /// Whether there is no such organization.
    pub no_such_org: bool,
    /// The APIs that are in shadow mode now.
    pub apis: Vec<String>,
    /// Requests that were let pass.
    pub requests: u64,
    /// Callers, routes and reasons among them.
    pub callers: u64,
    /// One page of them, most requests first.
    pub rows: Vec<OperatorShadowRow>,
    /// Its neighbours.
    pub steps: Steps,
}

/// One caller at one route for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorShadowRow {
    /// Who calls.
    pub caller: ShadowCaller,
    /// The organization, where a token names one.
    pub organization: Option<DisplayName>,
    /// The API.
    pub api: String,
    /// The route.
    pub route: String,
    /// The reason in words.
    pub why: Text,
    /// Whether they were refused already.
    pub refused: bool,
    /// The scopes that were missing.
    pub missing: Vec<String>,
    /// How many requests.
    pub count: u64,
    /// When the last of them came.
    pub last: When,
}

/// Who would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowCaller {
    /// A user, through a client.
    User {
        /// The user's page.
        href: String,
        /// E-mail address, or what is known of it.
        name: DisplayName,
        /// The client.
        client: Option<DisplayName>,
    },
    /// A client by itself.
    Client(DisplayName),
    /// Somebody whom no token names.
    Unknown {
        /// Where they call from.
        address: Option<String>,
        /// What they say that they are.
        agent: Option<DisplayName>,
    },
}

impl OperatorShadowPage {
    /// Value and name of how far back is looked.
    const SPANS: [(&'static str, Text); 3] =
        [("day", texts::last_day()), ("week", texts::last_week()), ("month", texts::last_month())];

    fn is_filtered(&self) -> bool {
        !self.org.is_empty() || !self.api.is_empty() || self.span != "day"
    }

    fn is_api(&self, name: &str) -> bool {
        self.api == name
    }

    /// What is asked for although it is in shadow mode no more.
    fn is_gone(&self) -> bool {
        !self.api.is_empty() && !self.apis.contains(&self.api)
    }

    fn summary(&self) -> Text {
        texts::would_be_refused(self.requests, self.callers)
    }
}

impl OperatorShadowRow {
    fn requests(&self) -> String {
        grouped(self.count)
    }
}
