//! `/settings/applications/{grant}`: one application of the person who looks, what it did, and how to take from it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::tz::TimeZone;
use url::form_urlencoded::Serializer;

use super::activity;
use super::applications::{Application, application, keys_of};
use super::client;
use super::form::Form;
use super::log::{Names, open_cursor, seal_cursor};
use super::settings::{BUTTON, PATH, calls, revoke_own, scopes};
use super::standing;
use super::{App, audit, not_found};
use crate::config::Config;
use crate::pages::texts::{Text, account as texts};
use crate::pages::views::{ActivityFilter, CalledFrom, DecisionFilter, GrantNotice, GrantPage, OwnKey, Section, UsedHere};
use crate::pages::{DisplayName, When, program};
use crate::record::Actor;
use crate::store::{self, ApiKey, AuditFilter, Cursor};
use crate::types::{GrantId, ScopeSet, ScopeToken, Timestamp};
use crate::web::{Params, Peer, SignedIn, Trouble, page, see_other};

/// Records on one page.
const PAGE: u32 = 25;
const DAY: Duration = Duration::from_hours(24);

/// `GET /settings/applications/{grant}`.
pub async fn show(
    State(app): State<App>,
    peer: Peer,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    who: SignedIn,
) -> Response {
    let config = app.node.config.load_full();
    let outcome = async {
        let grant = find(&app, &config, &id, &who).await?;
        shown(&app, &config, &grant, (query.as_deref(), &who), None).await
    };
    outcome.await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

/// The live grant of this id, if it is the person's own.
async fn find(app: &App, config: &Config, id: &str, who: &SignedIn) -> Result<Application, Trouble> {
    let id = GrantId::parse(id).map_err(|_| not_found())?;
    app.flush.flush().await;
    application(&app.node, config, &who.user.id, &id).await?.ok_or_else(not_found)
}

/// What an address asks for.
struct Asked {
    filter: ActivityFilter,
    behind: Vec<Cursor>,
    done: Option<GrantNotice>,
}

impl Asked {
    fn read(app: &App, grant: &Application, query: Option<&str>) -> Result<Self, Trouble> {
        let params = Params::parse(query.unwrap_or_default().as_bytes())?;
        let one = |name| params.one(name).map(|v| v.unwrap_or_default().trim().to_owned());
        let behind = match params.one("cursor")? {
            Some(text) => open_cursor(&app.node.keys, &grant.facts.org.id, text).ok_or_else(not_found)?,
            None => Vec::new(),
        };
        let done = match params.one("done")? {
            Some("narrowed") => Some(GrantNotice::Narrowed),
            Some("limited") => Some(GrantNotice::Limited),
            _ => None,
        };
        let filter = ActivityFilter { api: one("api")?, tool: one("tool")?, decision: DecisionFilter::parse(&one("decision")?) };
        Ok(Self { filter, behind, done })
    }

    fn search(&self) -> AuditFilter {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        AuditFilter {
            api: some(&self.filter.api),
            tool: some(&self.filter.tool),
            decision: match self.filter.decision {
                DecisionFilter::Any => None,
                DecisionFilter::Allowed => Some(store::DecisionFilter::Allowed),
                DecisionFilter::Denied => Some(store::DecisionFilter::Denied),
                DecisionFilter::Unknown => Some(store::DecisionFilter::Unknown),
            },
            ..AuditFilter::default()
        }
    }

    /// The address of another page of the same search.
    fn link(&self, path: &str, cursor: &str) -> String {
        let filter = &self.filter;
        let fields =
            [("api", filter.api.as_str()), ("tool", &filter.tool), ("decision", filter.decision.value()), ("cursor", cursor)];
        let mut query = Serializer::new(String::new());
        query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        format!("{path}?{}", query.finish())
    }
}

async fn shown(
    app: &App,
    config: &Config,
    grant: &Application,
    (query, who): (Option<&str>, &SignedIn),
    problem: Option<Text>,
) -> Result<Response, Trouble> {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let asked = Asked::read(app, grant, query)?;
    let (facts, now) = (&grant.facts, app.node.now());
    let path = format!("{PATH}/{}", facts.grant.id);
    let found = activity::activity(&app.node, facts, asked.search(), (asked.behind.last(), PAGE)).await?;
    let mut names = Names::default();
    names.learn(&app.node, found.rows.iter().filter_map(|r| r.record.actor.user.as_ref())).await?;
    names.learn_clients_of(&app.node, found.rows.iter().map(|r| &r.record)).await?;
    let sealed = |ends: &[Cursor]| asked.link(&path, &seal_cursor(&app.node.keys, &facts.org.id, ends));
    let before = asked.behind.split_last().map(|(_, before)| before);
    let view = GrantPage {
        frame: who.frame(config, Section::Applications),
        csrf: who.csrf.as_str().to_owned(),
        notice: asked.done,
        problem,
        grant_id: facts.grant.id.to_string(),
        client: client::shown(app, &facts.client, UsedHere::Somebody).await?,
        organization: DisplayName::new(&facts.org.name),
        granted: When::new(facts.grant.created_at, now),
        last_used: grant.usage.last_used_at.map(|at| When::new(at, now)),
        last_from: called_from(app, grant).await?,
        ends: facts.grant.expires_at.map(|at| When::new(at, now)),
        days: (day(now), facts.grant.expires_at.map(|end| day(end.minus(DAY)))),
        suspended: grant.idle.map(standing::idle),
        scopes: scopes(config, grant, now),
        keys: keys_of(&app.node, facts).await?.iter().map(|key| own_key(key, now)).collect(),
        calls: calls(grant),
        rows: found.rows.iter().map(|r| audit::row(&r.record, &names, now)).collect(),
        older: found.next.map(|next| sealed(&[&asked.behind[..], &[next]].concat())),
        newer: before.map(|before| if before.is_empty() { asked.link(&path, "") } else { sealed(before) }),
        filter: asked.filter,
        path,
    };
    Ok(page(status, &view))
}

fn own_key(key: &ApiKey, now: Timestamp) -> OwnKey {
    OwnKey {
        id: key.id.to_string(),
        last4: key.last4.clone(),
        scopes: key.scopes.iter().map(ToString::to_string).collect(),
        made: When::new(key.created_at, now),
        last_used: key.last_used_at.map(|at| When::new(at, now)),
    }
}

/// From where it last called, as it is shown.
async fn called_from(app: &App, grant: &Application) -> Result<Option<CalledFrom>, Trouble> {
    let shown =
        |from: activity::CalledFrom| CalledFrom { address: from.address, user_agent: from.user_agent.as_deref().map(program) };
    Ok(activity::last_from(&app.node, grant).await?.map(shown))
}

/// The UTC day of an instant, as a date field takes it.
fn day(at: Timestamp) -> String {
    let zoned = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default().to_zoned(TimeZone::UTC);
    zoned.strftime("%Y-%m-%d").to_string()
}

/// `POST /settings/applications/{grant}`.
pub async fn act(
    State(app): State<App>,
    peer: Peer,
    Path(id): Path<String>,
    headers: HeaderMap,
    who: SignedIn,
    body: Body,
) -> Response {
    let config = app.node.config.load_full();
    let outcome = async {
        let form = Form::read(&config, &headers, body, &who).await?;
        let grant = find(&app, &config, &id, &who).await?;
        take(&app, &config, &peer, (&grant, &form), &who).await
    };
    outcome.await.unwrap_or_else(|trouble: Trouble| trouble.page(&config, &peer))
}

async fn take(
    app: &App,
    config: &Config,
    peer: &Peer,
    (grant, form): (&Application, &Form),
    who: &SignedIn,
) -> Result<Response, Trouble> {
    let (store, facts) = (&app.node.store, &grant.facts.grant);
    if form.pressed(BUTTON).is_some() {
        return revoke_own(app, peer, &facts.id, who).await;
    }
    let cause = peer.cause(&app.node, Actor { user: Some(who.user.id.clone()), ..Actor::default() });
    let (changed, done) = if form.has("narrow") {
        let kept: ScopeSet = form.all("keep").filter_map(|scope| ScopeToken::parse(scope).ok()).collect();
        let without = facts.scopes.difference(&kept);
        if without.is_empty() {
            // Another request may just have taken them.
            app.node.settle().await?;
            return shown(app, config, grant, (None, who), Some(texts::nothing_unticked())).await;
        }
        if kept.is_empty() {
            return shown(app, config, grant, (None, who), Some(texts::nothing_left())).await;
        }
        (store.narrow_grant(&facts.id, &who.user.id, &without, &cause).await?, "narrowed")
    } else if form.has("limit") {
        let Some(until) = form.one("until").and_then(end_of).filter(|end| *end > cause.at) else {
            return shown(app, config, grant, (None, who), Some(texts::day_is_over())).await;
        };
        (store.limit_grant(&facts.id, &who.user.id, until, &cause).await?, "limited")
    } else {
        return Err(not_found());
    };
    // Also when nothing changed: another request may just have done it.
    app.node.settle().await?;
    if !changed {
        return shown(app, config, grant, (None, who), Some(texts::ends_before())).await;
    }
    Ok(see_other(&format!("{PATH}/{}?done={done}", facts.id)))
}

/// When a day is over.
fn end_of(day: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).map(|start| start.plus(DAY))
}
