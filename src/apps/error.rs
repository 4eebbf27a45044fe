//! Why something was not done with an app.

use super::manifest::ManifestFault;
use super::private::MAX_REASON;
use super::readiness::Need;
use super::written::{Fault, Flaw};
use crate::config::Deprecation;
use crate::store::StoreError;
use crate::types::ScopeToken;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// It can't be done; nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
    /// The store failed.
    #[error("the store can't be used")]
    Store(#[from] StoreError),
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What can't be done with an app. Each says the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The definition breaks rules.
    #[error("{}", joined(.0))]
    Flawed(Vec<Flaw>),
    /// The organization has an app with this UUID.
    #[error("the organization already has an app with this app_uuid; change that one, or import over it")]
    Taken,
    /// The app was removed meanwhile.
    #[error("the app is gone")]
    Gone,
    /// The app was changed meanwhile.
    #[error("the app was changed by somebody else meanwhile; look at it again")]
    Stale,
    /// Preconditions of publishing are not met.
    #[error("the draft can't be published yet. Not met: {}", sentences(.0))]
    Unready(Vec<Need>),
    /// The integration's manifest names another app.
    #[error("app_uuid is not this app's: the integration's manifest and the app must agree")]
    WrongUuid,
    /// The organization has as many clients as it may.
    #[error("the organization has {0} clients, as many as oauth.max_clients_per_org allows")]
    Full(u64),
    /// The operator froze one of its clients.
    #[error("the operator of this gateway froze a client of this app; ask them to thaw it")]
    Frozen,
    /// A public client has no secret.
    #[error("a public client has no secret; make a confidential one")]
    NoSecrets,
    /// The client needs one secret at least.
    #[error("it is the only secret that lives on; add another first")]
    LastSecret,
    /// The client has as many secrets as it may.
    #[error("the client has {0} secrets; remove one first")]
    ManySecrets(u64),
    /// A secret that would live for too long, or not at all.
    #[error("a secret that has an end lives 1 second to ten years, and others live on for ten years at most")]
    SecretLife,
    /// A client has no such secret.
    #[error("the client has no such secret")]
    UnknownSecret,
    /// There is no published client yet.
    #[error("the app was not published yet; publish it first")]
    Unpublished,
    /// There is no such version.
    #[error("the app has no such version")]
    UnknownVersion,
    /// A manifest's clients are public, the app's are not.
    #[error("the manifest's client is public, and the app's is not; the kind of an app's clients never changes")]
    NotPublic,
    /// A manifest's clients are confidential, the app's are not.
    #[error("the manifest's client is confidential, and the app's is not; the kind of an app's clients never changes")]
    NotConfidential,
    /// There is no such scope.
    #[error("there is no scope {0:?}")]
    UnknownScope(String),
    /// The scope needs nobody's approval.
    #[error("{0} is not private; add it to the app's scopes, any app may ask for it")]
    PublicScope(ScopeToken),
    /// The scope is going away, and nobody is given it any more.
    #[error("{0} is deprecated{way_out}", way_out = .1.way_out())]
    DeprecatedScope(ScopeToken, Deprecation),
    /// The scope is not given by an authorization code, which is how apps are authorized.
    #[error("{}", Fault::NotForApps(.0.clone()))]
    NotForApps(ScopeToken),
    /// A reason that is missing.
    #[error("the reason is missing: say what the scope is wanted for")]
    NoReason,
    /// A reason that is too long, or holds what is not seen.
    #[error("the reason has at most {MAX_REASON} characters, and no control characters")]
    UnfitReason,
    /// The operator has not decided about the last request yet.
    #[error("a request for {0} waits already")]
    Waiting(ScopeToken),
    /// There is no request to take back.
    #[error("no request for {0} waits")]
    NotWaiting(ScopeToken),
    /// A text is no manifest.
    #[error("this is no manifest: {0}")]
    Manifest(ManifestFault),
}

fn joined(flaws: &[Flaw]) -> String {
    flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn sentences(needs: &[Need]) -> String {
    needs.iter().map(Need::sentence).collect::<Vec<_>>().join(" ")
}
