//! API keys: made by apps, seen and disabled by administrators.

use axum::Json;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Nothing, Page, limit, made, one_more, place};
use super::caller::{Caller, Named, Params};
use super::error::ApiError;
use super::once::{Repeatable, once};
use super::openapi::Refusals;
use crate::admin::{ApiKeyStateView, ApiKeyView, api_key_view};
use crate::store::{ApiKey, ApiKeySearch, ApiKeyStanding, ApiKeyState, Minted};
use crate::types::{ApiKeyId, AppId, PlainToken, TokenKind};

/// An API key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MintedKey {
    #[serde(flatten)]
    about: ApiKeyView,
    /// The key itself: in this answer and nowhere else. Send it as `Authorization: Bearer …`.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    key: SecretString,
}

/// Which keys; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KeyQuery {
    /// Text that occurs in the name of the key or its client, in the name or the address of the user on whose behalf it was made, in
    /// a scope, in its last four characters or its id, ignoring case.
    text: Option<String>,
    /// `live` or `disabled`.
    #[param(inline)]
    state: Option<ApiKeyStateView>,
    /// Of an app, by its id.
    app: Option<String>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

fn exposed<S: Serializer>(key: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose_secret())
}

/// Makes the app's API key in the token's organization: there is one at a time, and it may send what the grant may. The private
/// scope that this needs is given to apps by the operator. Repeating the request with the same `Idempotency-Key` within a day
/// gives the same answer again.
#[utoipa::path(
    post, path = "/api/v1/api_keys", tag = "API keys", security(("token" = ["api_keys:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request")),
    responses((status = 201, description = "Made", body = MintedKey), Refusals)
)]
pub(super) async fn mint(caller: Caller, headers: HeaderMap) -> Result<Repeatable, ApiError> {
    once(&caller, &headers, "api_keys", &(), make(&caller)).await
}

async fn make(caller: &Caller) -> Result<MintedKey, ApiError> {
    let p = &caller.principal;
    let Some(app) = &p.client.app else {
        return Err(ApiError::forbidden("only the clients of an app have API keys; make an app and authorize its client"));
    };
    let cause = caller.cause();
    let facts = caller.node.store.grant_facts(&p.claims.grant).await?.ok_or_else(ended)?;
    // What was consented to, not what this one token was narrowed to.
    let granted = crate::token::effective(&caller.config, &facts, &facts.grant.scopes, cause.at).now;
    let narrowing = crate::token::narrowing(&caller.config, &facts);
    // A key has no selectors: what the grant or its user's roles narrow it can't have at all.
    let bits = (granted & caller.config.key_scopes()).without(&narrowing.scopes());
    if bits.is_empty() {
        let known = caller.config.catalogue.scopes(&caller.config.key_scopes());
        let text = format!("the grant holds no scope whole that an API key can be used for; authorize it for one of: {known}");
        return Err(ApiError::forbidden(text));
    }
    let value = PlainToken::generate(TokenKind::ApiKey, &*caller.node.entropy);
    let key = ApiKey {
        id: ApiKeyId::generate(cause.at, &*caller.node.entropy),
        last4: value.last4().to_owned(),
        name: format!("Key of app {}", p.client.name),
        org: p.org.id.clone(),
        app: app.app.clone(),
        client: p.client.id.clone(),
        grant: p.claims.grant.clone(),
        user: p.user.id.clone(),
        scopes: caller.config.catalogue.scopes(&bits),
        resources: facts.grant.resources,
        created_at: cause.at,
        last_used_at: None,
        state: ApiKeyState::Live,
    };
    match caller.node.store.mint_api_key(&key, &value.hashed(), &cause).await? {
        Minted::Done => Ok(MintedKey { about: api_key_view(&key), key: value.expose().to_owned().into() }),
        Minted::Taken(other) => Err(taken(caller, &other).await?),
        Minted::NotApproved => Err(ApiError::forbidden("the operator's approval of api_keys:write has ended")),
        Minted::Ended => Err(ended()),
    }
}

fn ended() -> ApiError {
    ApiError::conflict("the authorization ended meanwhile; authorize the application again")
}

/// Says whose key is there and how to end it.
async fn taken(caller: &Caller, key: &ApiKey) -> Result<ApiError, ApiError> {
    let user = caller.node.store.user(&key.user).await?.map_or_else(|| key.user.to_string(), |u| u.name);
    let page = format!("{}/orgs/{}/applications/{}", caller.config.issuer, caller.org().slug, key.client);
    Ok(ApiError::conflict(format!(
        "the application has an API key in this organization: {}, which ends in {} and was made at {} on behalf of {user}. An \
         administrator disables it at {page} or with DELETE /api/v1/api_keys/{}; then a new one can be made",
        key.id, key.last4, key.created_at, key.id
    )))
}

/// API keys of the organization's applications, newest first, with those that were disabled.
#[utoipa::path(
    get, path = "/api/v1/api_keys", tag = "API keys", security(("token" = ["grants:read"])),
    params(KeyQuery),
    responses((status = 200, description = "Done", body = Page<ApiKeyView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(query): Params<KeyQuery>) -> Answer<Page<ApiKeyView>> {
    let (limit, after) = (limit(query.limit)?, query.cursor.as_deref().map(|c| place(c, ApiKeyId::parse)).transpose()?);
    let Ok(app) = query.app.as_deref().map(AppId::parse).transpose() else {
        return Ok(Json(Page { data: Vec::new(), next: None }));
    };
    let standing = query.state.map(ApiKeyStanding::from);
    let search = ApiKeySearch { org: Some(caller.org().id.clone()), app, standing, text: query.text.unwrap_or_default() };
    let keys = caller.node.store.find_api_keys(&search, after.as_ref(), one_more(limit)).await?;
    Ok(Json(Page::found(keys, limit, |last| made(last.created_at, &last.id), |key| api_key_view(&key))))
}

/// One API key.
#[utoipa::path(
    get, path = "/api/v1/api_keys/{key}", tag = "API keys", security(("token" = ["grants:read"])),
    params(("key" = String, Path, description = "Id of an API key")),
    responses((status = 200, description = "Done", body = ApiKeyView), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(key): Named, _: Params<Nothing>) -> Answer<ApiKeyView> {
    Ok(Json(api_key_view(&find(&caller, &key).await?)))
}

/// Disables an API key for good: it stops working before the answer.
#[utoipa::path(
    delete, path = "/api/v1/api_keys/{key}", tag = "API keys", security(("token" = ["grants:write"])),
    params(("key" = String, Path, description = "Id of an API key")),
    responses((status = 204, description = "Done, or it was disabled before"), Refusals)
)]
pub(super) async fn disable(caller: Caller, Named(key): Named) -> Result<StatusCode, ApiError> {
    let key = find(&caller, &key).await?;
    caller.node.store.disable_api_key(&key.id, Some(&key.org), &caller.cause()).await?;
    caller.node.settle().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(caller: &Caller, id: &str) -> Result<ApiKey, ApiError> {
    let missing = || ApiError::not_found("there is no such API key in this organization");
    let id = ApiKeyId::parse(id).map_err(|_| missing())?;
    caller.node.store.api_key(&id).await?.filter(|k| k.org == caller.org().id).ok_or_else(missing)
}
