//! `[[hooks]]`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::list::List;
use super::super::written::Written;
use crate::types::ApiName;

/// Somebody who is told of security events: a URL that is posted to, or a program that is run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHook {
    /// Its name, for logs, metrics and audit records.
    pub name: Written<ApiName>,
    /// A webhook: the `http` or `https` URL that each event is posted to. Redirects are not followed.
    pub url: Option<String>,
    /// Of a webhook: `env:NAME` of the variable that holds the secret which signs what is posted (Standard Webhooks): `whsec_` and
    /// 24 to 64 bytes in base64.
    pub secret: Option<String>,
    /// Of a webhook: the file that holds that secret.
    pub secret_file: Option<PathBuf>,
    /// A program, by its absolute path, and its arguments. It gets each event on its standard input and says with exit code 0 that
    /// it took it.
    pub command: Option<Vec<String>>,
    /// The short name of an organization: only what concerns it is told. Without it, everything.
    pub organization: Option<String>,
    /// Which events are told. Without it, all of them.
    pub events: Option<List<HookEvent>>,
}

/// Something that hooks are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookEvent {
    /// A user authorized an application.
    AppAuthorized,
    /// An authorization code was presented again and refused.
    CodeReused,
    /// A refresh token was presented again after its successor had been used; the grant was revoked.
    RefreshTokenReused,
    /// A user signed in from where they never had before.
    NewSignInPlace,
    /// A client got another secret.
    ClientSecretAdded,
    /// A user got a role that administers an organization's members.
    AdministratorAdded,
    /// Somebody else than its user revoked a grant.
    GrantRevoked,
}

impl HookEvent {
    /// Every event there is.
    pub const ALL: [Self; 7] = [
        Self::AppAuthorized,
        Self::CodeReused,
        Self::RefreshTokenReused,
        Self::NewSignInPlace,
        Self::ClientSecretAdded,
        Self::AdministratorAdded,
        Self::GrantRevoked,
    ];

    /// The stable name, in the file and in what is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppAuthorized => "app_authorized",
            Self::CodeReused => "code_reused",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::NewSignInPlace => "new_sign_in_place",
            Self::ClientSecretAdded => "client_secret_added",
            Self::AdministratorAdded => "administrator_added",
            Self::GrantRevoked => "grant_revoked",
        }
    }
}
