//! What an upstream is told about the caller of an allowed request.
//!
//! `headers from templates, an assertion that we sign, a token that the upstream's authorization server gives for one`. Names
//! under which any of it is told are taken from every request first, so that nobody but us can say them. Where something that
//! the configuration promises can't be had, the request is refused: none goes on without it.

mod assertion;
mod circuit;
mod exchange;
mod fill;
mod grant;

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use fill::{at_other, of_caller, of_org};

use super::authorize::Permit;
use super::denial::{Denial, IdentityFault};
use crate::config::{Api, Config, Exchange, TemplateHeader};
use crate::egress::{self, Place};
use crate::node::Node;
use crate::token::Principal;
use crate::types::{ApiName, Chain, RequestId, Timestamp};
use assertion::Assertions;
use exchange::Exchanger;

/// Headers that tell the upstream who calls; none where nobody is known.
#[derive(Debug, Default)]
pub struct Identity(Vec<(HeaderName, HeaderValue)>);

impl Identity {
    /// Puts them in the place of whatever has their names.
    pub fn put(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Those that prove something to whoever has them.
    pub fn secrets(&self) -> impl Iterator<Item = &HeaderValue> {
        self.0.iter().map(|(_, value)| value).filter(|value| value.is_sensitive())
    }
}

/// Who calls, and at which API.
struct Asked<'a> {
    node: &'a Node,
    config: &'a Config,
    api: &'a Api,
    principal: &'a Principal,
}

/// What is kept of callers for each API that has something signed or issued for them.
#[derive(Debug, Default)]
pub struct Identities {
    apis: HashMap<ApiName, Telling>,
    client: Option<reqwest::Client>,
}

#[derive(Debug)]
struct Telling {
    assertions: Option<Assertions>,
    exchanger: Option<Arc<Exchanger>>,
}

impl Identities {
    /// For a configuration. Tokens that were asked for stay where that changes nothing of the exchange: to ask for all of them at
    /// once is more than its authorization server may take. Assertions are signed anew, which costs nobody else anything.
    pub(super) fn of(config: &Config, before: Option<&Self>) -> Self {
        let wants = |api: &Arc<Api>| api.exchange.is_some();
        let client = config.apis.iter().any(wants).then(|| before.and_then(|b| b.client.clone()).or_else(client)).flatten();
        let known = |api: &Api, terms: &Exchange| {
            let exchanger = before?.apis.get(&api.name)?.exchanger.as_ref()?;
            exchanger.is_for(&config.issuer, terms).then(|| Arc::clone(exchanger))
        };
        let made = |api: &Api, terms: &Arc<Exchange>| {
            let place = place(terms, client.as_ref())?;
            Some(Arc::new(Exchanger::new(api, &config.issuer, terms, place)))
        };
        let told = config.apis.iter().filter(|api| api.assertion.is_some() || api.exchange.is_some());
        let apis = told.map(|api| {
            let exchanger = api.exchange.as_ref().and_then(|terms| known(api, terms).or_else(|| made(api, terms)));
            let telling = Telling { assertions: api.assertion.as_ref().map(Assertions::new), exchanger };
            (api.name.clone(), telling)
        });
        Self { apis: apis.collect(), client }
    }

    /// Who calls, in the headers of the permit's API and route.
    ///
    /// # Errors
    /// When something can't be signed, or is not issued.
    pub async fn tell(
        &self,
        node: &Arc<Node>,
        config: &Arc<Config>,
        permit: &Permit,
        request: &RequestId,
    ) -> Result<Identity, Denial> {
        let Some(principal) = permit.principal() else { return Ok(Identity::default()) };
        let (api, route) = (permit.api(), permit.rule());
        let filled = |header: &TemplateHeader| {
            let text = fill::of_request(&header.value, api, principal, request);
            // To some servers a header without a value says something else than none.
            let value = HeaderValue::try_from(text).ok().filter(|v| !v.is_empty())?;
            Some((header.name.clone(), value))
        };
        // Those of the route come last: where both have a name, its value stays.
        let mut headers: Vec<_> = api.headers.iter().chain(&route.headers).filter_map(filled).collect();
        if api.assertion.is_none() && api.exchange.is_none() {
            return Ok(Identity(headers));
        }
        let telling = self.apis.get(&api.name);
        if let Some(terms) = &api.assertion {
            let assertions = telling.and_then(|t| t.assertions.as_ref()).ok_or(Denial::Identity(IdentityFault::Unavailable))?;
            let value = assertions.header(terms, &Asked { node, config, api, principal }).map_err(Denial::Identity)?;
            headers.push((terms.header.clone(), value));
        }
        if let Some(terms) = &api.exchange {
            let exchanger = telling.and_then(|t| t.exchanger.as_ref()).ok_or(Denial::Identity(IdentityFault::Unavailable))?;
            let value = exchanger.header(node, config, api, principal).await.map_err(Denial::Identity)?;
            headers.push((terms.header.clone(), value));
        }
        Ok(Identity(headers))
    }

    /// The upstream refused what it was told: the next request has a new token.
    pub fn refused(&self, permit: &Permit, now: Timestamp) {
        let exchanger = self.apis.get(&permit.api().name).and_then(|t| t.exchanger.as_ref());
        if let Some((exchanger, principal)) = exchanger.zip(permit.principal()) {
            exchanger.forget(principal, now);
        }
    }
}

/// Requests say themselves how long they may take.
fn client() -> Option<reqwest::Client> {
    made(egress::client(egress::LONGEST))
}

/// Where an authorization server is asked: by the client that all have in common, unless TLS towards it is something else.
fn place(terms: &Exchange, shared: Option<&reqwest::Client>) -> Option<Place> {
    if terms.tls.is_of_the_system() {
        return shared.map(|client| Place::plain(client.clone(), terms.endpoint.clone()));
    }
    made(Place::new(&terms.endpoint, &terms.tls, egress::LONGEST))
}

fn made<T, E: std::error::Error + 'static>(client: Result<T, E>) -> Option<T> {
    let said = |error: &E| tracing::error!(error = %Chain(error), "an authorization server can't be asked");
    client.inspect_err(said).ok()
}
