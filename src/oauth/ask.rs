//! What a client may ask for: scopes and resources, decided in one place for every grant.

use crate::config::{Config, GrantFlow};
use crate::node::Node;
use crate::store::{Client, ClientOrigin, StoreError};
use crate::types::{OrgId, OrgNamed, ResourceId, ScopeSet, ScopeToken};

use super::{Code, OAuthError};

/// Asked for by clients that want refresh tokens; means nothing here, where every such client gets them.
const OFFLINE_ACCESS: &str = "offline_access";

/// The private scopes that count for a client now. Nearly every client has asked for none, and the store is not read.
///
/// # Errors
/// When the store fails.
pub async fn approved_scopes(node: &Node, config: &Config, client: &Client) -> Result<ScopeSet, StoreError> {
    let open = open_to(config, client);
    if client.scopes.as_ref().is_none_or(|scopes| scopes.is_subset(&open)) {
        return Ok(ScopeSet::default());
    }
    Ok(node.store.approvals(&client.id).await?.live(node.now()))
}

/// What a client may ask for that somebody made, without an approval.
fn open_to(config: &Config, client: &Client) -> ScopeSet {
    let open = config.catalogue.open();
    if client.is_operators() { open.union(&config.catalogue.internal()) } else { open }
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The client.
    pub client: &'a Client,
    /// The private scopes that count for it.
    pub approved: &'a ScopeSet,
    /// The way to a token that this is.
    pub flow: GrantFlow,
}

/// What a client may ask for in this way. A client that registered itself may ask for every
/// public scope, whatever it registered: its registration was its own claim, and step-up needs scopes that it did not know of then.
#[must_use]
pub fn allowed_scopes(config: &Config, Asking { client, approved, flow }: Asking<'_>) -> ScopeSet {
    let open = || open_to(config, client);
    let given = config.catalogue.scopes(&config.catalogue.given_by(&[flow]));
    let scopes = match (client.origin, &client.scopes) {
        // A scope that exists no longer is refused by the name of what does not exist, not as one that was not given.
        (ClientOrigin::Administrator, Some(scopes)) => {
            let open = open().union(&approved.difference(&config.catalogue.internal()));
            let gone = |s: &ScopeToken| config.catalogue.entry(s).is_none();
            let may = |s: &&ScopeToken| gone(s) || (given.contains(s) && open.contains(s));
            return scopes.iter().filter(may).cloned().collect();
        }
        (ClientOrigin::Administrator, None) => open(),
        (ClientOrigin::Dynamic, _) => config.catalogue.public(),
    };
    scopes.intersection(&given)
}

/// Whether a request that waited may still be made: a new version of an app, an administrator or the operator may have taken
/// something from the client since.
#[must_use]
pub fn still_allowed(config: &Config, asking: Asking<'_>, scopes: &ScopeSet) -> bool {
    scopes.is_subset(&allowed_scopes(config, asking))
}

/// Reads `scope`, without `offline_access`; `None` when nothing is asked for.
///
/// # Errors
/// `invalid_scope` when it breaks the grammar or is too long.
pub fn scope_param(text: Option<&str>) -> Result<Option<ScopeSet>, OAuthError> {
    let parsed = text.map(ScopeSet::asked).transpose().map_err(|e| OAuthError::new(Code::InvalidScope, e.to_string()))?;
    Ok(parsed
        .filter(|s| !s.is_empty())
        .map(|mut scopes| {
            scopes.remove(OFFLINE_ACCESS);
            scopes
        })
        .filter(|s| !s.is_empty()))
}

/// The scopes of an authorization request: those asked for, or all that the client of an app has declared, or what the named
/// resources advertise.
///
/// # Errors
/// `invalid_scope` for a scope that does not exist or that this client may not ask for.
pub fn authorize_scopes(
    config: &Config,
    asking: Asking<'_>,
    asked: Option<ScopeSet>,
    resources: &[ResourceId],
) -> Result<ScopeSet, OAuthError> {
    let allowed = allowed_scopes(config, asking);
    let Some(asked) = asked else {
        // An app says beforehand what it asks for: all of it, from everybody.
        let own = asking.client.app.is_some();
        let all = if own { allowed.clone() } else { advertised(config, resources).intersection(&allowed) };
        return Ok(with_implied(config, all, &allowed));
    };
    let existing = config.catalogue.scopes(&config.catalogue.bits(&asked));
    let (unknown, refused) = (asked.difference(&existing), asked.difference(&allowed));
    if !unknown.is_empty() {
        let text = format!("These scopes do not exist here: {unknown}. The metadata lists those that do");
        return Err(OAuthError::new(Code::InvalidScope, text));
    }
    let elsewhere = refused.difference(&config.catalogue.scopes(&config.catalogue.given_by(&[asking.flow])));
    if !elsewhere.is_empty() {
        let text = format!("{} does not give: {elsewhere}. Ask for it in another way, or leave it out", asking.flow.name());
        return Err(OAuthError::new(Code::InvalidScope, text));
    }
    let internal = refused.intersection(&config.catalogue.internal());
    if !internal.is_empty() {
        let text = format!("Kept for the operator's own clients: {internal}. Leave it out");
        return Err(OAuthError::new(Code::InvalidScope, text));
    }
    if !refused.is_empty() {
        let text = format!("This client may not ask for: {refused}. An administrator can allow it");
        return Err(OAuthError::new(Code::InvalidScope, text));
    }
    Ok(with_implied(config, asked, &allowed))
}

/// What is asked for with what comes with it, as far as that could have been asked for too. It is resolved here, before anybody
/// agrees: from then on the list itself counts, and the catalogue may change. A token holds only so many scopes; what was asked
/// for by name stays.
fn with_implied(config: &Config, asked: ScopeSet, most: &ScopeSet) -> ScopeSet {
    let all = config.catalogue.implied(&asked).intersection(most).union(&asked);
    if all.is_readable() { all } else { asked }
}

fn advertised(config: &Config, resources: &[ResourceId]) -> ScopeSet {
    let everywhere = is_everywhere(config, resources);
    let named = |api: &crate::config::Api| everywhere || resources.contains(&api.resource);
    config.apis.iter().filter(|a| named(a)).fold(ScopeSet::default(), |all, api| all.union(&api.advertised))
}

/// The scopes of a token: those asked for with what comes with them and was granted, or all that were granted.
///
/// # Errors
/// `invalid_scope` when more is asked for than was granted (RFC 6749 §6).
pub fn narrowed_scopes(config: &Config, granted: &ScopeSet, asked: Option<ScopeSet>) -> Result<ScopeSet, OAuthError> {
    let Some(asked) = asked else { return Ok(granted.clone()) };
    let beyond = asked.difference(granted);
    if beyond.is_empty() {
        return Ok(with_implied(config, asked, granted));
    }
    let text = format!("Beyond what was granted: {beyond}. Ask for a new authorization that includes it");
    Err(OAuthError::new(Code::InvalidScope, text))
}

/// Whether a list of resources stands for every API of this gateway: none named, or its root.
#[must_use]
pub fn is_everywhere(config: &Config, resources: &[ResourceId]) -> bool {
    resources.is_empty() || resources.iter().any(|r| r.as_str() == config.issuer.as_str())
}

/// What `resource` parameters ask for.
#[derive(Debug)]
pub struct Targets {
    /// The identifiers of our APIs, or this gateway's root, which stands for all of them.
    resources: Vec<ResourceId>,
    /// The organization that some of them named.
    org: Option<OrgNamed>,
}

impl Targets {
    /// Before anybody has chosen an organization: what is asked for, and the only one that may be chosen.
    #[must_use]
    pub fn anywhere(self) -> (Vec<ResourceId>, Option<OrgNamed>) {
        (self.resources, self.org)
    }

    /// For a token that acts in this organization.
    ///
    /// # Errors
    /// `invalid_target` when another one was named.
    pub async fn within(self, node: &Node, org: &OrgId) -> Result<Vec<ResourceId>, OAuthError> {
        let Some(named) = self.org else { return Ok(self.resources) };
        let known = node.store.org(org).await?;
        if known.is_some_and(|org| named.is(&org.id, &org.slug)) {
            return Ok(self.resources);
        }
        Err(OAuthError::new(Code::InvalidTarget, "The resource names another organization than the one that this client acts in"))
    }
}

/// Reads `resource` parameters (RFC 8707 §2).
///
/// # Errors
/// `invalid_target` for what is none of ours, or when two organizations are named in the same way; in different ways it shows where
/// the organization is chosen.
pub fn targets<'a>(config: &Config, asked: impl Iterator<Item = &'a str>) -> Result<Targets, OAuthError> {
    let wrong =
        |why: &str| OAuthError::new(Code::InvalidTarget, format!("The resource {why}; use the URL that its metadata publishes"));
    let mut targets = Targets { resources: Vec::new(), org: None };
    for text in asked {
        let named = ResourceId::parse(text).map_err(|e| wrong(&e.to_string()))?;
        let known = if named.as_str() == config.issuer.as_str() {
            named
        } else if let Some(api) = config.api_of(&named) {
            api.resource.clone()
        } else {
            let (api, org) = config.api_in_org(&named).ok_or_else(|| wrong("is not one of this gateway's"))?;
            let two = || OAuthError::new(Code::InvalidTarget, "The resources name two organizations; a token is for one");
            targets.org = Some(match targets.org.take() {
                Some(before) => before.and(org).ok_or_else(two)?,
                None => org,
            });
            api.resource.clone()
        };
        if !targets.resources.contains(&known) {
            targets.resources.push(known);
        }
    }
    Ok(targets)
}

/// The resources of a token: those asked for, or all that were granted.
///
/// # Errors
/// `invalid_target` when one was not granted.
pub fn narrowed_resources(
    config: &Config,
    granted: &[ResourceId],
    asked: Vec<ResourceId>,
) -> Result<Vec<ResourceId>, OAuthError> {
    if asked.is_empty() {
        return Ok(granted.to_vec());
    }
    if is_everywhere(config, granted) || asked.iter().all(|r| granted.contains(r)) {
        return Ok(asked);
    }
    let text = "The authorization was not for this resource; ask for a new one that names it";
    Err(OAuthError::new(Code::InvalidTarget, text))
}
