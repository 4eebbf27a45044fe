//! The log as a file: what a search finds, page by page from the store, never whole in memory.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::{asked, org, told, unreadable};
use crate::account::App;
use crate::account::log::{self, local_time};
use crate::config::Config;
use crate::pages::texts::audit as texts;
use crate::record::{Actor, AuditRecord, ControlEvent, Operation, csv_header, csv_line, json_line};
use crate::store::{AuditFilter, Cursor, Org, StoreError};
use crate::types::UserId;
use crate::web::{Peer, SignedIn, Trouble};

/// Records that are in memory at one time.
const BATCH: u32 = 500;

/// What a download is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One OCSF object per line.
    Ndjson,
    /// RFC 4180, safe to open in a spreadsheet.
    Csv,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    fn head(self) -> String {
        match self {
            Self::Ndjson => String::new(),
            Self::Csv => csv_header(),
        }
    }

    fn write(self, record: &AuditRecord, out: &mut String) {
        match self {
            Self::Ndjson => {
                out.push_str(&json_line(record));
                out.push('\n');
            }
            Self::Csv => out.push_str(&csv_line(record)),
        }
    }
}

/// `GET /orgs/{org}/audit.ndjson`.
pub async fn ndjson(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    who: SignedIn,
) -> Response {
    export(&app, &peer, &slug, query.as_deref().unwrap_or_default(), &who, Format::Ndjson).await
}

/// `GET /orgs/{org}/audit.csv`.
pub async fn csv(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    who: SignedIn,
) -> Response {
    export(&app, &peer, &slug, query.as_deref().unwrap_or_default(), &who, Format::Csv).await
}

async fn export(app: &App, peer: &Peer, slug: &str, query: &str, who: &SignedIn, format: Format) -> Response {
    let config = app.node.config.load_full();
    let started = start(app, &config, peer, (slug, query), who, format).await;
    started.unwrap_or_else(|trouble| trouble.page(&config, peer))
}

async fn start(
    app: &App,
    config: &Config,
    peer: &Peer,
    (slug, query): (&str, &str),
    who: &SignedIn,
    format: Format,
) -> Result<Response, Trouble> {
    let (org, _) = org(config, who, slug)?;
    let (asked, cursor) = asked(query)?;
    if cursor.is_some() {
        return Err(unreadable());
    }
    app.flush.flush().await;
    let now = app.node.now();
    let found = asked.recent(now).filter(&app.node, &org.id).await?;
    let filter = found.map_err(|problem| Trouble::refused(texts::unreadable_download(told(problem))))?;
    // Ends where it was asked for: the download does not chase what happens meanwhile, itself for a start.
    let filter = filter.map(|f| AuditFilter { to: Some(f.to.map_or(now, |to| to.min(now))), ..f });
    let actor = Actor { user: Some(who.user.id.clone()), ..Actor::default() };
    let event = ControlEvent::done(Operation::AuditExport).on("audit", format.name()).with_comment(remark(filter.as_ref()));
    app.node.store.note(Some(&org.id), event, &peer.cause(&app.node, actor)).await?;
    let name = format!("attachment; filename=\"audit-{}.{}\"", org.slug, format.name());
    let mut response = Response::new(stream(app.clone(), who.user.id.clone(), org.clone(), filter, format));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// What was downloaded, in times and ids alone.
fn remark(filter: Option<&AuditFilter>) -> String {
    let Some(filter) = filter else { return "nothing: the search names an unknown user".to_owned() };
    let from = filter.from.map_or_else(|| "the beginning".to_owned(), local_time);
    let to = filter.to.map_or_else(|| "now".to_owned(), local_time);
    let narrowed = [
        filter.user.as_ref().map(|u| format!("user {u}")),
        filter.client.as_ref().map(|c| format!("client {c}")),
        filter.grant.as_ref().map(|g| format!("grant {g}")),
        filter.request.as_ref().map(|r| format!("request {r}")),
        filter.decision.map(|d| format!("decision {d:?}").to_lowercase()),
        (filter.api.is_some() || filter.tool.is_some() || filter.text.is_some()).then(|| "an API, a tool or text".to_owned()),
    ];
    let narrowed: Vec<_> = narrowed.into_iter().flatten().collect();
    let by = if narrowed.is_empty() { String::new() } else { format!(", narrowed by {}", narrowed.join(", ")) };
    format!("from {from} to {to}{by}")
}

/// Why a download ends before its end. It is cut then, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the reader may no longer read this log")]
    Barred,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a download goes on.
enum Next {
    /// Behind this record; at the newest without one.
    Page(Option<Cursor>),
    /// Nowhere.
    Done,
}

fn stream(app: App, user: UserId, org: Org, filter: Option<AuditFilter>, format: Format) -> Body {
    let first = (Next::Page(None), app, user, org, filter);
    Body::from_stream(stream::try_unfold(first, move |(next, app, user, org, filter)| async move {
        let (text, next) = match (next, &filter) {
            (Next::Done, _) => return Ok::<_, Cut>(None),
            (Next::Page(_), None) => (format.head(), Next::Done),
            (Next::Page(after), Some(filter)) => batch(&app, &user, &org, filter, after.as_ref(), format).await?,
        };
        Ok((!text.is_empty()).then(|| (Bytes::from(text), (next, app, user, org, filter))))
    }))
}

async fn batch(
    app: &App,
    user: &UserId,
    org: &Org,
    filter: &AuditFilter,
    after: Option<&Cursor>,
    format: Format,
) -> Result<(String, Next), Cut> {
    if !log::readable(&app.node, &app.node.config.load(), user, org).await? {
        return Err(Cut::Barred);
    }
    let page = app.node.store.search_audit(filter, after, BATCH).await?;
    let mut text = if after.is_none() { format.head() } else { String::new() };
    text.reserve(page.rows.len() * 1024);
    for row in &page.rows {
        format.write(&row.record, &mut text);
    }
    Ok((text, page.next.map_or(Next::Done, |next| Next::Page(Some(next)))))
}
