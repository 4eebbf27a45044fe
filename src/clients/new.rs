//! What somebody writes of a client to be made, and what of it can be.

use std::time::Duration;

use super::error::Refusal;
use crate::apps::MAX_TTL;
use crate::config::{Config, Visibility};
use crate::store::{Client, ClientAuth, GrantType};
use crate::token::flows;
use crate::types::{RedirectUri, ResourceId, ScopeSet, ScopeToken};

/// Longest name for people, in characters.
pub const MAX_NAME: usize = 100;
/// Redirect URIs, and resources, that one client may have.
pub const MAX_URIS: usize = 20;

/// What kind of client shall be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It keeps a secret, and acts for users who consent.
    Confidential,
    /// It keeps none, and acts for users who consent.
    Public,
    /// It keeps a secret, and acts as one user in one organization.
    Machine,
}

/// A client as somebody wrote it.
#[derive(Clone, Debug)]
pub struct New {
    /// What it is.
    pub kind: Kind,
    /// Its name for people.
    pub name: String,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for, separated by spaces; `None` is every public scope.
    pub scopes: Option<String>,
    /// The user that a machine acts as, by id or address.
    pub subject: Option<String>,
    /// The resources that a machine may name; empty is every API.
    pub resources: Vec<String>,
    /// How it sends its secret.
    pub auth: Option<ClientAuth>,
    /// Whether its authorization requests must carry `state`.
    pub require_state: bool,
    /// Lifetime of its access tokens in seconds.
    pub access_token_ttl: Option<u64>,
    /// Whether it may also use the device authorization grant.
    pub device_grant: bool,
    /// How long its first secret lives, in seconds; for ever when absent.
    pub secret_lives: Option<u64>,
}

/// A name for people: one line, not empty, bounded.
#[must_use]
pub fn name_for_people(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

impl New {
    pub(super) fn machine(&self) -> bool {
        self.kind == Kind::Machine
    }

    pub(super) fn name(&self) -> Result<String, Refusal> {
        name_for_people(&self.name).ok_or(Refusal::Name)
    }

    pub(super) fn auth(&self) -> Result<ClientAuth, Refusal> {
        match (self.kind, self.auth) {
            (Kind::Public, None | Some(ClientAuth::None)) => Ok(ClientAuth::None),
            (Kind::Public, Some(_)) => Err(Refusal::SecretOfPublic),
            (_, Some(ClientAuth::None)) => Err(Refusal::SecretUnused),
            (_, auth) => Ok(auth.unwrap_or(ClientAuth::SecretBasic)),
        }
    }

    pub(super) fn redirect_uris(&self) -> Result<Vec<RedirectUri>, Refusal> {
        match (self.kind, self.redirect_uris.len()) {
            (Kind::Machine, 0) if self.device_grant => return Err(Refusal::MachineWithDevice),
            (Kind::Machine, 0) | (Kind::Confidential | Kind::Public, 1..=MAX_URIS) => {}
            (Kind::Confidential | Kind::Public, 0) if self.device_grant => {}
            (Kind::Machine, _) => return Err(Refusal::MachineRedirected),
            _ => return Err(Refusal::RedirectUris),
        }
        let read = |text: &String| RedirectUri::parse(text).map_err(|why| Refusal::RedirectUri { written: text.clone(), why });
        self.redirect_uris.iter().map(read).collect()
    }

    /// Authorization code where there is a redirect URI, device authorization where it was asked for.
    pub(super) fn grant_types(&self) -> Vec<GrantType> {
        if self.machine() {
            return vec![GrantType::ClientCredentials];
        }
        let code = (!self.redirect_uris.is_empty()).then_some(GrantType::AuthorizationCode);
        let device = self.device_grant.then_some(GrantType::DeviceCode);
        code.into_iter().chain(device).chain([GrantType::RefreshToken]).collect()
    }

    /// The resources by the name that tokens carry, whichever of an API's names was written.
    pub(super) fn resources(&self, config: &Config) -> Result<Vec<ResourceId>, Refusal> {
        if !self.machine() && !self.resources.is_empty() {
            return Err(Refusal::ResourcesOfNoMachine);
        }
        if self.resources.len() > MAX_URIS {
            return Err(Refusal::ManyResources);
        }
        let mut named = Vec::new();
        for text in &self.resources {
            let resource = ResourceId::parse(text).map_err(|why| Refusal::Resource { written: text.clone(), why })?;
            let api = config.api_of(&resource).ok_or_else(|| Refusal::UnknownResource(text.clone()))?;
            if !named.contains(&api.resource) {
                named.push(api.resource.clone());
            }
        }
        Ok(named)
    }

    pub(super) fn ttl(&self) -> Result<Option<Duration>, Refusal> {
        self.access_token_ttl.map(lifetime).transpose()
    }
}

/// A lifetime of access tokens, in bounds.
pub(super) fn lifetime(seconds: u64) -> Result<Duration, Refusal> {
    if (1..=MAX_TTL).contains(&seconds) { Ok(Duration::from_secs(seconds)) } else { Err(Refusal::Lifetime) }
}

/// The scopes of a text, each of which the client may be given by name. What it was given before it may keep.
pub(super) fn scopes(config: &Config, client: &Client, text: Option<&str>) -> Result<Option<ScopeSet>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let scopes = ScopeSet::asked(text).map_err(|e| Refusal::Scopes(e.to_string()))?;
    let unknown = scopes.iter().find(|s| config.catalogue.entry(s).is_none()).cloned();
    if let Some(unknown) = unknown {
        return Err(Refusal::UnknownScope(unknown));
    }
    let new = client.scopes.as_ref().map_or_else(|| scopes.clone(), |held| scopes.difference(held));
    new.iter().try_for_each(|scope| fits(config, client, scope))?;
    Ok(Some(scopes))
}

/// Whether a client can be given a scope at all: what would be refused at each of its requests is refused here.
pub(super) fn fits(config: &Config, client: &Client, scope: &ScopeToken) -> Result<(), Refusal> {
    let Some(entry) = config.catalogue.entry(scope) else { return Ok(()) };
    if let Some(deprecation) = &entry.deprecated {
        return Err(Refusal::DeprecatedScope(scope.clone(), deprecation.way_out()));
    }
    if entry.visibility == Visibility::Internal && !client.is_operators() {
        return Err(Refusal::InternalScope(scope.clone()));
    }
    let flows = flows(client);
    if flows.iter().any(|flow| entry.given_by.contains(flow)) {
        return Ok(());
    }
    let its = flows.iter().map(|flow| flow.name()).collect::<Vec<_>>().join(", ");
    Err(Refusal::OtherFlows(scope.clone(), its))
}

/// A machine's scopes are named.
pub(super) fn named(machine: bool, scopes: Option<ScopeSet>) -> Result<Option<ScopeSet>, Refusal> {
    if machine && scopes.as_ref().is_none_or(ScopeSet::is_empty) {
        return Err(Refusal::NoScopes);
    }
    Ok(scopes)
}
