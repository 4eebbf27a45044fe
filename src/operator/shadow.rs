//! `/operator/shadow`: whom APIs in shadow mode would refuse.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{App, Asked, Operating, named_org, told};
use crate::admin::{Administration as _, ShadowEntry, ShadowQuery, ShadowReport};
use crate::config::Enforcement;
use crate::pages::texts::denials;
use crate::pages::views::{OperatorShadowPage, OperatorShadowRow, ShadowCaller};
use crate::pages::{DisplayName, When};
use crate::store::StoreError;
use crate::types::{OrgId, Timestamp};
use crate::web::{Trouble, page};

const PATH: &str = "/operator/shadow";

/// How far back a report looks, by the word in the address; the first where none is said.
const SPANS: [(&str, Duration); 3] =
    [("day", Duration::from_hours(24)), ("week", Duration::from_hours(24 * 7)), ("month", Duration::from_hours(24 * 30))];

/// `GET /operator/shadow`.
pub async fn list(State(app): State<App>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = listed(&app, &who, &Asked::of(query.as_deref())).await;
    who.answer(&app, outcome).await
}

async fn listed(app: &App, who: &Operating, asked: &Asked) -> Result<Response, Trouble> {
    let (slug, api, now) = (asked.text("org"), asked.text("api"), app.node.now());
    let (span, back) = SPANS.into_iter().find(|(word, _)| asked.is("span", word)).unwrap_or(SPANS[0]);
    let (start, most) = asked.lines();
    let no_such_org = !slug.is_empty() && named_org(app, &slug).await?.is_none();
    let query = ShadowQuery {
        org: (!slug.is_empty()).then(|| slug.clone()),
        api: (!api.is_empty()).then(|| api.clone()),
        since: Some(now.minus(back).to_string()),
        until: None,
        skip: Some(start),
        limit: Some(most),
    };
    let report = if no_such_org { None } else { told(who.administration(app).shadow_report(query).await)?.ok() };
    let none = ShadowReport { requests: 0, kinds: 0, truncated: false, entries: Vec::new(), apis: Vec::new() };
    let ShadowReport { requests, kinds: callers, mut entries, .. } = report.unwrap_or(none);
    let steps = asked.steps(&mut entries, PATH, &[("org", &slug), ("api", &api), ("span", span)]);
    let names = organizations(app, &entries).await?;
    let rows = entries.into_iter().map(|entry| row(entry, &names, now)).collect();
    let shadowed = who.config.apis.iter().filter(|api| api.enforcement == Enforcement::Shadow);
    let apis = shadowed.map(|api| api.name.to_string()).collect();
    let (frame, span) = (who.frame(), span.to_owned());
    let view = OperatorShadowPage { frame, org: slug, api, span, no_such_org, apis, requests, callers, rows, steps };
    Ok(page(StatusCode::OK, &view))
}

/// The organizations of these entries, all of them in one question.
async fn organizations(app: &App, entries: &[ShadowEntry]) -> Result<HashMap<OrgId, DisplayName>, StoreError> {
    let mut ids: Vec<_> = entries.iter().filter_map(|entry| entry.org.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let names = app.node.store.org_names(&ids).await?;
    Ok(names.into_iter().map(|(id, name)| (id, DisplayName::new(&name))).collect())
}

fn row(entry: ShadowEntry, names: &HashMap<OrgId, DisplayName>, now: Timestamp) -> OperatorShadowRow {
    let client = entry.client_name.as_deref().map(DisplayName::new);
    let caller = match (&entry.user, entry.email.as_deref(), client) {
        (Some(user), email, client) => ShadowCaller::User {
            href: format!("/operator/users/{user}"),
            name: DisplayName::new(email.unwrap_or(user.as_str())),
            client,
        },
        (None, _, Some(client)) => ShadowCaller::Client(client),
        (None, _, None) => {
            ShadowCaller::Unknown { address: entry.address.clone(), agent: entry.user_agent.as_deref().map(DisplayName::new) }
        }
    };
    OperatorShadowRow {
        caller,
        organization: entry.org.as_ref().and_then(|org| names.get(org)).cloned(),
        api: entry.api,
        route: entry.route,
        why: denials::in_report(&entry.reason),
        refused: entry.refused,
        missing: entry.missing.iter().map(ToString::to_string).collect(),
        count: entry.count,
        last: When::new(entry.last, now),
    }
}
