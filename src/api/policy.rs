//! What the organization decided about the clients that its members authorize.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Nothing, Page, damaged, limit, made, one_more, place};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::admin::{Administration, ClientPolicyChange, ClientPolicyView, NewClientsChange, RevokedGrants, policy_view};
use crate::review::{self, Entry, Wanted};
use crate::store::{ClientUseSearch, NewClients, Stance};
use crate::types::{ClientId, GrantId};

/// What happens with clients that nobody decided about.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Policy {
    /// `open`: members may authorize them; `approval`: an administrator approves each first.
    #[schema(value_type = String, example = "open")]
    new_clients: NewClients,
}

/// Which clients; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PolicyQuery {
    /// `allowed`, `blocked`, or `pending`: the queue of those that wait for an administrator.
    #[param(value_type = Option<String>)]
    stance: Option<Stance>,
    /// Text that occurs in the client's name or id, in the name or the address of somebody who authorized it, or in a scope that it
    /// holds, ignoring case.
    text: Option<String>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Which live grants; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReviewQuery {
    /// Text that occurs in the name or the address of the user, in the name or the id of the client, or in a scope, ignoring case.
    text: Option<String>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// What happens with clients that nobody decided about.
#[utoipa::path(
    get, path = "/api/v1/policy", tag = "policy", security(("token" = ["grants:read"])),
    responses((status = 200, description = "Done", body = Policy), Refusals)
)]
pub(super) async fn show_policy(caller: Caller, _: Params<Nothing>) -> Answer<Policy> {
    Ok(Json(Policy { new_clients: caller.node.store.new_clients(&caller.org().id).await? }))
}

/// Decides that. What is in use when approval becomes necessary goes on.
#[utoipa::path(
    put, path = "/api/v1/policy", tag = "policy", security(("token" = ["grants:write"])),
    request_body = NewClientsChange,
    responses((status = 200, description = "Done", body = Policy), Refusals)
)]
pub(super) async fn set_policy(caller: Caller, Body(to): Body<NewClientsChange>) -> Answer<Policy> {
    caller.node.store.set_new_clients(&caller.org().id, to.new_clients, &caller.cause()).await?;
    caller.node.settle().await?;
    Ok(Json(Policy { new_clients: to.new_clients }))
}

/// Clients that members authorized, that have a working API key or are installed, that were decided about, or that wait for that; those
/// that were made last first.
#[utoipa::path(
    get, path = "/api/v1/policy/clients", tag = "policy", security(("token" = ["grants:read"])),
    params(PolicyQuery),
    responses((status = 200, description = "Done", body = Page<ClientPolicyView>), Refusals)
)]
pub(super) async fn list_clients(caller: Caller, Params(query): Params<PolicyQuery>) -> Answer<Page<ClientPolicyView>> {
    let limit = limit(query.limit)?;
    let after = query.cursor.as_deref().map(ClientId::parse).transpose().map_err(|_| damaged())?;
    let search = ClientUseSearch { stance: query.stance, text: query.text.unwrap_or_default(), standing: None };
    let (org, now) = (&caller.org().id, caller.node.now());
    let found = caller.node.store.find_clients_of_org(org, &search, now, after.as_ref(), one_more(limit)).await?;
    Ok(Json(Page::found(found, limit, |last| last.client.id.to_string(), policy_view)))
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/policy/clients/{client}", tag = "policy", security(("token" = ["grants:read"])),
    params(("client" = String, Path, description = "`client_id`")),
    responses((status = 200, description = "Done", body = ClientPolicyView), Refusals)
)]
pub(super) async fn show_client(caller: Caller, Named(client): Named, _: Params<Nothing>) -> Answer<ClientPolicyView> {
    find(&caller, &client).await.map(Json)
}

/// Allows, blocks or restricts a client, or lifts that; live tokens follow before the answer.
#[utoipa::path(
    put, path = "/api/v1/policy/clients/{client}", tag = "policy", security(("token" = ["grants:write"])),
    params(("client" = String, Path, description = "`client_id`")),
    request_body = ClientPolicyChange,
    responses((status = 200, description = "Done", body = ClientPolicyView), Refusals)
)]
pub(super) async fn decide(
    caller: Caller,
    Named(client): Named,
    Body(change): Body<ClientPolicyChange>,
) -> Answer<ClientPolicyView> {
    let known = find(&caller, &client).await?;
    let org = caller.org().id.to_string();
    Ok(Json(caller.administration().set_client_policy(&org, known.client.as_str(), change).await?))
}

/// Ends what every member gave to a client: its tokens stop working before the answer.
#[utoipa::path(
    delete, path = "/api/v1/policy/clients/{client}/grants", tag = "policy", security(("token" = ["grants:write"])),
    params(("client" = String, Path, description = "`client_id`")),
    responses((status = 200, description = "Done", body = RevokedGrants), Refusals)
)]
pub(super) async fn revoke_all(caller: Caller, Named(client): Named) -> Answer<RevokedGrants> {
    let known = find(&caller, &client).await?;
    let org = caller.org().id.to_string();
    Ok(Json(caller.administration().revoke_client(&org, known.client.as_str()).await?))
}

/// Access review: every live grant with what was never used and a proposal, newest first; on the last page all API keys that work follow,
/// beyond the limit (`api_key`). That it was read is on record, page by page.
#[utoipa::path(
    get, path = "/api/v1/review", tag = "policy", security(("token" = ["grants:read"])),
    params(ReviewQuery),
    responses((status = 200, description = "Done", body = Page<Entry>), Refusals)
)]
pub(super) async fn review(caller: Caller, Params(query): Params<ReviewQuery>) -> Answer<Page<Entry>> {
    let (limit, after) = (limit(query.limit)?, query.cursor.as_deref().map(|c| place(c, GrantId::parse)).transpose()?);
    caller.flush.flush().await;
    let wanted = Wanted { text: query.text.as_deref().unwrap_or_default(), idle: None };
    let page = (after.as_ref(), one_more(limit));
    let entries = review::newest(&caller.node, &caller.config, caller.org(), wanted, page).await?;
    review::noted(&caller.node, caller.org(), &caller.cause()).await?;
    let mut page = Page::found(entries, limit, |last| made(last.granted_at, &last.grant), |entry| entry);
    if page.next.is_none() {
        page.data.extend(review::keys(&caller.node, &caller.config, caller.org(), wanted).await?);
    }
    Ok(Json(page))
}

/// A client that the organization has anything to do with. Of others, such as drafts elsewhere, nothing is said.
async fn find(caller: &Caller, id: &str) -> Result<ClientPolicyView, ApiError> {
    let missing =
        || ApiError::not_found("nobody in this organization authorized such a client, and nothing was decided about it");
    let id = ClientId::parse(id).map_err(|_| missing())?;
    let known = caller.node.store.client_of_org(&caller.org().id, &id, caller.node.now()).await?;
    known.map(policy_view).ok_or_else(missing)
}
