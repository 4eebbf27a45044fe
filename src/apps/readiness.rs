//! What must be so before a draft is published.

use std::borrow::Cow;

use serde::Serialize;

use super::difference::difference;
use crate::config::{Catalogue, Visibility};
use crate::store::{App, AppState, AppVersion, ClientKind, Maturity};
use crate::types::{ScopeSet, ScopeToken};

/// A precondition of publishing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// The operator's approval of every private scope; these lack one that counts.
    Approvals(ScopeSet),
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
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::Documentation => "documentation",
            Self::Uninstall => "uninstall",
            Self::Onboarding => "onboarding",
            Self::RedirectUris => "redirect_uris",
            Self::Scopes => "scopes",
            Self::Approvals(_) => "approvals",
            Self::Stable => "stable",
            Self::Active => "active",
            Self::Change => "change",
        }
    }

    /// What must be so, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Description => "It has a description.",
            Self::Documentation => "It has documentation at an https address.",
            Self::Uninstall => "It says how to uninstall it.",
            Self::Onboarding => "Its onboarding URL is https.",
            Self::RedirectUris => {
                "It has redirect URIs, and each is https (a public client may name this computer or a scheme of its own)."
            }
            Self::Scopes => "It asks for at least one permission, and every one exists here.",
            Self::Approvals(missing) if missing.is_empty() => {
                "The operator has approved each private permission that it asks for."
            }
            Self::Approvals(missing) => {
                let names = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Cow::Owned(format!(
                    "The operator has approved each private permission that it asks for. Not approved: {names}. Ask the operator for \
                     what is missing, or take it out of the draft."
                ));
            }
            Self::Stable => "Its draft is marked stable.",
            Self::Active => "It is switched on.",
            Self::Change => "Its draft differs from the last version.",
        })
    }
}

/// A precondition and whether it is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What must be so.
    pub need: Need,
    /// Whether it is.
    pub met: bool,
}

/// Every precondition of publishing the draft of `app`, whose clients are of `kind` and were given the private scopes `approved`,
/// after the version `last`.
#[must_use]
pub fn conditions(
    app: &App,
    (kind, approved): (ClientKind, &ScopeSet),
    last: Option<&AppVersion>,
    catalogue: &Catalogue,
) -> Vec<Condition> {
    let draft = &app.draft;
    let secure = |url: &Option<String>| url.as_deref().is_some_and(|u| u.starts_with("https://"));
    let reachable = |uri: &crate::types::RedirectUri| kind == ClientKind::Public || uri.as_str().starts_with("https://");
    let private = |s: &&ScopeToken| catalogue.entry(s).is_some_and(|e| e.visibility == Visibility::Private);
    // What was never given, was taken back or has ended is refused to whoever asks for it.
    let missing: ScopeSet = draft.scopes.iter().filter(private).filter(|s| !approved.contains(s)).cloned().collect();
    let is_given = missing.is_empty();
    let all = [
        (Need::Description, !draft.description.is_empty()),
        (Need::Documentation, secure(&draft.documentation_url)),
        (Need::Uninstall, !draft.uninstall_instructions.is_empty()),
        (Need::Onboarding, secure(&draft.onboarding_url)),
        (Need::RedirectUris, !draft.redirect_uris.is_empty() && draft.redirect_uris.iter().all(reachable)),
        (Need::Scopes, !draft.scopes.is_empty() && draft.scopes.iter().all(|s| catalogue.entry(s).is_some())),
        (Need::Approvals(missing), is_given),
        (Need::Stable, app.maturity == Maturity::Stable),
        (Need::Active, app.state == AppState::Active),
        (Need::Change, last.is_none_or(|v| !difference(&v.definition, draft).is_empty())),
    ];
    all.into_iter().map(|(need, met)| Condition { need, met }).collect()
}
