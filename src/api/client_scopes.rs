//! Private scopes that a client of the organization asks the operator for.

use axum::Json;
use http::HeaderMap;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::once::{Repeatable, once};
use super::openapi::Refusals;
use crate::admin::{ScopeAsk, ScopeRequestView, scope_request_view};
use crate::store::{ScopeRequest, ScopeRequestState};
use crate::types::Timestamp;

/// A page of requests: what waits first, then what was decided last, as the store has them.
pub(super) fn requests_in_order(requests: Vec<ScopeRequest>, page: &PageQuery) -> Answer<Page<ScopeRequestView>> {
    Ok(Json(Page::in_order(requests, place, page, scope_request_view)?))
}

/// Where a request stands in that order, as text that sorts as it does. What is decided while somebody leafs comes again on a later
/// page rather than on none.
fn place(request: &ScopeRequest) -> String {
    let decided = request.state != ScopeRequestState::Pending;
    let at = request.decided_at.or_else(|| request.asked.as_ref().map(|(_, at)| *at)).map_or(0, Timestamp::millis);
    format!("{}~{:019}~{}", u8::from(decided), i64::MAX.saturating_sub(at), request.scope)
}

/// The private scopes that a client asked for or was given, what waits first. A client of an app has the app's.
#[utoipa::path(
    get, path = "/api/v1/clients/{client}/scope_requests", tag = "clients", security(("token" = ["clients:read"])),
    params(("client" = String, Path, description = "`client_id`"), PageQuery),
    responses((status = 200, description = "Done", body = Page<ScopeRequestView>), Refusals)
)]
pub(super) async fn list_client_scopes(
    caller: Caller,
    Named(client): Named,
    Params(page): Params<PageQuery>,
) -> Answer<Page<ScopeRequestView>> {
    let clients = caller.clients();
    let client = clients.find(&client).await?;
    requests_in_order(clients.scope_requests(&client).await?, &page)
}

/// Asks the operator for a private scope, for a machine or another client that belongs to no app. Given, the client may name it among
/// its `scopes` until the approval ends. Asking again after a decision renews it; what was given goes on meanwhile.
#[utoipa::path(
    post, path = "/api/v1/clients/{client}/scope_requests", tag = "clients", security(("token" = ["clients:write"])),
    params(
        ("client" = String, Path, description = "`client_id`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request"),
    ),
    request_body = ScopeAsk,
    responses((status = 201, description = "Made", body = ScopeRequestView), Refusals)
)]
pub(super) async fn request_client_scope(
    caller: Caller,
    Named(client): Named,
    headers: HeaderMap,
    Body(ask): Body<ScopeAsk>,
) -> Result<Repeatable, ApiError> {
    let clients = caller.clients();
    let client = clients.find_to_change(&client).await?;
    let made = async { Ok(scope_request_view(clients.request_scope(&client, &ask.scope, &ask.reason).await?)) };
    once(&caller, &headers, &format!("clients/{}/scope_requests", client.id), &ask, made).await
}

/// Takes a request back that waits for the operator. What was given before goes on.
#[utoipa::path(
    delete, path = "/api/v1/clients/{client}/scope_requests/{scope}", tag = "clients", security(("token" = ["clients:write"])),
    params(("client" = String, Path, description = "`client_id`"), ("scope" = String, Path, description = "The scope")),
    responses((status = 200, description = "Done", body = ScopeRequestView), Refusals)
)]
pub(super) async fn cancel_client_scope(
    caller: Caller,
    Named((client, scope)): Named<(String, String)>,
) -> Answer<ScopeRequestView> {
    let clients = caller.clients();
    let client = clients.find_to_change(&client).await?;
    Ok(Json(scope_request_view(clients.cancel_scope_request(&client, &scope).await?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Holder;
    use crate::types::{AppId, ScopeToken, SystemEntropy};

    #[test]
    fn what_waits_comes_first_page_by_page() {
        let at = Timestamp::from_millis;
        let holder = Holder::App(AppId::generate(at(0), &SystemEntropy));
        let request = |scope: &str, state, asked: Option<i64>, decided: Option<i64>| ScopeRequest {
            holder: holder.clone(),
            name: "Sync".to_owned(),
            org: None,
            scope: ScopeToken::parse(scope).expect("a scope"),
            reason: String::new(),
            asked: asked.map(|asked| (None, at(asked))),
            state,
            approved_until: None,
            decided_at: decided.map(at),
            comment: None,
        };
        let all = vec![
            request("b:read", ScopeRequestState::Approved, None, Some(70)),
            request("c:read", ScopeRequestState::Pending, Some(20), None),
            request("a:read", ScopeRequestState::Pending, Some(30), Some(10)),
            request("d:read", ScopeRequestState::Denied, Some(40), Some(90)),
            request("e:read", ScopeRequestState::Withdrawn, Some(40), Some(70)),
        ];
        let wanted = ["c:read", "a:read", "d:read", "b:read", "e:read"];
        let page = |limit, cursor| {
            let asked = PageQuery { limit: Some(limit), cursor };
            let Ok(Json(page)) = requests_in_order(all.clone(), &asked) else { panic!("a page") };
            (page.data.into_iter().map(|r| r.scope.to_string()).collect::<Vec<_>>(), page.next)
        };
        assert_eq!(page(100, None), (wanted.map(ToOwned::to_owned).to_vec(), None));
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (scopes, next) = page(2, cursor);
            seen.extend(scopes);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, wanted);
    }
}
