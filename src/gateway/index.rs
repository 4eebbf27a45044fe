//! The stage that only index tenancy has: every index that a request names is its organization's.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use pingora::http::RequestHeader;

use super::authorize::{Permit, tenant_value};
use super::denial::Denial;
use crate::config::{Api, Enforce, IndexBody, OrgName, Route, Tell};
use crate::indices::{self, Check, Coding, Prefix};
use crate::labels;
use crate::routing::Captures;
use crate::store::Org;
use crate::types::Memory;

/// What the organization's indices start with; `None` where the API is not bound so.
fn prefix(api: &Api, org: &Org) -> Result<Option<Prefix>, Denial> {
    let Some(Tell::Index { before, name, after }) = &api.tenancy.tell else { return Ok(None) };
    let name = match name {
        OrgName::Tenant => tenant_value(api, org),
        OrgName::Id => org.id.as_str(),
        OrgName::Slug => org.slug.as_str(),
    };
    Prefix::new(before, name, after).map(Some).ok_or(Denial::Selector(labels::Refused::NoValue))
}

/// Refuses paths that name other indices, or none.
///
/// # Errors
/// The refusal.
pub(super) fn bind(api: &Api, route: &Route, captures: &Captures<'_, '_>, org: &Org) -> Result<(), Denial> {
    let Some(prefix) = prefix(api, org)?.filter(|_| route.enforce != Some(Enforce::Nothing)) else { return Ok(()) };
    if route.index_captures.is_empty() {
        // Every line of such a body names its own: what looks at it sees to that.
        return if route.index_body.is_some_and(IndexBody::names_each) {
            Ok(())
        } else {
            Err(Denial::Selector(labels::Refused::Route))
        };
    }
    let own = |capture: &String| captures.value(capture).is_some_and(|names| prefix.covers(names));
    if route.index_captures.iter().all(own) { Ok(()) } else { Err(foreign(&prefix)) }
}

/// What has to look at the body of a permitted request as it passes.
///
/// # Errors
/// When it can't be looked at.
pub fn check(permit: &Permit, headers: &HeaderMap, has_body: bool, memory: &Arc<Memory>) -> Result<Option<Check>, Denial> {
    let (rule, unread) = (permit.rule(), Denial::Selector(labels::Refused::NotJson));
    let (Some(kind), Some(principal)) = (rule.index_body, permit.principal()) else { return Ok(None) };
    let Some(prefix) = prefix(permit.api(), &principal.org)? else { return Ok(None) };
    let named = !rule.index_captures.is_empty() || rule.enforce == Some(Enforce::Nothing);
    if !has_body {
        return if named { Ok(None) } else { Err(unread) };
    }
    let check = Check::new(prefix, kind, Coding::of_json(headers).ok_or(unread)?, memory);
    Ok(Some(if named { check } else { check.at_the_root() }))
}

/// What a body is refused for.
#[must_use]
pub fn refused(why: indices::Refused, prefix: &Prefix) -> Denial {
    match why {
        indices::Refused::Foreign => foreign(prefix),
        indices::Refused::Unreadable => Denial::Selector(labels::Refused::Malformed),
        indices::Refused::TooLong => Denial::Selector(labels::Refused::TooLarge),
        indices::Refused::Exhausted(_) => Denial::Overloaded,
        indices::Refused::Coding => Denial::Selector(labels::Refused::NotGzip),
        indices::Refused::Grows => Denial::BodyTooLarge,
    }
}

/// Makes the head that the upstream receives fit a body that was compressed when it came.
pub fn fit(head: &mut RequestHeader) {
    head.remove_header(&CONTENT_ENCODING);
    // How long it will be nobody knows before its end.
    head.remove_header(&CONTENT_LENGTH);
}

fn foreign(prefix: &Prefix) -> Denial {
    Denial::Index { prefix: prefix.as_str().to_owned() }
}
