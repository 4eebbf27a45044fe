//! `/orgs/{org}/review`: who authorized what, as a page and as a file.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::Here;
use super::api_keys::suspended;
use super::place::Place;
use crate::account::visitor::Visitor;
use crate::account::{App, standing};
use crate::pages::texts::labels;
use crate::pages::views::{ListChoice, ListSearch, OrgTab, ReviewPage, ReviewProposal, ReviewRow};
use crate::pages::{DisplayName, When};
use crate::review::{self, Entry, Proposal, Wanted};
use crate::store::{Idle, Org, StoreError};
use crate::types::{OwnScope, Timestamp, UserId};
use crate::web::{Trouble, page};

/// Entries on one page.
const PAGE: u32 = 25;

/// A form that the report is downloaded in.
#[derive(Clone, Copy)]
enum Form {
    Csv,
    Json,
}

/// `GET /orgs/{org}/review`.
pub async fn show(State(app): State<App>, Path(slug): Path<String>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    visitor.answer(report(&app, &visitor, &slug, query.as_deref()).await)
}

async fn report(app: &App, visitor: &Visitor, slug: &str, query: Option<&str>) -> Result<Response, Trouble> {
    let here = Here::find(visitor, slug, OwnScope::GrantsRead)?;
    let config = &visitor.config;
    app.flush.flush().await;
    let place = Place::read(here.path("review"), query, &["text", "use"], PAGE);
    let wanted =
        Wanted { text: place.value("text"), idle: USES.iter().find(|(name, _)| *name == place.value("use")).map(|u| u.1) };
    let ((total, to_revoke), mut entries, keys) = tokio::try_join!(
        review::count(&app.node, &here.org),
        review::page(&app.node, config, &here.org, wanted, place.range()),
        review::keys(&app.node, config, &here.org, wanted),
    )?;
    let more = place.cut(&mut entries);
    let to_narrow = entries.iter().filter(|e| e.proposal == Proposal::Narrow).count() as u64;
    let now = app.node.now();
    let view = ReviewPage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(config, OrgTab::Review),
        organization: DisplayName::new(&here.org.name),
        applications: here.path("applications"),
        total,
        to_revoke,
        to_narrow: (entries.len() as u64 == total).then_some(to_narrow),
        rows: entries.iter().map(|entry| row(entry, now)).collect(),
        // They are few, and of no page more than of another.
        keys: if place.range().0 == 0 { keys.iter().map(|entry| key(entry, now)).collect() } else { Vec::new() },
        all_keys: here.path("keys"),
        search: search(&place, (entries.len(), more)),
        newer: place.before(),
        older: place.after(more),
        path: place.path().to_owned(),
    };
    Ok(page(StatusCode::OK, &view))
}

/// How authorizations were used, as an address names it.
const USES: [(&str, Idle); 2] = [("none", Idle::Since), ("some", Idle::Not)];

fn search(place: &Place, (found, more): (usize, bool)) -> ListSearch {
    let uses = USES.map(|(name, idle)| {
        let word = match idle {
            Idle::Since => labels::not_used_for_90_days(),
            Idle::Not => labels::used_in_90_days(),
        };
        (name.to_owned(), word)
    });
    let options = std::iter::once((String::new(), labels::used_or_not())).chain(uses).collect();
    let chosen = place.value("use").to_owned();
    ListSearch {
        path: place.path().to_owned(),
        label: labels::find_access(),
        text: place.value("text").to_owned(),
        beside: None,
        choice: Some(ListChoice { name: "use".to_owned(), label: labels::last_use(), options, chosen }),
        found,
        more,
    }
}

fn row(entry: &Entry, now: Timestamp) -> ReviewRow {
    ReviewRow {
        grant: entry.grant.to_string(),
        user: entry.user_email.clone(),
        client: entry.client.to_string(),
        application: DisplayName::new(&entry.client_name),
        granted: When::new(entry.granted_at, now),
        last_used: entry.last_used_at.map(|at| When::new(at, now)),
        scopes: entry.scopes.iter().map(|scope| (scope.to_string(), entry.unused_scopes.contains(scope))).collect(),
        suspended: entry.standing.map(standing::idle),
        proposal: match entry.proposal {
            Proposal::Keep => ReviewProposal::Keep,
            Proposal::Narrow => ReviewProposal::Narrow,
            Proposal::Revoke => ReviewProposal::Revoke,
        },
    }
}

/// An API key, which says in words of its own why it does nothing.
fn key(entry: &Entry, now: Timestamp) -> ReviewRow {
    ReviewRow { suspended: entry.standing.map(suspended), ..row(entry, now) }
}

/// `GET /orgs/{org}/review.csv`.
pub async fn csv(State(app): State<App>, Path(slug): Path<String>, visitor: Visitor) -> Response {
    visitor.answer(download(&app, &visitor, (&slug, Form::Csv)).await)
}

/// `GET /orgs/{org}/review.json`.
pub async fn json(State(app): State<App>, Path(slug): Path<String>, visitor: Visitor) -> Response {
    visitor.answer(download(&app, &visitor, (&slug, Form::Json)).await)
}

/// The whole report, in the order in which members agreed. That it left the gateway is on record before its first byte does.
async fn download(app: &App, visitor: &Visitor, (slug, form): (&str, Form)) -> Result<Response, Trouble> {
    let here = Here::find(visitor, slug, OwnScope::GrantsRead)?;
    app.flush.flush().await;
    review::noted(&app.node, &here.org, &visitor.cause(app)).await?;
    let (kind, extension) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "csv"),
        Form::Json => ("application/json", "json"),
    };
    let name = format!("attachment; filename=\"access-review-{}.{extension}\"", here.org.slug);
    let mut response =
        Report { app: app.clone(), user: visitor.who.user.id.clone(), org: here.org, form }.stream().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Why a download ends before its end. It is cut then, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the reader may no longer read this report")]
    Barred,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a download goes on.
enum Next {
    /// At the first grant.
    Start,
    /// Behind this one.
    Behind(review::Place),
    /// Nowhere.
    Done,
}

/// A download under way.
struct Report {
    app: App,
    user: UserId,
    org: Org,
    form: Form,
}

impl Report {
    fn stream(self) -> Body {
        Body::from_stream(stream::try_unfold((Next::Start, self), |(next, report)| async move {
            let after = match &next {
                Next::Done => return Ok::<_, Cut>(None),
                Next::Start => None,
                Next::Behind(place) => Some(place),
            };
            let (text, next) = report.part(after).await?;
            Ok(Some((Bytes::from(text), (next, report))))
        }))
    }

    async fn part(&self, after: Option<&review::Place>) -> Result<(String, Next), Cut> {
        let (node, config) = (&self.app.node, self.app.node.config.load_full());
        let orgs = node.store.orgs_of(&self.user).await?;
        if !orgs.iter().any(|(org, roles)| org.id == self.org.id && config.may(roles, OwnScope::GrantsRead)) {
            return Err(Cut::Barred);
        }
        let (mut entries, place) = review::batch(node, &config, &self.org, after).await?;
        // Behind the last grant: what goes on without one.
        if place.is_none() {
            entries.extend(review::keys(node, &config, &self.org, Wanted::default()).await?);
        }
        let first = after.is_none();
        let text = match (self.form, &place) {
            (Form::Csv, _) => (if first { review::csv_head() } else { String::new() }) + &review::csv_lines(&entries),
            (Form::Json, Some(_)) => review::json_lines(&entries, first),
            (Form::Json, None) if first && entries.is_empty() => "[]\n".to_owned(),
            (Form::Json, None) => review::json_lines(&entries, first) + "\n]\n",
        };
        Ok((text, place.map_or(Next::Done, Next::Behind)))
    }
}
