//! The log as a table.

use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{asked, org, path, proof, shown, tabs, told, unreadable};
use crate::account::App;
use crate::account::log::{Names, Query, denial, open_cursor, seal_cursor};
use crate::config::Config;
use crate::counts::{self, Group};
use crate::pages::texts::record as texts;
use crate::pages::views::{
    AuditPage, AuditRow, Counts, Decision, DecisionFilter, SavedSearchLink, Section, Summary, SummaryLine, Through,
};
use crate::pages::{Bin, DisplayName, Histogram, When, axis_label, duration_words, plain};
use crate::record::{AuditRecord, Call, ControlEvent, Event, McpCall, Measured, Operation, Outcome, operation};
use crate::store::{self, AuditFilter, Cursor, Facet, Org, SavedSearch, StoreError};
use crate::types::Timestamp;
use crate::web::{Params, Peer, SignedIn, Trouble, page};

/// Records on one page.
const PAGE: u32 = 50;
/// Lines of each summary.
const SUMMARY: u32 = 8;
/// Bars of the histogram; a day has one for each half hour.
const BARS: u32 = 48;

/// `GET /orgs/{org}/audit`.
pub async fn list(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    who: SignedIn,
) -> Response {
    let config = app.node.config.load_full();
    let shown = show(&app, &config, &slug, query.as_deref().unwrap_or_default(), &who).await;
    shown.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn show(app: &App, config: &Config, slug: &str, query: &str, who: &SignedIn) -> Result<Response, Trouble> {
    let (org, roles) = org(config, who, slug)?;
    let (asked, cursor) = asked(query)?;
    let counted = Counted::of(query, cursor.is_some());
    let behind = match cursor {
        Some(text) => open_cursor(&app.node.keys, &org.id, &text).ok_or_else(unreadable)?,
        None => Vec::new(),
    };
    app.flush.flush().await;
    let query = asked.clone().recent(app.node.now());
    let section = Section::Audit { slug: org.slug.to_string() };
    let mut view = AuditPage {
        frame: who.frame(config, section),
        tabs: tabs(config, org, roles),
        organization: DisplayName::new(&org.name),
        path: path(org),
        filter: shown(&query),
        problem: None,
        csrf: who.csrf.as_str().to_owned(),
        saved: saved(app, org, who).await?,
        histogram: Histogram { every: String::new(), bins: Vec::new(), end: String::new() },
        counts: Counts::Absent,
        rows: Vec::new(),
        proof: proof::known(app, org).await?,
        older: None,
        newer: None,
    };
    match query.filter(&app.node, &org.id).await? {
        Err(problem) => view.problem = Some(told(problem)),
        Ok(None) => {}
        Ok(Some(filter)) => fill(app, org, &filter, (&behind, counted), &mut view).await?,
    }
    if view.rows.is_empty() && view.problem.is_none() && asked == Query::default() && is_new(app, org).await? {
        view.filter = shown(&asked);
    }
    let status = if view.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page(status, &view))
}

/// What the person saved.
async fn saved(app: &App, org: &Org, who: &SignedIn) -> Result<Vec<SavedSearchLink>, StoreError> {
    let link = |one: SavedSearch| SavedSearchLink { href: format!("{}?{}", path(org), one.query), name: plain(&one.name) };
    Ok(app.node.store.saved_searches(&who.user.id, &org.id).await?.into_iter().map(link).collect())
}

/// Whether nothing has ever happened here.
async fn is_new(app: &App, org: &Org) -> Result<bool, StoreError> {
    let everything = AuditFilter { org: Some(org.id.clone()), ..AuditFilter::default() };
    Ok(app.node.store.search_audit(&everything, None, 1).await?.rows.is_empty())
}

/// Whether the page says who or what its search is about most. That takes a look at every record of the search, so it is said to
/// those who ask, of one thing at a time, and once: a page of older records belongs to the same search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Asked(Facet),
    Offered,
    Elsewhere,
}

impl Counted {
    fn of(query: &str, older: bool) -> Self {
        let asked = Params::parse(query.as_bytes()).ok().and_then(|p| p.one("counts").ok().flatten().map(ToOwned::to_owned));
        match (older, asked.as_deref()) {
            (true, _) => Self::Elsewhere,
            (false, Some("application")) => Self::Asked(Facet::Client),
            (false, Some("user")) => Self::Asked(Facet::User),
            (false, Some("tool")) => Self::Asked(Facet::Tool),
            (false, Some("operation")) => Self::Asked(Facet::Operation),
            (false, Some("decision")) => Self::Asked(Facet::Decision),
            (false, _) => Self::Offered,
        }
    }
}

async fn fill(
    app: &App,
    org: &Org,
    filter: &AuditFilter,
    (behind, counted): (&[Cursor], Counted),
    view: &mut AuditPage,
) -> Result<(), StoreError> {
    let (store, now) = (&app.node.store, app.node.now());
    let groups = async {
        if let Counted::Asked(by) = counted { counts::groups(&app.node, filter, by, SUMMARY).await } else { Ok(Vec::new()) }
    };
    let (found, bars, groups) =
        tokio::try_join!(store.search_audit(filter, behind.last(), PAGE), histogram(app, filter, now), groups)?;
    let mut names = Names::default();
    names.learn(&app.node, found.rows.iter().filter_map(|r| r.record.actor.user.as_ref())).await?;
    names.learn_clients_of(&app.node, found.rows.iter().map(|r| &r.record)).await?;
    view.rows = found.rows.iter().map(|r| row(&r.record, &names, now)).collect();
    let sealed = |ends: &[Cursor]| seal_cursor(&app.node.keys, &org.id, ends);
    view.older = found.next.map(|next| sealed(&[behind, &[next]].concat()));
    // An empty cursor is the first page.
    view.newer = behind.split_last().map(|(_, before)| if before.is_empty() { String::new() } else { sealed(before) });
    view.histogram = bars;
    view.counts = match counted {
        _ if view.rows.is_empty() => Counts::Absent,
        Counted::Asked(by) => Counts::Shown(summary(by, &groups, view)),
        Counted::Offered => Counts::Offered,
        Counted::Elsewhere => Counts::Absent,
    };
    Ok(())
}

/// Who or what the search is about most, each as a narrower search.
fn summary(by: Facet, groups: &[Group], view: &AuditPage) -> Summary {
    let line = |group: &Group| {
        let mut narrowed = view.filter.clone();
        match by {
            Facet::Client => narrowed.client.clone_from(&group.value),
            Facet::User => narrowed.user.clone_from(&group.value),
            Facet::Tool => narrowed.tool.clone_from(&group.value),
            Facet::Operation => narrowed.operation.clone_from(&group.value),
            Facet::Decision => narrowed.decision = DecisionFilter::parse(&group.value),
        }
        let href = format!("{}?{}", view.path, narrowed.query(None));
        SummaryLine { name: DisplayName::new(&group.name), href, total: group.total, denied: group.denied }
    };
    let title = match by {
        Facet::Client => texts::by_application(),
        Facet::User => texts::by_user(),
        Facet::Tool => texts::by_tool(),
        Facet::Operation => texts::by_operation(),
        Facet::Decision => texts::by_decision(),
    };
    Summary { title, lines: groups.iter().map(line).collect() }
}

async fn histogram(app: &App, filter: &AuditFilter, now: Timestamp) -> Result<Histogram, StoreError> {
    // Up to this instant and including it: records that are being written now are not yet there to be counted.
    let to = filter.to.or(filter.from.map(|from| Timestamp::from_millis(now.millis().max(from.millis()) + 1)));
    let buckets = app.node.store.audit_histogram(&AuditFilter { to, ..filter.clone() }, BARS).await?;
    let width = match buckets.as_slice() {
        [first, second, ..] => second.start.since(first.start),
        _ => Duration::ZERO,
    };
    let span = width * BARS;
    // Without bounds of its own a search ends where the log does, in its last interval.
    let end = buckets.last().map(|last| axis_label(to.unwrap_or_else(|| last.start.plus(width)), span));
    let bins = buckets.iter().map(|b| bin(b, span)).collect();
    Ok(Histogram { every: duration_words(width.max(Duration::from_secs(1))), bins, end: end.unwrap_or_default() })
}

fn bin(bucket: &store::Bucket, span: Duration) -> Bin {
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Bin {
        label: axis_label(bucket.start, span),
        allowed: small(bucket.total.saturating_sub(bucket.denied)),
        denied: small(bucket.denied),
    }
}

pub(in crate::account) fn row(record: &AuditRecord, names: &Names, now: Timestamp) -> AuditRow {
    let measured = match &record.event {
        Event::Call(call) => measured(call),
        Event::Control(_) => None,
    };
    AuditRow {
        id: record.id.to_string(),
        at: When::new(record.time, now),
        who: who(record, names),
        through: through(record, names),
        what: what(record),
        api: whereat(record),
        decision: decision(record),
        status: measured.map(|m| m.status).filter(|status| *status != 0),
        millis: measured.map(|m| m.micros / 1000),
    }
}

/// On whose behalf, or from where when that is nobody we know.
pub(super) fn who(record: &AuditRecord, names: &Names) -> String {
    match (&record.actor.user, record.origin.peer) {
        (Some(user), _) => names.of(user).to_owned(),
        (None, Some(peer)) => peer.ip().to_canonical().to_string(),
        (None, None) => "tollgate".to_owned(),
    }
}

/// Through what it was done: the client by the name that it had then.
pub(super) fn through(record: &AuditRecord, names: &Names) -> Through {
    let actor = &record.actor;
    let name = actor.client_name.as_deref().or(actor.client.as_ref().map(|id| names.of_client(id)));
    match (name, &actor.user, record.origin.peer) {
        (Some(name), ..) => Through::Application(DisplayName::new(name)),
        (None, Some(_), _) => Through::Browser,
        // Nobody is signed in yet: the one act without a user that comes from a browser.
        (None, None, Some(_)) if operation(record) == Operation::LoginFail.name() => Through::Browser,
        (None, None, Some(_)) => Through::Administration,
        (None, None, None) => Through::Itself,
    }
}

/// What was done in short.
pub(super) fn what(record: &AuditRecord) -> String {
    match &record.event {
        Event::Call(call) => match (&call.mcp, &call.route) {
            (Some(McpCall { method, target: Some(target), .. }), _) => format!("{} {}", plain(method), DisplayName::new(target)),
            (Some(mcp), _) => plain(&mcp.method),
            (None, None) => format!("{} {}", plain(&call.method), plain(&call.path)),
            (None, Some(route)) => route.to_string(),
        },
        Event::Control(_) => operation(record).to_owned(),
    }
}

fn whereat(record: &AuditRecord) -> String {
    match &record.event {
        Event::Call(call) => call.api.to_string(),
        Event::Control(ControlEvent { target: Some((kind, id)), .. }) => plain(&format!("{kind} {id}")),
        Event::Control(_) => String::new(),
    }
}

/// The outcome, with the reason in words.
pub(super) fn decision(record: &AuditRecord) -> Decision {
    match denial(record) {
        Some((_, missing)) if !missing.is_empty() => {
            let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
            Decision::Denied(texts::needs(&missing.join(", ")))
        }
        Some((reason, _)) => Decision::Denied(texts::reason_code(&plain(&reason.replace('_', " ")))),
        None if matches!(&record.event, Event::Call(call) if call.outcome == Outcome::Unknown) => Decision::Unknown,
        None => Decision::Allowed,
    }
}

/// What is known about a call's answer.
pub(super) fn measured(call: &Call) -> Option<Measured> {
    match &call.outcome {
        Outcome::Completed(measured) | Outcome::Broken { measured, .. } => Some(*measured),
        Outcome::Unknown => None,
    }
}
