//! The stage that only label tenancy has: a request is narrowed to its organization before it is forwarded.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};
use pingora::Result;
use pingora::http::RequestHeader;

use super::authorize::Permit;
use super::denial::Denial;
use super::hygiene::CleanRequest;
use super::identity;
use super::silence::Naming;
use crate::config::{Enforce, Tell};
use crate::labels::{self, AnswerFilter, Asked, Label, Labels, Refused};
use crate::types::Memory;

/// What became of a request that was narrowed.
#[derive(Debug)]
pub struct Narrowed {
    /// What its answer must lose.
    pub answer: Option<AnswerFilter>,
    /// The silence that it names, until it is known whose that is.
    pub silence: Option<Naming>,
}

/// The labels that a permitted request must be narrowed to; `None` where there is nothing to narrow.
///
/// # Errors
/// When it must be narrowed and can't be.
pub fn labels(permit: &Permit) -> Result<Option<Labels>, Denial> {
    if permit.rule().enforce == Some(Enforce::Nothing) {
        return Ok(None);
    }
    let mut labels: Vec<_> = of_organization(permit).map_err(Denial::Selector)?.into_iter().collect();
    labels.extend(of_permission(permit).map_err(Denial::Selector)?);
    Ok(Labels::of(labels))
}

/// What an upstream that holds everybody's series tells organizations apart by: always, or where it does not look at what else it
/// is told.
fn of_organization(permit: &Permit) -> Result<Option<Label>, Refused> {
    let is_blind = |tell: &Tell| tell.mode().is_some_and(|mode| permit.rule().blind_to.contains(&mode));
    let (label, template) = match &permit.api().tenancy.tell {
        None => return Ok(None),
        Some(Tell::Label { label, template }) => (label, template),
        Some(tell) if !is_blind(tell) => return Ok(None),
        Some(Tell::Header { label: Some(label), template, .. }) => (label, template),
        Some(_) => return Err(Refused::Route),
    };
    match (permit.rule().enforce, permit.principal()) {
        (None, _) | (_, None) => Err(Refused::Route),
        (Some(_), Some(principal)) => Label::new(label, identity::of_org(template, permit, &principal.org)).map(Some),
    }
}

/// What the caller's own permission is narrowed to.
fn of_permission(permit: &Permit) -> Result<Vec<Label>, Refused> {
    let Some(principal) = permit.principal() else { return Ok(Vec::new()) };
    let Some(selector) = principal.narrowing.of(permit.needed()).map_err(|_| Refused::Unsayable)? else { return Ok(Vec::new()) };
    if permit.rule().enforce.is_none() {
        return Err(Refused::Narrowed);
    }
    selector.labels().map(|(name, values)| Label::any(name, values.clone())).collect()
}

/// Rewrites query and body; the body is what is forwarded in place of the one that came.
///
/// # Errors
/// When the request can't be narrowed.
pub fn narrow(
    permit: &Permit,
    labels: &Labels,
    request: &mut CleanRequest,
    headers: &HeaderMap,
    (body, memory): (Option<&Bytes>, &Arc<Memory>),
) -> Result<(Option<Bytes>, Narrowed), Denial> {
    let asked = Asked {
        method: request.method(),
        path: permit.api().below(request.path()),
        query: request.query(),
        body: body.map(AsRef::as_ref),
        is_form: is_form(headers),
        memory,
    };
    let done = labels::enforce(permit.rule().enforce, labels, &asked).map_err(Denial::Selector)?;
    if body.is_some() && headers.contains_key(CONTENT_ENCODING) {
        return Err(Denial::Selector(Refused::NotAForm));
    }
    let naming =
        |silence| Naming { silence, labels: labels.clone(), query: request.query().map(ToOwned::to_owned), body: body.cloned() };
    let silence = done.silence.map(naming);
    request.replace_query(done.query.as_deref());
    let body = done.body.map(|body| memory.keep(body)).transpose()?;
    Ok((body, Narrowed { answer: done.answer, silence }))
}

/// A form, in the one spelling that every server reads alike.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let (kind, parameters) = text.split_once(';').unwrap_or((&text, ""));
    kind.trim() == "application/x-www-form-urlencoded" && matches!(parameters.trim(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}

/// Makes the head that the upstream receives fit a body of `length` bytes, and an answer that we can read.
///
/// # Errors
/// Never in practice: a number is a header value.
pub fn fit(head: &mut RequestHeader, length: Option<usize>) -> Result<()> {
    head.remove_header(&ACCEPT_ENCODING);
    if let Some(length) = length {
        head.remove_header(&TRANSFER_ENCODING);
        head.insert_header(CONTENT_LENGTH, HeaderValue::from(length))?;
    }
    Ok(())
}

/// Whether an answer is compressed, so that it can't be filtered.
#[must_use]
pub fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|v| v != "identity")
}
