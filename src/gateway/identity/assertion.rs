//! Assertions, signed once for a caller and sent until they are half through their life.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use moka::sync::Cache;
use secrecy::ExposeSecret as _;

use super::{Asked, IdentityFault};
use crate::config::Assertion;
use crate::gateway::authorize::tenant_value;
use crate::token::{Fingerprint, NewAssertion, Signed};
use crate::types::{Chain, Timestamp};

/// Bytes that the assertions of one API may take.
const CAPACITY: u64 = 16 << 20;
/// What an entry costs besides its text, bytes.
const ENTRY: usize = 200;

/// The assertions of one API.
#[derive(Debug)]
pub(super) struct Assertions(Cache<Fingerprint, Kept>);

/// What is sent for one caller.
#[derive(Clone, Debug)]
struct Kept {
    value: HeaderValue,
    renew_at: Timestamp,
}

impl Assertions {
    pub(super) fn new(terms: &Assertion) -> Self {
        let weigher = |_: &Fingerprint, kept: &Kept| u32::try_from(kept.value.len() + ENTRY).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(CAPACITY).weigher(weigher).time_to_live(terms.lifetime).build())
    }

    /// The header of a caller. A principal is another one as soon as anything behind it has changed, and so is what is kept.
    pub(super) fn header(&self, terms: &Assertion, asked: &Asked<'_>) -> Result<HeaderValue, IdentityFault> {
        let (now, caller) = (asked.node.now(), asked.principal.fingerprint());
        if let Some(kept) = self.0.get(&caller).filter(|kept| now < kept.renew_at) {
            return Ok(kept.value);
        }
        let signed = sign(asked, &terms.audience, terms.lifetime)?;
        asked.node.metrics.assertions.with_label_values(&[asked.api.name.as_str()]).inc();
        let value = carried(&terms.header, signed.token.expose_secret())?;
        let renew_at = now.plus(terms.lifetime / 2).min(signed.until);
        self.0.insert(caller, Kept { value: value.clone(), renew_at });
        Ok(value)
    }
}

/// Signs who calls for `audience`.
pub(super) fn sign(asked: &Asked<'_>, audience: &str, lifetime: Duration) -> Result<Signed, IdentityFault> {
    let (node, now) = (asked.node, asked.node.now());
    let new = NewAssertion {
        principal: asked.principal,
        audience,
        tenant: tenant_value(asked.api, &asked.principal.org),
        scopes: &asked.principal.held,
        jti: node.ids.next(now).to_string(),
        now,
        lifetime,
    };
    node.keys.assert(&asked.config.issuer, &new).map_err(|error| {
        tracing::error!(error = %Chain(&error), api = %asked.api.name, "an assertion can't be signed");
        IdentityFault::Unavailable
    })
}

/// A token in a header; in `Authorization` as RFC 6750 §2.1 has it.
pub(super) fn carried(name: &HeaderName, token: &str) -> Result<HeaderValue, IdentityFault> {
    let value =
        if *name == AUTHORIZATION { HeaderValue::try_from(format!("Bearer {token}")) } else { HeaderValue::from_str(token) };
    let mut value = value.map_err(|_| IdentityFault::Misconfigured)?;
    value.set_sensitive(true);
    Ok(value)
}
