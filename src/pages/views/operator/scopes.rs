//! Private scopes: who asks for one, and who was given it.

use askama::Template;

use super::{AtStake, OperatorTab};
use crate::config::Risk;
use crate::pages::texts::{Text, operator as texts};
use crate::pages::views::{Frame, ScopeLabel, scope_icon};
use crate::pages::{DisplayName, When};

/// `/operator/scopes`.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_scopes.html")]
pub struct OperatorScopesPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Requests that wait.
    pub waiting: Vec<OperatorScopeRow>,
    /// Everything else, decided last first.
    pub decided: Vec<OperatorScopeRow>,
}

/// A private scope of an app or client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorScopeRow {
    /// Its page.
    pub href: String,
    /// The app or client.
    pub holder: DisplayName,
    /// The organization that owns it.
    pub organization: Option<DisplayName>,
    /// The scope.
    pub scope: String,
    /// Why it is wanted; empty when nobody asked.
    pub reason: String,
    /// When it was asked for.
    pub asked: Option<When>,
    /// How it stands.
    pub approval: Approval,
}

/// How a private scope stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It waits; what was given before counts until then.
    Waiting {
        /// The end of what was given before.
        until: Option<When>,
    },
    /// It counts.
    Given {
        /// Until when.
        until: When,
    },
    /// It counted, and has ended by itself.
    Ended {
        /// When.
        at: When,
    },
    /// It was denied.
    Denied,
    /// It was given and taken back.
    Withdrawn,
}

/// `/operator/scopes/{holder}/{scope}`. Its forms post to `path`: `approve` with the radio `lives` (days) and `comment`, `deny` and
/// `withdraw` with `comment`; withdrawing is asked for again with `?confirm=withdraw`, and denying with `?confirm=deny` while the scope
/// counts.
#[derive(Clone, Debug, Template)]
#[template(path = "operator_scope.html")]
pub struct OperatorScopePage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// This page.
    pub path: String,
    /// The app or client.
    pub holder: DisplayName,
    /// Its id.
    pub holder_id: String,
    /// The organization that owns it.
    pub organization: Option<DisplayName>,
    /// The scope.
    pub scope: String,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// What it lets them do, as the consent page says it.
    pub text: String,
    /// Its risk.
    pub risk: Risk,
    /// Why it is wanted; empty when nobody asked.
    pub reason: String,
    /// Who asked, and when.
    pub asked: Option<(Option<String>, When)>,
    /// How it stands.
    pub approval: Approval,
    /// What the operator said last.
    pub comment: Option<String>,
    /// What would end with it.
    pub stake: AtStake,
    /// What was asked for that ends what rests on it.
    pub asked_to: Option<ScopeEnding>,
    /// Why nothing was decided.
    pub problem: Option<Text>,
    /// What was decided a moment ago.
    pub notice: Option<ScopeNotice>,
    /// What ended with it, as a sentence.
    pub ended: Option<Text>,
}

/// What ends what rests on a private scope, and is asked for twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeEnding {
    /// It is taken back.
    Withdraw,
    /// Its renewal is denied, and with that what was given before.
    Deny,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeNotice {
    /// The scope counts.
    Approved,
    /// It does not.
    Denied,
    /// It no longer does.
    Withdrawn,
}

impl Approval {
    const fn word(&self) -> Text {
        match self {
            Self::Waiting { .. } => texts::waiting(),
            Self::Given { .. } => texts::given(),
            Self::Ended { .. } => texts::ended(),
            Self::Denied => texts::denied(),
            Self::Withdrawn => texts::withdrawn(),
        }
    }

    const fn tone(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "caution",
            Self::Given { .. } => "known",
            Self::Ended { .. } | Self::Denied | Self::Withdrawn => "plain",
        }
    }

    /// When it ends, or ended.
    const fn end(&self) -> Option<&When> {
        match self {
            Self::Given { until } => Some(until),
            Self::Waiting { until } => until.as_ref(),
            Self::Ended { at } => Some(at),
            Self::Denied | Self::Withdrawn => None,
        }
    }
}

impl OperatorScopePage {
    /// For how long it can be given: days and name.
    const TERMS: [(u32, Text); 4] =
        [(30, texts::thirty_days()), (90, texts::ninety_days()), (365, texts::a_year()), (1825, texts::five_years())];
    /// What is ticked.
    const USUAL: u32 = 90;

    fn icon(&self) -> &'static str {
        scope_icon(&self.scope, self.risk)
    }

    fn withdrawal(&self) -> Text {
        texts::withdraw_scope(&self.holder, (self.stake.grants, self.stake.users), self.stake.keys, self.stake.orgs)
    }

    fn denial(&self) -> Text {
        texts::deny_renewal(&self.holder, (self.stake.grants, self.stake.users), self.stake.keys, self.stake.orgs)
    }

    fn is_waiting(&self) -> bool {
        matches!(self.approval, Approval::Waiting { .. })
    }

    fn counts(&self) -> bool {
        matches!(self.approval, Approval::Given { .. } | Approval::Waiting { until: Some(_) })
    }
}
