//! What must be so before a draft is published.

use serde::Serialize;

use super::difference::difference;
use crate::config::Catalogue;
use crate::store::{App, AppState, AppVersion, ClientKind, Maturity};

/// A precondition of publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A description.
    Description,
    /// An https address of its documentation.
    Documentation,
    /// Uninstall instructions.
    Uninstall,
    /// An https onboarding URL.
    Onboarding,
    /// Redirect URIs that answers may be sent to over a network.
    RedirectUris,
    /// Scopes, all of them in the catalogue.
    Scopes,
    /// The stable mark.
    Stable,
    /// An app that is not switched off.
    Active,
    /// Something that the last version does not say yet.
    Change,
}

impl Need {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::Documentation => "documentation",
            Self::Uninstall => "uninstall",
            Self::Onboarding => "onboarding",
            Self::RedirectUris => "redirect_uris",
            Self::Scopes => "scopes",
            Self::Stable => "stable",
            Self::Active => "active",
            Self::Change => "change",
        }
    }

    /// What must be so, as a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Description => "It has a description.",
            Self::Documentation => "It has documentation at an https address.",
            Self::Uninstall => "It says how to uninstall it.",
            Self::Onboarding => "Its onboarding URL is https.",
            Self::RedirectUris => {
                "It has redirect URIs, and each is https (a public client may name this computer or a scheme of its own)."
            }
            Self::Scopes => "It asks for at least one permission, and every one exists here.",
            Self::Stable => "Its draft is marked stable.",
            Self::Active => "It is switched on.",
            Self::Change => "Its draft differs from the last version.",
        }
    }
}

/// A precondition and whether it is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What must be so.
    pub need: Need,
    /// Whether it is.
    pub met: bool,
}

/// Every precondition of publishing the draft of `app`, whose clients are of `kind`, after the version `last`.
#[must_use]
pub fn conditions(app: &App, kind: ClientKind, last: Option<&AppVersion>, catalogue: &Catalogue) -> Vec<Condition> {
    let draft = &app.draft;
    let secure = |url: &Option<String>| url.as_deref().is_some_and(|u| u.starts_with("https://"));
    let reachable = |uri: &crate::types::RedirectUri| kind == ClientKind::Public || uri.as_str().starts_with("https://");
    let all = [
        (Need::Description, !draft.description.is_empty()),
        (Need::Documentation, secure(&draft.documentation_url)),
        (Need::Uninstall, !draft.uninstall_instructions.is_empty()),
        (Need::Onboarding, secure(&draft.onboarding_url)),
        (Need::RedirectUris, !draft.redirect_uris.is_empty() && draft.redirect_uris.iter().all(reachable)),
        (Need::Scopes, !draft.scopes.is_empty() && draft.scopes.iter().all(|s| catalogue.entry(s).is_some())),
        (Need::Stable, app.maturity == Maturity::Stable),
        (Need::Active, app.state == AppState::Active),
        (Need::Change, last.is_none_or(|v| !difference(&v.definition, draft).is_empty())),
    ];
    all.into_iter().map(|(need, met)| Condition { need, met }).collect()
}
