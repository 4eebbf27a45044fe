//! The OpenAPI document, made from the handlers that are routed: what is not in it does not exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::DefaultBodyLimit;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi as _};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::error::{Problem, RefusalCode};
use super::{AdminState, http, upstreams};

/// Largest body that says where chains ended, bytes: some 200 for each chain.
const MAX_HEADS: usize = 16 << 20;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Tollgate administration", description = "Served on the admin listener. The bearer secret is in the file \
        admin.token of the node's data directory."),
    components(schemas(Problem)),
    security(("admin" = [])),
    modifiers(&BearerSecret),
)]
struct Base;

struct BearerSecret;

impl Modify for BearerSecret {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document.components.get_or_insert_default().add_security_scheme("admin", SecurityScheme::Http(scheme));
    }
}

/// What any request may be refused with.
pub(super) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let codes = [
            (RefusalCode::Invalid, "The request can't be carried out as it is"),
            (RefusalCode::Unauthorized, "The admin secret is missing or wrong"),
            (RefusalCode::NotFound, "There is no such thing"),
            (RefusalCode::Conflict, "It is taken or already so"),
            (RefusalCode::Unavailable, "The gateway can't do this now"),
        ];
        let response = |text: &str| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            RefOr::T(ResponseBuilder::new().description(text).content("application/problem+json", content).build())
        };
        codes.into_iter().map(|(code, text)| (code.status().as_u16().to_string(), response(text))).collect()
    }
}

/// Every route of the admin API with its place in the document.
pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(http::accounts::list_orgs, http::accounts::create_org))
        .routes(routes!(http::accounts::show_org, http::accounts::update_org))
        .routes(routes!(http::accounts::switch_org))
        .routes(routes!(http::accounts::list_users, http::accounts::create_user))
        .routes(routes!(http::accounts::show_user))
        .routes(routes!(http::accounts::switch_user))
        .routes(routes!(http::accounts::set_password))
        .routes(routes!(http::operators::list_operators))
        .routes(routes!(http::operators::add_operator, http::operators::remove_operator))
        .routes(routes!(http::members::list_members))
        .routes(routes!(http::members::set_member, http::members::remove_member))
        .routes(routes!(http::members::list_roles))
        .routes(routes!(http::people::list_invitations, http::people::invite))
        .routes(routes!(http::people::withdraw_invitation))
        .routes(routes!(http::people::list_sessions, http::people::end_sessions))
        .routes(routes!(http::people::end_session))
        .routes(routes!(http::people::list_scopes))
        .routes(routes!(http::clients::list_clients, http::clients::create_client))
        .routes(routes!(http::clients::show_client, http::clients::delete_client, http::clients::set_client_terms))
        .routes(routes!(http::clients::switch_client))
        .routes(routes!(http::clients::set_client_scopes))
        .routes(routes!(http::clients::add_secret))
        .routes(routes!(http::clients::remove_secret))
        .routes(routes!(http::apps::list_apps, http::apps::create_app))
        .routes(routes!(http::apps::show_app, http::apps::update_app, http::apps::delete_app))
        .routes(routes!(http::apps::mark_app))
        .routes(routes!(http::apps::publish_app))
        .routes(routes!(http::apps::switch_app))
        .routes(routes!(http::apps::add_app_secret))
        .routes(routes!(http::apps::remove_app_secret))
        .routes(routes!(http::apps::export_app))
        .routes(routes!(http::apps::import_app))
        .routes(routes!(http::grants::list_grants))
        .routes(routes!(http::grants::show_grant, http::grants::change_grant))
        .routes(routes!(http::grants::revoke_grant))
        .routes(routes!(http::api_keys::list_api_keys))
        .routes(routes!(http::api_keys::show_api_key))
        .routes(routes!(http::api_keys::disable_api_key))
        .routes(routes!(http::api_keys::list_scope_requests))
        .routes(routes!(http::api_keys::request_scope, http::api_keys::decide_scope))
        .routes(routes!(http::api_keys::cancel_scope_request))
        .routes(routes!(http::api_keys::list_installs))
        .routes(routes!(http::api_keys::install_app, http::api_keys::uninstall_app))
        .routes(routes!(http::policy::show_policy, http::policy::set_new_clients))
        .routes(routes!(http::policy::set_client_policy))
        .routes(routes!(http::policy::revoke_client))
        .routes(routes!(http::policy::review))
        .routes(routes!(http::grants::list_keys))
        .routes(routes!(http::grants::rotate_key))
        .routes(routes!(http::audit::search_audit))
        .routes(routes!(http::audit::count_audit))
        .routes(routes!(http::audit::list_searches))
        .routes(routes!(http::audit::save_search, http::audit::forget_search))
        .routes(routes!(http::audit::export_audit))
        .routes(routes!(http::audit::explain))
        .routes(routes!(http::audit::shadow_report))
        .routes(routes!(http::audit::tail_audit))
        .routes(routes!(http::proof::verify_audit).layer(DefaultBodyLimit::max(MAX_HEADS)))
        .routes(routes!(http::proof::list_audit_keys))
        .routes(routes!(http::proof::rotate_audit_key))
        .routes(routes!(upstreams::list_upstreams))
}

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}

#[expect(clippy::unused_async, reason = "a handler")]
pub(super) async fn serve(document: Arc<OpenApi>) -> Json<OpenApi> {
    Json(OpenApi::clone(&document))
}
