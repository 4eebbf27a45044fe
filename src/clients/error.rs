//! Why something was not done with a client.

use super::new::{MAX_NAME, MAX_URIS};
use crate::apps::{self, AppError, MAX_TTL};
use crate::store::StoreError;
use crate::token::LENDS_ITSELF;
use crate::types::{AppId, ScopeToken, Slug, UriError};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It can't be done; nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
    /// The same, of what apps have too: secrets and private scopes.
    #[error("{0}")]
    Shared(apps::Refusal),
    /// The store failed.
    #[error("the store can't be used")]
    Store(#[from] StoreError),
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl ClientError {
    /// What sort of refusal it is, with its words.
    ///
    /// # Errors
    /// What apps have too, and what the store said, as [`AppError`].
    pub fn sorted(self) -> Result<(Sort, String), AppError> {
        match self {
            Self::Store(fault) => Err(fault.into()),
            Self::Shared(refusal) => Err(refusal.into()),
            Self::Refused(refusal) => Ok((refusal.sort(), refusal.to_string())),
        }
    }
}

impl From<AppError> for ClientError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) => Self::Shared(refusal),
            AppError::Store(fault) => Self::Store(fault),
        }
    }
}

/// What can't be done with clients. Each says the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A text is no name for people.
    #[error("a name has 1 to {MAX_NAME} characters and no line breaks")]
    Name,
    /// A public client authenticates with nothing.
    #[error("a public client keeps no secret: auth is none")]
    SecretOfPublic,
    /// A client that keeps a secret authenticates with it.
    #[error("a client with a secret must use it; make a public one instead")]
    SecretUnused,
    /// Nobody is asked on behalf of a machine.
    #[error("a machine has no user to ask; leave device_grant out")]
    MachineWithDevice,
    /// No browser comes back to a machine.
    #[error("a machine is never redirected to; leave redirect_uris out")]
    MachineRedirected,
    /// Answers go somewhere, and not everywhere.
    #[error("give 1 to {MAX_URIS} redirect_uris")]
    RedirectUris,
    /// Answers can't go there.
    #[error("redirect_uris: {written}: {why}")]
    RedirectUri {
        /// Where.
        written: String,
        /// Why not.
        why: UriError,
    },
    /// A text is no list of scopes.
    #[error("scopes: {0}")]
    Scopes(String),
    /// There is no such scope.
    #[error("there is no scope {0}; `tollgate check` lists those that are")]
    UnknownScope(ScopeToken),
    /// The operator gives it, members don't take it: behind private scopes are things that can't be undone.
    #[error("{0} is private; the operator gives it to clients")]
    PrivateScope(ScopeToken),
    /// It is on its way out.
    #[error("{0} is deprecated{1}")]
    DeprecatedScope(ScopeToken, String),
    /// It is for clients of no organization.
    #[error("{0} is internal: only clients that the operator makes for no organization can have it")]
    InternalScope(ScopeToken),
    /// None of the client's ways to a token gives it.
    #[error("{0} is not given by {1}; see its grants_allowed in the configuration")]
    OtherFlows(ScopeToken, String),
    /// Nobody agrees to what a machine gets, and what the catalogue gains later is not given unasked.
    #[error("a machine needs scopes: name at least one")]
    NoScopes,
    /// A machine acts as somebody, somewhere.
    #[error("a machine needs an organization (org) and a user to act as (subject)")]
    NoSubject,
    /// Other clients act as who consents.
    #[error("only a machine has a subject; others act as the user who consents")]
    SubjectOfNoMachine,
    /// There is no such user.
    #[error("there is no user {0:?}")]
    UnknownUser(String),
    /// There is no such member; a caller who is one is told no more.
    #[error("there is no such member in this organization")]
    NoMember,
    /// The subject does not act.
    #[error("{0} is disabled and can't be the subject of a machine")]
    SubjectOff(String),
    /// The subject belongs elsewhere.
    #[error("{email} is no member of {org}; add it with `tollgate member set`")]
    SubjectElsewhere {
        /// The subject.
        email: String,
        /// Where it is not.
        org: Slug,
    },
    /// The subject is somebody whom the machine would impersonate.
    #[error("{0} is a person without {LENDS_ITSELF}: a machine acts as a service user; add one")]
    SubjectPerson(String),
    /// Whoever can get a machine's secret holds what its subject holds.
    #[error("the client's subject holds more than you do; ask somebody who holds it")]
    BeyondReach,
    /// Other clients name resources when they ask.
    #[error("only a machine's resources are fixed; others name them when they ask")]
    ResourcesOfNoMachine,
    /// Too many resources.
    #[error("give at most {MAX_URIS} resources")]
    ManyResources,
    /// No API is this resource.
    #[error("no API is the resource {0}")]
    UnknownResource(String),
    /// A text is no resource.
    #[error("resources: {written}: {why}")]
    Resource {
        /// The text.
        written: String,
        /// Why not.
        why: UriError,
    },
    /// Tokens live too long, or not at all.
    #[error("access tokens live 1 to {MAX_TTL} seconds")]
    Lifetime,
    /// The organization has as many clients as it may.
    #[error("{org} has {limit} clients, as many as oauth.max_clients_per_org allows")]
    Full {
        /// The organization.
        org: Slug,
        /// How many it may have.
        limit: u64,
    },
    /// There is no such client.
    #[error("there is no client {0:?}")]
    Absent(String),
    /// It belongs to others, registered itself, or is none.
    #[error("the organization has no such client")]
    NotOwn,
    /// Nobody vouches for a client that registered itself.
    #[error("clients that registered themselves have no private scopes")]
    RegisteredItself,
    /// A client of an app is what the app's draft or last version says, and goes with the app.
    #[error("this client belongs to the app {0}: use `tollgate app edit`, `app publish` or `app delete` on that")]
    OfApp(AppId),
    /// The operator froze it.
    #[error("the operator of this gateway froze this client; ask them to thaw it")]
    Frozen,
    /// Its app is off.
    #[error("the client's app is switched off; switch the app on, and its clients are on with it")]
    AppIsOff,
}

/// Sorts of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// What was asked for makes no sense or breaks a rule.
    Invalid,
    /// There is no such thing.
    Absent,
    /// The caller may not.
    Forbidden,
    /// It is taken, or stands against it.
    Conflict,
}

impl Refusal {
    /// What sort of refusal it is.
    #[must_use]
    pub const fn sort(&self) -> Sort {
        match self {
            Self::UnknownUser(_) | Self::NoMember | Self::Absent(_) | Self::NotOwn => Sort::Absent,
            Self::PrivateScope(_) | Self::BeyondReach => Sort::Forbidden,
            Self::Full { .. } | Self::OfApp(_) | Self::Frozen | Self::AppIsOff => Sort::Conflict,
            Self::Name
            | Self::SecretOfPublic
            | Self::SecretUnused
            | Self::MachineWithDevice
            | Self::MachineRedirected
            | Self::RedirectUris
            | Self::RedirectUri { .. }
            | Self::Scopes(_)
            | Self::UnknownScope(_)
            | Self::DeprecatedScope(..)
            | Self::InternalScope(_)
            | Self::OtherFlows(..)
            | Self::NoScopes
            | Self::NoSubject
            | Self::SubjectOfNoMachine
            | Self::SubjectOff(_)
            | Self::SubjectElsewhere { .. }
            | Self::SubjectPerson(_)
            | Self::ResourcesOfNoMachine
            | Self::ManyResources
            | Self::UnknownResource(_)
            | Self::Resource { .. }
            | Self::RegisteredItself
            | Self::Lifetime => Sort::Invalid,
        }
    }
}
