//! Organization picker and consent, on one page.

use std::time::Duration;

use askama::Template;

use super::{Client, Frame, scope_icon};
use crate::config::Risk;
use crate::pages::{DisplayName, When, duration_words};

/// `/consent`. Buttons `approve` and `deny` (each submits its own name with value `1`), radio rows `org`, hidden `csrf`.
///
/// With one organization there is no radio row but a hidden field `org`, so the form always carries it.
#[derive(Clone, Debug, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// The surrounding page; its viewer is shown as "signed in as".
    pub frame: Frame,
    /// Where the decision posts, with any query it needs.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Email of the person who decides.
    pub user: String,
    /// Where "Not you?" posts (with the same `csrf`): signs out and comes back to this request.
    pub switch_user: String,
    /// Who asks.
    pub client: Client,
    /// A published app whose name this unknown client's name looks like.
    pub resembles: Option<DisplayName>,
    /// Organizations where the person may say yes; at least one.
    pub organizations: Vec<OrganizationChoice>,
    /// Everything that would be granted, by API; order does not matter.
    pub scopes: Vec<ScopeGroup>,
    /// Where the browser goes after the decision.
    pub destination: Destination,
    /// How long the grant lasts.
    pub lifetime: Lifetime,
    /// What is known about the device that asks; `None` when a browser brought the request.
    pub device: Option<DeviceFacts>,
    /// Why the last answer could not be taken.
    pub problem: Option<ConsentProblem>,
}

/// One organization to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationChoice {
    /// Value of the radio `org`.
    pub id: String,
    /// Shown name.
    pub name: DisplayName,
    /// Slug, beside the name.
    pub slug: String,
    /// The person's roles there in words, "Administrator".
    pub role: String,
    /// Preselected; at most one.
    pub selected: bool,
}

/// The requested scopes of one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeGroup {
    /// Shown name of the API or product, "Metrics".
    pub api: String,
    /// Its scopes.
    pub lines: Vec<ScopeLine>,
}

/// One requested scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeLine {
    /// `metrics:read`.
    pub scope: String,
    /// The catalogue's consent text, one sentence that continues "It will be able to".
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// Whether the person holds it.
    pub held: Held,
}

/// Whether the person holds the permission that a scope stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// In every organization offered.
    Now,
    /// In none of them.
    Later,
    /// Only in the named ones, when several are offered.
    Only(Vec<DisplayName>),
    /// Wherever they could say yes, the organization does not let this application hold it.
    Barred,
}

/// Where the browser is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An `https` redirect: host with port.
    Site(String),
    /// A loopback redirect: host with port, `127.0.0.1:49152`.
    ThisComputer(String),
    /// A private-use scheme, `com.example.app`.
    InstalledApplication(String),
    /// Nowhere: the device that asked goes on by itself.
    Device,
    /// A page of ours that stands in for the application, for those who make it.
    Trial,
}

/// A device that waits for the decision, as far as the connection tells (RFC 8628 §5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFacts {
    /// The code that it shows, `WDJB-MJHT`; the form carries it as `user_code`.
    pub code: String,
    /// Where it asked from.
    pub from: Option<String>,
    /// Whether that is where the person is.
    pub nearness: Nearness,
    /// The program that asked, as it calls itself.
    pub program: Option<DisplayName>,
    /// When it asked.
    pub asked: When,
}

/// Where a device is, compared with the person who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearness {
    /// In the same network.
    SameNetwork,
    /// Somewhere else, or nobody knows.
    Elsewhere,
}

/// How long a grant lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Ends when unused for this long.
    pub idle: Option<Duration>,
    /// Ends this long after consent whatever happens; `None`: until revoked.
    pub absolute: Option<Duration>,
}

/// Why a decision could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentProblem {
    /// The form came without a choice among several organizations.
    NoOrganization,
    /// The form was older than its token.
    Expired,
}

impl ConsentPage {
    /// High-risk lines with their API, for the block of their own.
    fn high_risk(&self) -> Vec<(&str, &ScopeLine)> {
        let mut lines = Vec::new();
        for group in &self.scopes {
            lines.extend(group.lines.iter().filter(|line| line.risk == Risk::High).map(|line| (group.api.as_str(), line)));
        }
        lines
    }

    /// The other lines: groups with the riskiest first, lines with the riskiest first.
    fn ordinary(&self) -> Vec<(&str, Vec<&ScopeLine>)> {
        let mut groups: Vec<_> = self
            .scopes
            .iter()
            .map(|group| {
                let mut lines: Vec<_> = group.lines.iter().filter(|line| line.risk != Risk::High).collect();
                lines.sort_by_key(|line| std::cmp::Reverse(line.risk));
                (group.api.as_str(), lines)
            })
            .filter(|(_, lines)| !lines.is_empty())
            .collect();
        groups.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.first().map(|line| line.risk)));
        groups
    }

    fn scope_count(&self) -> usize {
        self.scopes.iter().map(|group| group.lines.len()).sum()
    }

    /// Whether this site stands in for the application.
    fn is_trial(&self) -> bool {
        self.destination == Destination::Trial
    }

    /// Long lists get a filter when scripts run.
    fn filterable(&self) -> bool {
        self.scope_count() > 12
    }
}

impl ScopeLine {
    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }
}

impl Held {
    /// Empty when there is nothing to say.
    fn note(&self) -> String {
        match self {
            Self::Now => String::new(),
            Self::Later => "Takes effect if you are given this permission".to_owned(),
            Self::Barred => "Your organization doesn't let this application do this".to_owned(),
            Self::Only(organizations) => format!(
                "You hold this in {} only; elsewhere it takes effect if you are given it",
                organizations.iter().map(DisplayName::as_str).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

impl Destination {
    fn label(&self) -> &'static str {
        match self {
            Self::Device => "And then",
            Self::Site(_) | Self::ThisComputer(_) | Self::InstalledApplication(_) | Self::Trial => "Sends you to",
        }
    }

    fn shown(&self) -> &str {
        match self {
            Self::Site(host) | Self::ThisComputer(host) => host,
            Self::InstalledApplication(scheme) => scheme,
            Self::Device => "Back to the device that shows the code",
            Self::Trial => "The application's test page on this site",
        }
    }

    fn explanation(&self) -> Option<&'static str> {
        match self {
            Self::Site(_) => None,
            Self::ThisComputer(_) => Some("An application on this computer. Continue only if you have just started it."),
            Self::InstalledApplication(_) => Some("An application installed on this device."),
            Self::Device => Some("It goes on by itself a few seconds after you decide."),
            Self::Trial => Some("Whoever runs the application gets nothing of it."),
        }
    }
}

impl Nearness {
    fn note(self) -> &'static str {
        match self {
            Self::SameNetwork => "the network that you are in",
            Self::Elsewhere => "not the network that you are in",
        }
    }
}

impl Lifetime {
    /// "For 90 days at most; ends sooner if unused for 30 days".
    #[must_use]
    pub fn words(self) -> String {
        match (self.idle.map(duration_words), self.absolute.map(duration_words)) {
            (Some(idle), Some(most)) => format!("For {most} at most; ends sooner if unused for {idle}"),
            (Some(idle), None) => format!("As long as it is used; ends after {idle} without use"),
            (None, Some(most)) => format!("For {most}"),
            (None, None) => "Until you revoke it".to_owned(),
        }
    }
}

impl ConsentProblem {
    fn text(self) -> &'static str {
        match self {
            Self::NoOrganization => "Choose the organization that this application may work in.",
            Self::Expired => "This page was open for too long. Look through it again and decide.",
        }
    }
}
