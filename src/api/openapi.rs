//! The OpenAPI document, made from the handlers that are routed: what is not in it does not exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AnyOfBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{IntoResponses, Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{GateProblem, Problem};
use super::{
    Api, activity, api_keys, applications, apps, audit, client_scopes, clients, grants, installations, members, policy, scopes,
    searches,
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Tollgate", description = "Applications, grants, clients, members and the audit log of the organization \
        that an access token is bound to. Get a token with `tollgate login` or any OAuth client; each operation names the scope \
        that it needs."),
    components(schemas(Problem, GateProblem)),
    modifiers(&AccessToken),
)]
struct Base;

struct AccessToken;

impl Modify for AccessToken {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// What any request may be refused with.
pub(super) struct Refusals;

/// What a request with `If-Match` may be refused with besides.
pub(super) struct Stale;

impl IntoResponses for Stale {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([("412".to_owned(), problem("It was changed since it was looked at"))])
    }
}

fn problem(text: &str) -> RefOr<Response> {
    RefOr::T(answer(text).build())
}

fn answer(text: &str) -> ResponseBuilder {
    // The gate refuses before the API sees a request, and says why in its own members.
    let either = AnyOfBuilder::new().item(Ref::from_schema_name("Problem")).item(Ref::from_schema_name("GateProblem"));
    let content = ContentBuilder::new().schema(Some(Schema::AnyOf(either.build()))).build();
    ResponseBuilder::new().description(text).content("application/problem+json", content)
}

/// The same where `Retry-After` says when to come again.
fn later(text: &str, description: &str) -> RefOr<Response> {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
    let header = HeaderBuilder::new().schema(Some(Schema::Object(seconds))).description(Some(description)).build();
    RefOr::T(answer(text).header("Retry-After", header).build())
}

/// What the gate in front refuses before the API sees a request.
const OF_THE_GATE: [(&str, &str); 6] = [
    ("408", "The body broke off or took too long"),
    ("411", "The length of a body that is no stream was not declared"),
    ("413", "The body is larger than the gate takes"),
    ("414", "The URL is longer than the gate takes"),
    ("421", "This server does not answer for that host"),
    ("431", "The header, or the token in it, is larger than the gate takes"),
];

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let codes = [
            ("400", "The request can't be carried out as it is"),
            ("401", "The token is missing or does not work"),
            ("403", "The token lacks a scope, or its user a permission"),
            ("404", "There is no such thing in the token's organization"),
            ("409", "It is taken or already so"),
            ("422", "The Idempotency-Key was used for another request"),
        ];
        let mut all: BTreeMap<_, _> =
            codes.into_iter().chain(OF_THE_GATE).map(|(code, text)| (code.to_owned(), problem(text))).collect();
        let many = later("You ask too often, or were refused too often", "Seconds to wait");
        let busy = later("This can't be done now", "Seconds to wait, when that is known");
        all.extend([("429".to_owned(), many), ("503".to_owned(), busy)]);
        all
    }
}

/// Whether an operation may be repeated under a key.
fn takes_a_key(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(one) if one.name == "Idempotency-Key"))
}

/// Says of every operation that takes a key what its answer carries the second time.
fn tell_of_replays(document: &mut OpenApi) {
    let told = ObjectBuilder::new().schema_type(Type::Boolean).build();
    let description = "`true` when this is the answer of the first request with this Idempotency-Key; absent otherwise";
    let header = HeaderBuilder::new().schema(Some(Schema::Object(told))).description(Some(description)).build();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.post, &mut item.put, &mut item.patch].into_iter().flatten() {
            if !takes_a_key(operation) {
                continue;
            }
            for (code, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && code.starts_with('2')
                {
                    response.headers.insert("Idempotency-Replayed".to_owned(), RefOr::T(header.clone()));
                }
            }
        }
    }
}

/// Every route of the API with its place in the document.
pub(super) fn routes() -> OpenApiRouter<Api> {
    let mut routes = each_route();
    tell_of_replays(routes.get_openapi_mut());
    routes
}

fn each_route() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(applications::me))
        .routes(routes!(applications::list))
        .routes(routes!(applications::show, applications::update, applications::revoke))
        .routes(routes!(activity::list))
        .routes(routes!(activity::events))
        .routes(routes!(applications::sessions, applications::end_sessions))
        .routes(routes!(applications::end_session))
        .routes(routes!(grants::list))
        .routes(routes!(grants::show, grants::revoke))
        .routes(routes!(api_keys::list, api_keys::mint))
        .routes(routes!(api_keys::show, api_keys::disable))
        .routes(routes!(installations::list))
        .routes(routes!(installations::install, installations::uninstall))
        .routes(routes!(clients::list, clients::create))
        .routes(routes!(clients::show, clients::update, clients::delete))
        .routes(routes!(clients::add_secret))
        .routes(routes!(clients::end_secret))
        .routes(routes!(client_scopes::list_client_scopes, client_scopes::request_client_scope))
        .routes(routes!(client_scopes::cancel_client_scope))
        .routes(routes!(apps::list_apps, apps::create_app))
        .routes(routes!(apps::import_app))
        .routes(routes!(apps::show_app, apps::update_app, apps::delete_app))
        .routes(routes!(apps::mark_app))
        .routes(routes!(apps::switch_app))
        .routes(routes!(apps::list_versions, apps::publish_app))
        .routes(routes!(apps::difference_of))
        .routes(routes!(apps::add_app_secret))
        .routes(routes!(apps::end_app_secret))
        .routes(routes!(apps::export_app))
        .routes(routes!(apps::list_scope_requests, apps::request_scope))
        .routes(routes!(apps::cancel_scope_request))
        .routes(routes!(policy::show_policy, policy::set_policy))
        .routes(routes!(policy::list_clients))
        .routes(routes!(policy::show_client, policy::decide))
        .routes(routes!(policy::revoke_all))
        .routes(routes!(policy::review))
        .routes(routes!(members::list))
        .routes(routes!(members::show, members::set, members::remove))
        .routes(routes!(members::roles))
        .routes(routes!(members::invitations, members::invite))
        .routes(routes!(members::withdraw))
        .routes(routes!(members::add_service))
        .routes(routes!(members::switch_service))
        .routes(routes!(audit::search))
        .routes(routes!(audit::counts))
        .routes(routes!(audit::export))
        .routes(routes!(searches::list))
        .routes(routes!(searches::save, searches::forget))
        .routes(routes!(scopes::list))
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
