//! The first call of an app that is being tried.

mod mcp;

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::super::Visit;
use super::given::Given;
use super::kept::mask;
use crate::account::{Called, Sent, StandIn};
use crate::config::{Config, RouteMeta};
use crate::pages::texts::{Text, trial as texts};
use crate::pages::views::{BodyKind, CallAnswer, EnteredCall};
use crate::types::{Chain, RequestId};
use crate::web::{Params, Trouble};

/// How much of a body a page shows, bytes.
const SHOWN: usize = 4 * 1024;
/// Longest path and query that is sent, bytes.
const LONGEST: usize = 4 * 1024;
/// Longest body that is sent, bytes.
const LONGEST_BODY: usize = 8 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A call that was made.
pub(super) struct Made {
    pub(super) entered: EnteredCall,
    pub(super) answer: CallAnswer,
    pub(super) request: Option<RequestId>,
}

/// Why no call was made, and what was entered.
pub(super) type NotMade = (Text, EnteredCall);

/// Makes the call that a form asks for, if the token may.
pub(super) async fn make(visit: &Visit<'_>, given: &Given<'_>, form: &Params) -> Result<Result<Made, NotMade>, Trouble> {
    let text = |name| form.one(name).map(|v| v.unwrap_or_default().trim().to_owned());
    let entered = EnteredCall {
        route: text("route")?,
        path: text("path")?,
        query: text("query")?,
        body: text("body")?,
        kind: BodyKind::parse(&text("kind")?),
        server: text("server")?,
        tool: text("tool")?,
        arguments: text("arguments")?,
    };
    let Some(token) = given.kept.access_token().map(SecretString::from) else {
        return Ok(Err((texts::no_token(), entered)));
    };
    let caller = Caller { stand_in: &*visit.app.stand_in, token };
    let came = match form.one("call")? {
        Some("list" | "tool") => mcp::call(&caller, given, (form.one("call")? == Some("tool"), &entered)).await,
        _ => match planned(&visit.visitor.config, given, &entered) {
            Ok(sent) => caller.send(sent).await,
            Err(why) => Err(why),
        },
    };
    Ok(came.map(|(answer, request)| Made { entered: entered.clone(), answer, request }).map_err(|why| (why, entered)))
}

/// The token of a test, with the way to the gate.
struct Caller<'a> {
    stand_in: &'a dyn StandIn,
    token: SecretString,
}

impl Caller<'_> {
    /// Sends a call, and says what came.
    async fn send(&self, sent: Sent) -> Result<(CallAnswer, Option<RequestId>), Text> {
        let request = format!("{} {}", sent.method, sent.target);
        let called = self.raw(sent).await?;
        Ok(self.told(request, called))
    }

    async fn raw(&self, sent: Sent) -> Result<Called, Text> {
        self.stand_in.call(sent, &self.token).await.map_err(|error| {
            tracing::warn!(error = %Chain(&error), "the first call of a test got no answer");
            texts::no_answer()
        })
    }

    fn told(&self, request: String, called: Called) -> (CallAnswer, Option<RequestId>) {
        let id = called.headers.get(REQUEST_ID).and_then(|v| v.to_str().ok()).and_then(|id| RequestId::parse(id).ok());
        (answer(request, called, self.token.expose_secret()), id)
    }
}

/// The call of a route, as it is sent.
fn planned(config: &Config, given: &Given<'_>, entered: &EnteredCall) -> Result<Sent, Text> {
    let mut routes = given.routes();
    let (_, meta, method, path) = routes.find(|(_, _, m, p)| choice(m, p) == entered.route).ok_or_else(texts::choose_route)?;
    let target = target(config, (meta, &method, &path), entered)?;
    let mut headers = vec![(ACCEPT, HeaderValue::from_static("*/*"))];
    if method != Method::POST {
        return Ok(Sent { method, target, headers, body: String::new() });
    }
    if entered.body.len() > LONGEST_BODY {
        return Err(texts::long_body());
    }
    if entered.kind == BodyKind::Json && serde_json::from_str::<Value>(&entered.body).is_err() {
        return Err(texts::no_json());
    }
    headers.push((CONTENT_TYPE, HeaderValue::from_static(entered.kind.content_type())));
    let body = match entered.kind {
        BodyKind::Json => entered.body.clone(),
        BodyKind::Fields => fields(&entered.body),
    };
    Ok(Sent { method, target, headers, body })
}

/// A route as the form names it.
pub(super) fn choice(method: &Method, path: &str) -> String {
    format!("{method} {path}")
}

/// Fields as they are typed, one on a line (`query=sum(up)`), as a form sends them.
fn fields(typed: &str) -> String {
    let mut form = Serializer::new(String::new());
    for line in typed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        form.append_pair(name.trim(), value.trim());
    }
    form.finish()
}

/// The path and query that are asked for, as they are sent: on this origin, at the chosen route and no other.
fn target(config: &Config, (meta, method, chosen): (&RouteMeta, &Method, &str), entered: &EnteredCall) -> Result<String, Text> {
    let fixed = !chosen.contains(['{', '*']);
    let path = if fixed { chosen } else { &entered.path };
    let plain = path.starts_with('/') && !path.starts_with("//") && !path.contains(['?', '#', '\\']);
    if !plain || path.len() + entered.query.len() > LONGEST {
        return Err(texts::wrong_path());
    }
    let mut url = Url::parse(config.issuer.as_str()).map_err(|_| texts::wrong_path())?;
    url.set_path(path);
    let (api, rest) = config.api_at(url.path()).ok_or_else(texts::wrong_path)?;
    if api.route_of(rest, method).is_none_or(|route| route.id != meta.id) {
        return Err(texts::wrong_path());
    }
    url.set_query(Some(entered.query.trim_start_matches('?')).filter(|q| !q.is_empty()));
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    Ok(format!("{}{query}", url.path()))
}

fn answer(request: String, called: Called, token: &str) -> CallAnswer {
    let Called { status, headers, body, cut, millis } = called;
    let (body, shortened) = shown(&headers, &body, cut, token);
    let reason = status.canonical_reason().unwrap_or_default();
    CallAnswer {
        request,
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

/// The start of a body, JSON with line breaks and the token masked; and whether it is less than came.
fn shown(headers: &HeaderMap, body: &[u8], cut: bool, token: &str) -> (String, bool) {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let read = match kind {
        _ if cut => None,
        kind if kind.contains("json") => pretty(&text),
        // A stream that answers one call: its events are messages.
        kind if kind.starts_with("text/event-stream") => {
            let messages: Vec<_> = text.lines().filter_map(|line| pretty(line.strip_prefix("data:")?.trim())).collect();
            (!messages.is_empty()).then(|| messages.join("\n"))
        }
        _ => None,
    };
    let text = read.unwrap_or_else(|| text.into_owned());
    let text = if token.is_empty() { text } else { text.replace(token, &mask(token)) };
    let end = text.floor_char_boundary(SHOWN);
    (text[..end].to_owned(), end < text.len())
}

fn pretty(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

#[cfg(test)]
mod tests;
