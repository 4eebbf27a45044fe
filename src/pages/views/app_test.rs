//! Trying an app: where it starts, and what the app would be given.

use askama::Template;

use super::{Frame, Link, ScopeLabel, Way, scope_icon};
use crate::config::Risk;
use crate::pages::texts::{Text, apps, trial};
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/apps/{app}/test`. Every act posts to `action`; its button has its name.
#[derive(Clone, Debug, Template)]
#[template(path = "app_test.html")]
pub struct AppTestPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// The app's page.
    pub back: Way,
    /// Where the forms post.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// The app's name.
    pub name: DisplayName,
    /// Why the last act was not done.
    pub problem: Option<Text>,
    /// How far the test is.
    pub progress: TestProgress,
}

/// How far a test is.
#[derive(Clone, Debug)]
pub enum TestProgress {
    /// None is under way.
    Ready {
        /// What can be tried, the draft first.
        clients: Vec<TestedClient>,
        /// How the last one ended, if that was just now.
        last: Option<LastTest>,
    },
    /// The app would hold a token.
    Given(Box<TestedToken>),
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastTest {
    /// By hand: what it was given is revoked.
    Done,
    /// The app would have been sent an error.
    Refused {
        /// `error`.
        code: DisplayName,
        /// `error_description`.
        description: DisplayName,
    },
}

/// A client that can be tried, as a choice at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestedClient {
    /// `draft` or `published`; the value of the button `begin`.
    pub stage: &'static str,
    /// "Draft client".
    pub title: Text,
    /// `client_id`.
    pub client_id: String,
    /// The onboarding URL as a customer's browser opens it, when the app has one.
    pub onboarding: Option<String>,
    /// How many permissions it asks for.
    pub scopes: usize,
}

/// What the token endpoint gave.
#[derive(Clone, Debug)]
pub struct TestedToken {
    /// In which organization.
    pub organization: DisplayName,
    /// When the token ends.
    pub token_ends: When,
    /// When the grant ends, done or not.
    pub grant_ends: Option<When>,
    /// The answer as JSON, secrets masked.
    pub response: String,
    /// The claims of the access token.
    pub claims: Vec<ClaimLine>,
    /// Every permission that was asked for.
    pub scopes: Vec<TestedScope>,
    /// Routes that the token may call, by API.
    pub routes: Vec<TestRoutes>,
    /// MCP servers that it reaches.
    pub servers: Vec<TestServer>,
    /// What was entered for a call.
    pub entered: EnteredCall,
    /// What the call came to.
    pub called: Option<CallAnswer>,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimLine {
    /// `aud`.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// The moment that it names, if it does.
    pub when: Option<When>,
    /// What it is for.
    pub meaning: Text,
}

/// One permission that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestedScope {
    /// `metrics:read`.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's words.
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// What became of it.
    pub outcome: ScopeOutcome,
}

/// What became of a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeOutcome {
    /// It was granted and works.
    Works,
    /// It was granted; why it does nothing at the moment.
    Idle(Text),
    /// It was not granted.
    Absent,
}

/// Routes of one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRoutes {
    /// Name of the API.
    pub api: String,
    /// Its routes.
    pub choices: Vec<TestRoute>,
}

/// A route to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRoute {
    /// Its method and its path on this origin, with its captures; the value of the choice.
    pub name: String,
    /// Whether it is the one that was chosen.
    pub chosen: bool,
}

/// An MCP server to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestServer {
    /// Its name.
    pub name: String,
    /// Its path on this origin; the value of the choice.
    pub path: String,
    /// Whether it is the one that was chosen.
    pub chosen: bool,
    /// Tools that are known by name and may be called.
    pub tools: Vec<String>,
}

/// What a body is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// Fields of a form, one on a line.
    #[default]
    Fields,
    /// JSON.
    Json,
}

impl BodyKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Fields, Self::Json];

    /// Reads the value of the choice; anything else is fields.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        if value == Self::Json.value() { Self::Json } else { Self::Fields }
    }

    /// The value of the choice.
    #[must_use]
    pub const fn value(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Json => "json",
        }
    }

    /// What a request says of it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Fields => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }

    fn word(self) -> Text {
        match self {
            Self::Fields => trial::fields(),
            Self::Json => trial::json(),
        }
    }
}

/// What was entered for a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnteredCall {
    /// The route, by method and path.
    pub route: String,
    /// The whole path, for routes with captures.
    pub path: String,
    /// The query.
    pub query: String,
    /// The body of a POST.
    pub body: String,
    /// What it is written as.
    pub kind: BodyKind,
    /// The MCP server, by its path.
    pub server: String,
    /// The tool to be called.
    pub tool: String,
    /// Its arguments, a JSON object.
    pub arguments: String,
}

/// An answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAnswer {
    /// "GET /prometheus/api/v1/query?query=up".
    pub request: String,
    /// "200 OK".
    pub status: String,
    /// Whether it is a success.
    pub success: bool,
    /// Whole milliseconds.
    pub millis: u64,
    /// The headers that tell something.
    pub headers: Vec<(String, String)>,
    /// The start of the body.
    pub body: String,
    /// Whether it went on.
    pub cut: bool,
    /// Where the call is on record.
    pub record: Option<Link>,
}

impl AppTestPage {
    fn given(&self) -> bool {
        matches!(self.progress, TestProgress::Given(_))
    }
}

impl TestedToken {
    /// Whether a body can be sent.
    fn posts(&self) -> bool {
        self.routes.iter().flat_map(|group| &group.choices).any(|route| route.name.starts_with("POST "))
    }

    /// Tools that are known by name, once each.
    fn tools(&self) -> Vec<&String> {
        let mut tools: Vec<_> = self.servers.iter().flat_map(|server| &server.tools).collect();
        tools.sort();
        tools.dedup();
        tools
    }
}

impl CallAnswer {
    fn tone(&self) -> &'static str {
        if self.success { "known" } else { "danger" }
    }
}

impl TestedClient {
    fn asks_for(&self) -> Text {
        apps::permissions(u64::try_from(self.scopes).unwrap_or(u64::MAX))
    }
}

impl TestedScope {
    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }
}

impl ScopeOutcome {
    fn tone(&self) -> &'static str {
        match self {
            Self::Works => "known",
            Self::Idle(_) => "caution",
            Self::Absent => "danger",
        }
    }

    fn words(&self) -> Text {
        match self {
            Self::Works => trial::works(),
            Self::Idle(_) => trial::idle(),
            Self::Absent => trial::absent(),
        }
    }

    fn why(&self) -> Option<&Text> {
        match self {
            Self::Idle(why) => Some(why),
            Self::Works | Self::Absent => None,
        }
    }
}
