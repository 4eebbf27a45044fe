//! The first call of an app that is being tried.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::super::Visit;
use super::given::Given;
use crate::account::Called;
use crate::config::{Config, RouteMeta};
use crate::pages::texts::{Text, trial as texts};
use crate::pages::views::{CallAnswer, EnteredCall};
use crate::types::RequestId;
use crate::web::{Params, Trouble};

/// How much of a body a page shows, bytes.
const SHOWN: usize = 4 * 1024;
/// Longest path and query that is sent, bytes.
const LONGEST: usize = 4 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A call that was made.
pub(super) struct Made {
    pub(super) route: String,
    pub(super) entered: EnteredCall,
    pub(super) answer: CallAnswer,
    pub(super) request: Option<RequestId>,
}

/// Why no call was made, and what was entered.
pub(super) type NotMade = (Text, (Option<String>, EnteredCall));

/// Calls the route that a form names, if the token may.
pub(super) async fn make(visit: &Visit<'_>, given: &Given<'_>, form: &Params) -> Result<Result<Made, NotMade>, Trouble> {
    let text = |name| form.one(name).map(|v| v.unwrap_or_default().trim().to_owned());
    let (route, entered) = (text("route")?, EnteredCall { path: text("path")?, query: text("query")? });
    let found = given.routes().find(|(.., path)| *path == route);
    let target = match found {
        Some((_, meta, path)) => target(&visit.config, (meta, &path), &entered),
        None => Err(texts::choose_route()),
    };
    let (target, token) = match (target, given.kept.access_token()) {
        (Ok(target), Some(token)) => (target, SecretString::from(token)),
        (Err(why), _) => return Ok(Err((why, (Some(route), entered)))),
        (Ok(_), None) => return Ok(Err((texts::no_token(), (Some(route), entered)))),
    };
    match visit.app.stand_in.call(&target, &token).await {
        Ok(called) => {
            let id = called.headers.get(REQUEST_ID).and_then(|v| v.to_str().ok());
            let request = id.and_then(|id| RequestId::parse(id).ok());
            Ok(Ok(Made { route, entered, answer: answer(&target, called), request }))
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the first call of a test got no answer");
            Ok(Err((texts::no_answer(), (Some(route), entered))))
        }
    }
}

/// The path and query that are asked for, as they are sent: on this origin, at the chosen route and no other.
fn target(config: &Config, (meta, chosen): (&RouteMeta, &str), entered: &EnteredCall) -> Result<String, Text> {
    let fixed = !chosen.contains(['{', '*']);
    let path = if fixed { chosen } else { &entered.path };
    let plain = path.starts_with('/') && !path.starts_with("//") && !path.contains(['?', '#', '\\']);
    if !plain || path.len() + entered.query.len() > LONGEST {
        return Err(texts::wrong_path());
    }
    let mut url = Url::parse(config.issuer.as_str()).map_err(|_| texts::wrong_path())?;
    url.set_path(path);
    let (api, rest) = config.api_at(url.path()).ok_or_else(texts::wrong_path)?;
    if api.route_of(rest, &Method::GET).is_none_or(|route| route.id != meta.id) {
        return Err(texts::wrong_path());
    }
    url.set_query(Some(entered.query.trim_start_matches('?')).filter(|q| !q.is_empty()));
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    Ok(format!("{}{query}", url.path()))
}

fn answer(target: &str, called: Called) -> CallAnswer {
    let Called { status, headers, body, cut, millis } = called;
    let (body, shortened) = shown(&headers, &body, cut);
    let reason = status.canonical_reason().unwrap_or_default();
    CallAnswer {
        request: format!("GET {target}"),
        status: format!("{} {reason}", status.as_u16()).trim_end().to_owned(),
        success: status.is_success(),
        millis,
        headers: telling(&headers),
        body,
        cut: cut || shortened,
        record: None,
    }
}

/// The headers that say how a call went.
fn telling(headers: &HeaderMap) -> Vec<(String, String)> {
    let names = [CONTENT_TYPE, CONTENT_LENGTH, WWW_AUTHENTICATE, RETRY_AFTER, LOCATION, REQUEST_ID];
    let one = |name: &HeaderName| {
        let value = headers.get(name)?;
        Some((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    };
    names.iter().filter_map(one).collect()
}

/// The start of a body, JSON with line breaks; and whether it is less than came.
fn shown(headers: &HeaderMap, body: &[u8], cut: bool) -> (String, bool) {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let json = kind.contains("json") && !cut;
    let parsed = if json { serde_json::from_slice::<Value>(body).ok() } else { None };
    let text = match parsed.and_then(|value| serde_json::to_string_pretty(&value).ok()) {
        Some(pretty) => pretty,
        None => String::from_utf8_lossy(body).into_owned(),
    };
    let end = text.floor_char_boundary(SHOWN);
    (text[..end].to_owned(), end < text.len())
}

#[cfg(test)]
mod tests;
