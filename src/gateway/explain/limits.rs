//! Limits of requests that nobody sent: which page sends them, how long they are, how often they come.

use std::time::Duration;

use http::Method;

use super::{Spoken, Supposed};
use crate::config::ApiKind;
use crate::gateway::authorize::{Asked, Permit};
use crate::gateway::denial::Denial;
use crate::gateway::rates::{self, Asking};
use crate::gateway::{decide, narrow, sizes};

/// What the origin of the page that sends it may do; `None` where no page does.
///
/// # Errors
/// The refusal.
pub(super) fn origin(asked: &Asked<'_>, supposed: &Supposed<'_>) -> Result<Option<String>, Denial> {
    let Some(origin) = supposed.origin else { return Ok(None) };
    let said = String::from_utf8_lossy(origin.as_bytes());
    Ok(Some(match decide::origin(asked)? {
        Some(_) => format!("Pages of {said} may call it and read its answers."),
        None => format!(
            "Pages of {said} are not listed (`allowed_origins`): a preflight tells their browser so. It sends nothing that needs \
             one, and keeps the answers to the rest. What arrives all the same is decided as follows."
        ),
    }))
}

/// Whether the body is short enough; `None` where neither its length nor a limit of the route is known.
///
/// # Errors
/// The refusal.
pub(super) fn body(asked: &Asked<'_>, supposed: &Supposed<'_>, permit: &Permit) -> Result<Option<String>, Denial> {
    sizes::of_route(permit, supposed.length)?;
    let read = matches!(permit.api().kind, ApiKind::Mcp(_)) || matches!(narrow::labels(permit), Ok(Some(_)));
    let read = read && *asked.request.method() == Method::POST;
    let whole = asked.config.listen.limits.max_mcp_body;
    if read {
        sizes::of_message(whole, supposed.length)?;
    }
    let named = names_others(permit, asked.request.method());
    let most = [permit.rule().max_body, u64::try_from(whole).ok().filter(|_| read)].into_iter().flatten().min();
    let long = match (supposed.length, most) {
        (None, _) if permit.rule().max_body.is_none() => None,
        (_, None) => Some("Its body may have any length.".to_owned()),
        (_, Some(most)) => Some(format!("Its body may have {most} bytes.")),
    };
    let says: Vec<_> = long.into_iter().chain(named.map(ToOwned::to_owned)).collect();
    Ok((!says.is_empty()).then(|| says.join(" ")))
}

/// What is looked for in a body that nobody knows here.
fn names_others(permit: &Permit, method: &Method) -> Option<&'static str> {
    if matches!(*method, Method::GET | Method::HEAD) && permit.rule().index_body.is_none() {
        None
    } else if permit.rule().index_body.is_some() {
        Some("A body that names indices of others is refused: what it names is not known here.")
    } else if !permit.rule().body_without.is_empty() {
        Some("A body that names other tenants is refused: what it says is not known here.")
    } else if permit.api().tenancy.reads_forms() {
        Some("A form that names a tenant is refused: whether it is one is not known here.")
    } else {
        None
    }
}

/// Which limits count it, and for whom; `None` where there are none.
pub(super) fn rates(asked: &Asked<'_>, supposed: &Supposed<'_>, permit: &Permit) -> Option<String> {
    let target = supposed.spoken.as_ref().and_then(Spoken::target);
    let asking = Asking { address: None, target: target.as_ref(), now: asked.now };
    let rate = |(rate, counted): (&crate::config::Rate, rates::Counted<'_>)| {
        let each = Duration::from_micros(rate.interval.unsigned_abs());
        format!("{} at once and one every {each:?} after that, {counted}", rate.burst)
    };
    let mut limits: Vec<_> = rates::applying(permit, &asking).map(rate).collect();
    limits.extend(permit.api().max_concurrent.map(|most| format!("{most} at one time on all of {}", permit.api().name)));
    limits.extend(permit.rule().max_concurrent.map(|most| format!("{most} at one time on this route")));
    let what = (!limits.is_empty()).then(|| limits.join("; "))?;
    Some(format!("At most {what}. How much of that is used up is not known here."))
}
