//! `/orgs/{org}/review`: who authorized what, as a page and as a file.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::{GRANTS_READ, Here};
use crate::account::App;
use crate::config::Config;
use crate::pages::views::{OrgTab, ReviewPage, ReviewProposal, ReviewRow, Section};
use crate::pages::{DisplayName, When};
use crate::record::{Actor, ControlEvent, Operation};
use crate::review::{self, Entry, Proposal};
use crate::types::Timestamp;
use crate::web::{Peer, SignedIn, Trouble, page};

/// Entries on the page; the files hold all of them.
const SHOWN: usize = 200;

/// A form that the report is downloaded in.
#[derive(Clone, Copy)]
enum Form {
    Csv,
    Json,
}

/// `GET /orgs/{org}/review`.
pub async fn show(State(app): State<App>, peer: Peer, Path(slug): Path<String>, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    report(&app, &config, &slug, &who).await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn report(app: &App, config: &Config, slug: &str, who: &SignedIn) -> Result<Response, Trouble> {
    let here = Here::find(app, config, &who.user.id, slug, GRANTS_READ).await?;
    app.flush.flush().await;
    let entries = review::entries(&app.node, config, &here.org).await?;
    let count = |wanted| entries.iter().filter(|e| e.proposal == wanted).count() as u64;
    let now = app.node.now();
    let view = ReviewPage {
        frame: who.frame(&app.node, config, Section::Audit { slug: here.org.slug.to_string() }).await?,
        tabs: here.tabs(config, OrgTab::Review),
        organization: DisplayName::new(&here.org.name),
        path: here.path("review"),
        applications: here.path("applications"),
        total: entries.len() as u64,
        to_revoke: count(Proposal::Revoke),
        to_narrow: count(Proposal::Narrow),
        rows: entries.iter().take(SHOWN).map(|entry| row(entry, now)).collect(),
    };
    Ok(page(StatusCode::OK, &view))
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
        suspended: entry.suspended.clone(),
        proposal: match entry.proposal {
            Proposal::Keep => ReviewProposal::Keep,
            Proposal::Narrow => ReviewProposal::Narrow,
            Proposal::Revoke => ReviewProposal::Revoke,
        },
    }
}

/// `GET /orgs/{org}/review.csv`.
pub async fn csv(State(app): State<App>, peer: Peer, Path(slug): Path<String>, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    let file = download(&app, &config, &peer, (&slug, Form::Csv), &who).await;
    file.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

/// `GET /orgs/{org}/review.json`.
pub async fn json(State(app): State<App>, peer: Peer, Path(slug): Path<String>, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    let file = download(&app, &config, &peer, (&slug, Form::Json), &who).await;
    file.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

/// The whole report. That it left the gateway is on record before its first byte does.
async fn download(
    app: &App,
    config: &Config,
    peer: &Peer,
    (slug, form): (&str, Form),
    who: &SignedIn,
) -> Result<Response, Trouble> {
    let here = Here::find(app, config, &who.user.id, slug, GRANTS_READ).await?;
    app.flush.flush().await;
    let entries = review::entries(&app.node, config, &here.org).await?;
    let cause = peer.cause(&app.node, Actor { user: Some(who.user.id.clone()), ..Actor::default() });
    let event = ControlEvent::done(Operation::AccessReview).on("org", here.org.id.as_str());
    app.node.store.note(Some(&here.org.id), event, &cause).await?;
    let (text, kind, extension) = match form {
        Form::Csv => (review::csv(&entries), "text/csv; charset=utf-8", "csv"),
        Form::Json => (review::json(&entries), "application/json", "json"),
    };
    let mut response = Body::from(text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let name = format!("attachment; filename=\"access-review-{}.{extension}\"", here.org.slug);
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
