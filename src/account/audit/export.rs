//! The log as a file.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::{asked, org, told, unreadable};
use crate::account::App;
use crate::account::log::Member;
use crate::config::Config;
use crate::pages::texts::audit as texts;
use crate::record::{Actor, ControlEvent, FileFormat, Operation};
use crate::web::{LogFile, Peer, SignedIn, Trouble};

/// `GET /orgs/{org}/audit.ndjson`.
pub async fn ndjson(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    who: SignedIn,
) -> Response {
    export(&app, &peer, &slug, query.as_deref().unwrap_or_default(), &who, FileFormat::Ndjson).await
}

/// `GET /orgs/{org}/audit.csv`.
pub async fn csv(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    who: SignedIn,
) -> Response {
    export(&app, &peer, &slug, query.as_deref().unwrap_or_default(), &who, FileFormat::Csv).await
}

async fn export(app: &App, peer: &Peer, slug: &str, query: &str, who: &SignedIn, format: FileFormat) -> Response {
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
    format: FileFormat,
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
    let reader = Member { node: std::sync::Arc::clone(&app.node), user: who.user.id.clone(), org: org.clone() };
    let file = LogFile { format, filter, reader }.until(now);
    let actor = Actor { user: Some(who.user.id.clone()), ..Actor::default() };
    let event = ControlEvent::done(Operation::AuditExport).on("audit", format.name()).with_comment(file.remark());
    app.node.store.note(Some(&org.id), event, &peer.cause(&app.node, actor)).await?;
    Ok(file.answer(app.node.store.clone(), &format!("audit-{}", org.slug)))
}
