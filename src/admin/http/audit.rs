//! The audit log.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::body::Body as Content;
use axum::extract::State;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{
    AuditEntry, AuditPageView, AuditQuery, ExplainQuery, ExplanationView, NewSavedSearch, SavedSearchView, ShadowQuery,
    ShadowReport,
};
use crate::admin::openapi::Refusals;
use crate::admin::{AdminState, Administration};
use crate::counts::Counts;

/// How often a tail without records says that it is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// One page of the log, newest first. The search itself is recorded.
#[utoipa::path(
    get, path = "/admin/v1/audit", tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "Done", body = AuditPageView), Refusals)
)]
pub(in crate::admin) async fn search_audit(
    State(state): State<AdminState>,
    Operator(local): Operator,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditPageView>, AdminError> {
    state.flush.flush().await;
    Ok(Json(local.search_audit(query).await?))
}

/// How many records a search finds and how many of them are refusals: in all, over time, and by application, user, tool, route or
/// decision. The last day when no time is said, and at most 31 days at once. The count is recorded as a search.
#[utoipa::path(
    get, path = "/admin/v1/audit/counts", tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "Done", body = Counts), Refusals)
)]
pub(in crate::admin) async fn count_audit(
    State(state): State<AdminState>,
    Operator(local): Operator,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Counts>, AdminError> {
    state.flush.flush().await;
    Ok(Json(local.count_audit(query).await?))
}

/// The searches that a member saved in an organization, by name.
#[utoipa::path(
    get, path = "/admin/v1/orgs/{org}/members/{user}/searches", tag = "audit",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 200, description = "Done", body = Vec<SavedSearchView>), Refusals)
)]
pub(in crate::admin) async fn list_searches(
    Operator(local): Operator,
    Named((org, user)): Named<(String, String)>,
) -> Result<Json<Vec<SavedSearchView>>, AdminError> {
    Ok(Json(local.saved_searches(&org, &user).await?))
}

/// Saves a search for a member under a name, or replaces the one of that name.
#[utoipa::path(
    put, path = "/admin/v1/orgs/{org}/members/{user}/searches/{name}", tag = "audit",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("user" = String, Path, description = "Id or e-mail address of a user"), ("name" = String, Path, description = "1 to 60 characters")),
    request_body = NewSavedSearch,
    responses((status = 200, description = "Done", body = SavedSearchView), Refusals)
)]
pub(in crate::admin) async fn save_search(
    Operator(local): Operator,
    Named((org, user, name)): Named<(String, String, String)>,
    Body(new): Body<NewSavedSearch>,
) -> Result<Json<SavedSearchView>, AdminError> {
    Ok(Json(local.save_search(&org, &user, &name, new).await?))
}

/// Forgets a member's search.
#[utoipa::path(
    delete, path = "/admin/v1/orgs/{org}/members/{user}/searches/{name}", tag = "audit",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("user" = String, Path, description = "Id or e-mail address of a user"), ("name" = String, Path, description = "1 to 60 characters")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn forget_search(
    Operator(local): Operator,
    Named((org, user, name)): Named<(String, String, String)>,
) -> Result<StatusCode, AdminError> {
    local.forget_search(&org, &user, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every record that a search finds, newest first, as a file: OCSF objects on lines of their own, or CSV that a spreadsheet can't be
/// tricked with. It is written as it is read and has no upper bound; it ends with what there was when it was asked for. The
/// export is recorded.
#[utoipa::path(
    get, path = "/admin/v1/audit/export", tag = "audit",
    params(AuditQuery),
    responses(
        (status = 200, description = "Records", content((String = "application/x-ndjson"), (String = "text/csv"))),
        Refusals,
    )
)]
pub(in crate::admin) async fn export_audit(
    State(state): State<AdminState>,
    Operator(local): Operator,
    Params(query): Params<AuditQuery>,
) -> Result<Response, AdminError> {
    state.flush.flush().await;
    let format = query.format.unwrap_or_default();
    let mut response = Response::new(Content::from_stream(local.export_audit(query).await?));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    Ok(response)
}

/// Whom APIs in shadow mode would refuse: every caller, route and reason with how often. The search is recorded.
#[utoipa::path(
    get, path = "/admin/v1/audit/shadow", tag = "audit",
    params(ShadowQuery),
    responses((status = 200, description = "Done", body = ShadowReport), Refusals)
)]
pub(in crate::admin) async fn shadow_report(
    State(state): State<AdminState>,
    Operator(local): Operator,
    Params(query): Params<ShadowQuery>,
) -> Result<Json<ShadowReport>, AdminError> {
    state.flush.flush().await;
    Ok(Json(local.shadow_report(query).await?))
}

/// Why the gate decides as it does, step by step, by the code that decides.
#[utoipa::path(
    get, path = "/admin/v1/explain", tag = "audit",
    params(ExplainQuery),
    responses((status = 200, description = "Done", body = ExplanationView), Refusals)
)]
pub(in crate::admin) async fn explain(
    State(state): State<AdminState>,
    Operator(local): Operator,
    Params(query): Params<ExplainQuery>,
) -> Result<Json<ExplanationView>, AdminError> {
    state.flush.flush().await;
    Ok(Json(local.explain(query).await?))
}

/// Records as they arrive: server-sent events named `record`, whose data is one record each.
#[utoipa::path(
    get, path = "/admin/v1/audit/tail", tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "Records", body = AuditEntry, content_type = "text/event-stream"), Refusals)
)]
pub(in crate::admin) async fn tail_audit(
    State(state): State<AdminState>,
    Operator(local): Operator,
    Params(query): Params<AuditQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, AdminError> {
    let records = local.tail_audit(query).await?;
    // After a fault the stream ends: the reader asks again, and gets an answer that says what is wrong.
    let events = records.take_while(|r| std::future::ready(r.is_ok())).filter_map(|r| std::future::ready(r.ok()));
    let events = events.map(|entry| Ok(Event::default().event("record").json_data(entry).unwrap_or_default()));
    let events = events.take_until(state.stop.cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}
