//! Organization picker and consent, on one page.

use std::time::Duration;

use askama::Template;

use super::{Client, Frame, ScopeLabel, scope_icon};
use crate::config::Risk;
use crate::pages::texts::{Text, consent as texts};
use crate::pages::{DisplayName, When};

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
    /// An application of somebody else whose name this one's looks like.
    pub resembles: Option<Likeness>,
    /// Organizations where the person may say yes; at least one.
    pub organizations: Vec<OrganizationChoice>,
    /// Everything that would be granted, by API; order does not matter.
    pub scopes: Vec<ScopeGroup>,
    /// What the person allowed this application before, if they did.
    pub earlier: Option<Earlier>,
    /// Where the browser goes after the decision.
    pub destination: Destination,
    /// How long the grant lasts.
    pub lifetime: Lifetime,
    /// What is known about the device that asks; `None` when a browser brought the request.
    pub device: Option<DeviceFacts>,
    /// Why the last answer could not be taken.
    pub problem: Option<ConsentProblem>,
}

/// What somebody allowed an application before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// When last.
    pub since: When,
    /// In which of the organizations offered; empty when in each.
    pub organizations: Vec<DisplayName>,
    /// What they agreed to and it does not ask for now.
    pub left: Vec<LeftScope>,
}

/// A scope that an application once was allowed and does not ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftScope {
    /// `metrics:read`.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// What it lets an application do.
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// Whether an earlier authorization still has it.
    pub stays: bool,
}

/// Another application with a name that can be taken for this one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// The other's name.
    pub name: DisplayName,
    /// Where the other comes from.
    pub other: Origin,
    /// Where this one comes from.
    pub this: Origin,
}

/// Where an application comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who stands behind it.
    pub maker: Maker,
    /// Since when it is here.
    pub since: When,
}

/// Who stands behind an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// An organization that the reader belongs to.
    YourOrganization(DisplayName),
    /// Another one; organizations are made by the operator alone.
    Organization(DisplayName),
    /// The operator.
    Operator,
    /// Nobody: it registered itself.
    Nobody,
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
    pub role: Text,
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
    /// What else is said of it.
    pub label: ScopeLabel,
    /// The catalogue's consent text, one sentence that continues "It will be able to".
    pub text: String,
    /// The catalogue's risk.
    pub risk: Risk,
    /// Whether the person holds it.
    pub held: Held,
    /// Whether they allowed it before.
    pub allowed: Allowed,
    /// The other requested scopes that bring this one with them.
    pub comes_with: Vec<String>,
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

/// Whether somebody allowed an application a scope before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// They never allowed it anything.
    First,
    /// It asks for this for the first time.
    New,
    /// Wherever they can say yes now.
    Before,
    /// In the named organizations, of several.
    BeforeIn(Vec<DisplayName>),
    /// They did, and it no longer has it.
    TakenBack,
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
                lines.sort_by_key(|line| (std::cmp::Reverse(line.risk), line.allowed != Allowed::New));
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

    /// What changes against what was allowed before, in a sentence.
    fn changes(&self) -> Text {
        let lines = self.scopes.iter().flat_map(|group| &group.lines);
        let new = lines.filter(|line| line.allowed == Allowed::New).count();
        texts::changes(new, self.scope_count() - new)
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

impl Earlier {
    /// In which organizations it was, when that is not each.
    fn places(&self) -> Text {
        if self.organizations.is_empty() { Text::NONE } else { texts::in_organizations(&self.organizations) }
    }
}

impl LeftScope {
    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }

    const fn note(&self) -> Text {
        if self.stays { texts::stays_allowed() } else { texts::lost_already() }
    }
}

impl Allowed {
    /// The mark before a line.
    const fn mark(&self) -> Text {
        match self {
            Self::New => texts::new(),
            Self::First | Self::Before | Self::BeforeIn(_) | Self::TakenBack => Text::NONE,
        }
    }

    fn note(&self) -> Text {
        match self {
            Self::First | Self::New => Text::NONE,
            Self::Before => texts::allowed_before(),
            Self::BeforeIn(organizations) => texts::allowed_before_in(organizations),
            Self::TakenBack => texts::taken_back(),
        }
    }
}

impl ScopeLine {
    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }

    /// Why it is on the list, when another one brings it.
    fn origin(&self) -> Text {
        if self.comes_with.is_empty() { Text::NONE } else { texts::comes_with(&self.comes_with) }
    }
}

impl Held {
    fn note(&self) -> Text {
        match self {
            Self::Now => Text::NONE,
            Self::Later => texts::held_later(),
            Self::Barred => texts::barred(),
            Self::Only(organizations) => texts::held_only_in(organizations),
        }
    }
}

impl Likeness {
    /// Whether this application could call itself what it liked.
    fn is_claim(&self) -> bool {
        self.this.maker == Maker::Nobody
    }

    fn tone(&self) -> &'static str {
        if self.is_claim() { "danger" } else { "caution" }
    }

    fn title(&self) -> Text {
        if self.is_claim() { texts::is_not(&self.name) } else { texts::two_alike() }
    }

    fn advice(&self) -> Text {
        if self.is_claim() { texts::chose_its_name(&self.name) } else { texts::compare_with(&self.name) }
    }
}

impl Origin {
    fn text(&self) -> Text {
        match &self.maker {
            Maker::YourOrganization(name) => texts::of_your_organization(name, self.since.day()),
            Maker::Organization(name) => texts::of_organization(name, self.since.day()),
            Maker::Operator => texts::of_operator(self.since.day()),
            Maker::Nobody => texts::of_nobody(&self.since.relative),
        }
    }
}

impl Destination {
    fn label(&self) -> Text {
        match self {
            Self::Device => texts::and_then(),
            Self::Site(_) | Self::ThisComputer(_) | Self::InstalledApplication(_) | Self::Trial => texts::sends_you_to(),
        }
    }

    /// The host or scheme, when there is one.
    fn address(&self) -> Option<&str> {
        match self {
            Self::Site(host) | Self::ThisComputer(host) => Some(host),
            Self::InstalledApplication(scheme) => Some(scheme),
            Self::Device | Self::Trial => None,
        }
    }

    /// What stands where there is no address.
    fn place(&self) -> Text {
        match self {
            Self::Device => texts::back_to_the_device(),
            Self::Trial => texts::test_page(),
            Self::Site(_) | Self::ThisComputer(_) | Self::InstalledApplication(_) => Text::NONE,
        }
    }

    fn explanation(&self) -> Option<Text> {
        match self {
            Self::Site(_) => None,
            Self::ThisComputer(_) => Some(texts::on_this_computer()),
            Self::InstalledApplication(_) => Some(texts::installed()),
            Self::Device => Some(texts::device_goes_on()),
            Self::Trial => Some(texts::test_stays_here()),
        }
    }

    /// Where what is given goes, as a sentence beside another application's.
    fn sentence(&self) -> Text {
        match self {
            Self::Site(host) => texts::answers_go_to(host),
            Self::ThisComputer(host) => texts::answers_stay_here(host),
            Self::InstalledApplication(scheme) => texts::answers_open(scheme),
            Self::Device => texts::answers_go_to_device(),
            Self::Trial => texts::answers_stay_in_test(),
        }
    }
}

impl DeviceFacts {
    fn asked_from(&self) -> Text {
        match (&self.from, self.nearness) {
            (Some(address), Nearness::SameNetwork) => texts::asked_nearby(address),
            (Some(address), Nearness::Elsewhere) => texts::asked_elsewhere(address),
            (None, _) => texts::asked_from_nowhere(),
        }
    }
}

impl Lifetime {
    fn words(self) -> Text {
        texts::lifetime(self.idle, self.absolute)
    }
}

impl ConsentProblem {
    fn text(self) -> Text {
        match self {
            Self::NoOrganization => texts::choose_organization(),
            Self::Expired => texts::open_too_long(),
        }
    }
}
