//! Where an answer of an upstream points to, as its client can follow it: through a mount, or not at all.
//!
//! An upstream knows itself by the address that we reach it at, and its paths without the mount. Handed on as they came, its
//! redirects would name addresses of the inside and lead around the gate, or out of the mount to something else of ours.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod link;
mod map;
mod reference;
mod secrets;
#[cfg(test)]
mod tests;

use http::HeaderValue;
use http::header::{CONTENT_LOCATION, LINK, LOCATION, REFRESH};
use pingora::Result;
use pingora::http::ResponseHeader;
use secrecy::ExposeSecret as _;

use self::map::{Map, Other};
use self::secrets::Secrets;
use super::authorize::Permit;
use super::hygiene::CleanRequest;
use super::identity::{self, Identity};
use super::outbound;
use crate::config::{Api, Config, Endpoint, Target, Tell, Upstream};

/// The way that a request went.
pub struct Way<'a> {
    /// The configuration of the request.
    pub config: &'a Config,
    /// What allowed it.
    pub permit: &'a Permit,
    /// The request.
    pub request: &'a CleanRequest,
    /// Where it went.
    pub endpoint: &'a Endpoint,
    /// What it was told about the caller.
    pub identity: &'a Identity,
}

/// Makes `Location`, `Content-Location`, `Refresh` and `Link` lead back through the mount. What names an address of the inside that no
/// mount leads to is left out.
///
/// # Errors
/// When a value can't be written as a header.
pub fn lead_back(head: &mut ResponseHeader, way: &Way<'_>) -> Result<()> {
    let known = [LOCATION, CONTENT_LOCATION, REFRESH, LINK];
    let present: Vec<_> = known.into_iter().filter(|name| head.headers.contains_key(name)).collect();
    if present.is_empty() {
        return Ok(());
    }
    let Target::Upstream(upstream) = &way.permit.api().target else { return Ok(()) };
    let prefix = outbound::prefix(way.permit);
    let map = way.map(upstream, &prefix);
    for name in present {
        let came: Vec<_> = head.headers.get_all(&name).iter().cloned().collect();
        head.remove_header(&name);
        for value in came {
            let led = match name {
                REFRESH => map.refresh(&value),
                LINK => map.links(&value),
                _ => map.lead(&value),
            };
            if let Some(led) = led {
                head.append_header(name.clone(), led)?;
            }
        }
    }
    Ok(())
}

impl<'a> Way<'a> {
    fn map(&self, upstream: &'a Upstream, prefix: &'a str) -> Map<'a> {
        let others = || self.config.apis.iter().filter(|api| api.name != self.permit.api().name);
        let usual = if self.config.issuer.is_https() { 443 } else { 80 };
        Map {
            mount: &self.permit.api().mount,
            endpoint: self.endpoint,
            path: outbound::located(self.permit, self.permit.api().below(self.request.path()), self.endpoint),
            prefix,
            endpoints: &upstream.endpoints,
            others: others().flat_map(|api| self.places(api)).collect(),
            hidden: self.config.upstreams.iter().flat_map(|upstream| &upstream.endpoints).collect(),
            mounts: others().map(|api| api.mount.as_str()).collect(),
            host: (self.request.host(), usual),
            secrets: self.secrets(upstream),
        }
    }

    /// Where an API has the paths of its endpoints.
    fn places(&self, api: &'a Api) -> Vec<Other<'a>> {
        let Target::Upstream(upstream) = &api.target else { return Vec::new() };
        let prefix = match (&api.tenancy.tell, self.permit.principal()) {
            (Some(Tell::PathPrefix { template }), Some(principal)) => identity::at_other(template, api, &principal.org),
            (Some(Tell::PathPrefix { .. }), None) => None,
            _ => Some(String::new()),
        };
        let place = |endpoint| Other { endpoint, mount: &api.mount, prefix: prefix.clone() };
        upstream.endpoints.iter().map(place).collect()
    }

    /// What it was sent of ours.
    fn secrets(&self, upstream: &Upstream) -> Secrets {
        let injected = upstream.inject.iter().map(|header| header.value.expose_secret());
        let made = self.identity.secrets().filter_map(|value: &HeaderValue| value.to_str().ok());
        Secrets::of(injected.chain(made))
    }
}
