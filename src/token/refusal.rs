//! Why a token is worth nothing, and why nobody is known by one.

use std::time::Duration;

use super::Claims;
use crate::store::StoreError;

/// Why a token is worth nothing. Every reason is its own, for the audit log; the wire says `invalid_token` for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not three base64url segments, too long, or not the claims of RFC 9068.
    #[error("the token is malformed")]
    Malformed,
    /// No key of ours signs tokens with such a header.
    #[error("the token was not issued by this gateway")]
    Foreign,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It was revoked by itself.
    #[error("the token was revoked")]
    TokenRevoked,
    /// Its grant was revoked, or never was.
    #[error("the authorization behind the token was revoked")]
    GrantRevoked,
    /// Its grant has ended.
    #[error("the authorization behind the token has expired")]
    GrantExpired,
    /// Its client was switched off.
    #[error("the application was disabled")]
    ClientDisabled,
    /// The organization blocked its client.
    #[error("the organization blocked the application")]
    ClientBlocked,
    /// Its client waits for an administrator of the organization.
    #[error("the application waits for the approval of an administrator")]
    ClientNotApproved,
    /// Its user was deactivated.
    #[error("the user was deactivated")]
    UserDisabled,
    /// Its organization was switched off.
    #[error("the organization was disabled")]
    OrgDisabled,
    /// Its user is no longer in the organization.
    #[error("the user is no longer a member of the organization")]
    NotAMember,
    /// It is a machine's, whose user is a person who no longer lends their name to machines.
    #[error("the user that the machine acts as may no longer be one's")]
    SubjectUnfit,
    /// No API key of ours.
    #[error("the API key was not issued by this gateway")]
    KeyUnknown,
    /// An API key that was disabled.
    #[error("the API key was disabled")]
    KeyDisabled,
    /// An API key of an app that may not have any.
    #[error("the application may not use API keys any more")]
    KeyNotApproved,
    /// An API key where only access tokens are taken.
    #[error("API keys are taken on routes that receive data only")]
    KeyNotAccepted,
}

impl Refusal {
    /// The stable reason code of audit and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::Foreign => "token_foreign",
            Self::Signature => "token_signature",
            Self::Expired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::GrantRevoked => "grant_revoked",
            Self::GrantExpired => "grant_expired",
            Self::ClientDisabled => "client_disabled",
            Self::ClientBlocked => "client_blocked",
            Self::ClientNotApproved => "client_not_approved",
            Self::UserDisabled => "user_disabled",
            Self::OrgDisabled => "org_disabled",
            Self::NotAMember => "not_a_member",
            Self::SubjectUnfit => "subject_unfit",
            Self::KeyUnknown => "key_unknown",
            Self::KeyDisabled => "key_disabled",
            Self::KeyNotApproved => "key_not_approved",
            Self::KeyNotAccepted => "key_not_accepted",
        }
    }
}

/// Why there is no principal.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// The token is worth nothing. When the signature was good, what it says is known, for the audit log.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// What a genuine token says.
        claims: Option<Box<Claims>>,
    },
    /// Too many keys that are none came from the same network; this one was not looked up.
    #[error("too many unknown API keys came from this address")]
    Guessing {
        /// When it may be looked up at the latest.
        wait: Duration,
    },
    /// Nobody knows: the store failed.
    #[error(transparent)]
    Fault(#[from] StoreError),
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusal, claims: None }
    }
}
