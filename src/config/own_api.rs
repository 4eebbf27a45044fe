//! The rules of our own JSON API, which the gate holds like any other's. What answers behind them is `api`; a test compares the
//! two, so that nothing is routed without a rule and no rule leads nowhere.

/// Where it is.
pub const MOUNT: &str = "/api/v1";

use crate::types::API_KEYS_WRITE;

/// One rule of the API.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The operation: the last part of the route's id.
    pub id: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Pattern below the mount.
    pub pattern: &'static str,
    /// Who may use it.
    pub needs: Needs,
}

/// Who may use a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anybody, without a token.
    Nothing,
    /// Any token.
    Token,
    /// A token with this scope.
    Scope(&'static str),
}

const fn rule(id: &'static str, method: &'static str, pattern: &'static str, needs: Needs) -> Rule {
    Rule { id, method, pattern, needs }
}

/// Every rule.
pub const RULES: [Rule; 72] = [
    rule("openapi", "GET", "/openapi.json", Needs::Nothing),
    rule("me", "GET", "/me", Needs::Token),
    rule("applications.list", "GET", "/me/applications", Needs::Scope("applications:read")),
    rule("applications.revoke", "DELETE", "/me/applications/{grant}", Needs::Scope("applications:write")),
    rule("applications.show", "GET", "/me/applications/{grant}", Needs::Scope("applications:read")),
    rule("applications.update", "PATCH", "/me/applications/{grant}", Needs::Scope("applications:write")),
    rule("applications.activity", "GET", "/me/applications/{grant}/activity", Needs::Scope("applications:read")),
    rule("events.list", "GET", "/me/events", Needs::Scope("sessions:read")),
    rule("sessions.list", "GET", "/me/sessions", Needs::Scope("sessions:read")),
    rule("sessions.end_all", "DELETE", "/me/sessions", Needs::Scope("sessions:write")),
    rule("sessions.end", "DELETE", "/me/sessions/{session}", Needs::Scope("sessions:write")),
    rule("grants.list", "GET", "/grants", Needs::Scope("grants:read")),
    rule("grants.show", "GET", "/grants/{grant}", Needs::Scope("grants:read")),
    rule("grants.revoke", "DELETE", "/grants/{grant}", Needs::Scope("grants:write")),
    rule("keys.list", "GET", "/api_keys", Needs::Scope("grants:read")),
    rule("keys.mint", "POST", "/api_keys", Needs::Scope(API_KEYS_WRITE)),
    rule("keys.show", "GET", "/api_keys/{key}", Needs::Scope("grants:read")),
    rule("keys.disable", "DELETE", "/api_keys/{key}", Needs::Scope("grants:write")),
    rule("installations.list", "GET", "/installations", Needs::Scope("grants:read")),
    rule("installations.install", "PUT", "/installations/{app}", Needs::Scope("grants:write")),
    rule("installations.uninstall", "DELETE", "/installations/{app}", Needs::Scope("grants:write")),
    rule("clients.list", "GET", "/clients", Needs::Scope("clients:read")),
    rule("clients.create", "POST", "/clients", Needs::Scope("clients:write")),
    rule("clients.show", "GET", "/clients/{client}", Needs::Scope("clients:read")),
    rule("clients.update", "PATCH", "/clients/{client}", Needs::Scope("clients:write")),
    rule("clients.delete", "DELETE", "/clients/{client}", Needs::Scope("clients:write")),
    rule("clients.secret", "POST", "/clients/{client}/secrets", Needs::Scope("clients:write")),
    rule("clients.secret_end", "DELETE", "/clients/{client}/secrets/{secret}", Needs::Scope("clients:write")),
    rule("clients.scopes", "GET", "/clients/{client}/scope_requests", Needs::Scope("clients:read")),
    rule("clients.scope_request", "POST", "/clients/{client}/scope_requests", Needs::Scope("clients:write")),
    rule("clients.scope_cancel", "DELETE", "/clients/{client}/scope_requests/{scope}", Needs::Scope("clients:write")),
    rule("apps.list", "GET", "/apps", Needs::Scope("clients:read")),
    rule("apps.create", "POST", "/apps", Needs::Scope("clients:write")),
    rule("apps.import", "POST", "/apps/import", Needs::Scope("clients:write")),
    rule("apps.show", "GET", "/apps/{app}", Needs::Scope("clients:read")),
    rule("apps.update", "PATCH", "/apps/{app}", Needs::Scope("clients:write")),
    rule("apps.delete", "DELETE", "/apps/{app}", Needs::Scope("clients:write")),
    rule("apps.stable", "PUT", "/apps/{app}/stable", Needs::Scope("clients:write")),
    rule("apps.state", "PUT", "/apps/{app}/state", Needs::Scope("clients:write")),
    rule("apps.versions", "GET", "/apps/{app}/versions", Needs::Scope("clients:read")),
    rule("apps.publish", "POST", "/apps/{app}/versions", Needs::Scope("clients:write")),
    rule("apps.difference", "GET", "/apps/{app}/difference", Needs::Scope("clients:read")),
    rule("apps.secret", "POST", "/apps/{app}/secrets", Needs::Scope("clients:write")),
    rule("apps.secret_end", "DELETE", "/apps/{app}/secrets/{stage}/{secret}", Needs::Scope("clients:write")),
    rule("apps.manifest", "GET", "/apps/{app}/manifest", Needs::Scope("clients:read")),
    rule("apps.scopes", "GET", "/apps/{app}/scope_requests", Needs::Scope("clients:read")),
    rule("apps.scope_request", "POST", "/apps/{app}/scope_requests", Needs::Scope("clients:write")),
    rule("apps.scope_cancel", "DELETE", "/apps/{app}/scope_requests/{scope}", Needs::Scope("clients:write")),
    rule("policy.show", "GET", "/policy", Needs::Scope("grants:read")),
    rule("policy.set", "PUT", "/policy", Needs::Scope("grants:write")),
    rule("policy.clients", "GET", "/policy/clients", Needs::Scope("grants:read")),
    rule("policy.client", "GET", "/policy/clients/{client}", Needs::Scope("grants:read")),
    rule("policy.decide", "PUT", "/policy/clients/{client}", Needs::Scope("grants:write")),
    rule("policy.revoke", "DELETE", "/policy/clients/{client}/grants", Needs::Scope("grants:write")),
    rule("review.list", "GET", "/review", Needs::Scope("grants:read")),
    rule("members.list", "GET", "/members", Needs::Scope("members:read")),
    rule("members.show", "GET", "/members/{user}", Needs::Scope("members:read")),
    rule("members.set", "PUT", "/members/{user}", Needs::Scope("members:write")),
    rule("members.remove", "DELETE", "/members/{user}", Needs::Scope("members:write")),
    rule("roles.list", "GET", "/roles", Needs::Scope("members:read")),
    rule("invitations.list", "GET", "/invitations", Needs::Scope("members:read")),
    rule("invitations.create", "POST", "/invitations", Needs::Scope("members:write")),
    rule("invitations.withdraw", "DELETE", "/invitations/{invitation}", Needs::Scope("members:write")),
    rule("service_users.create", "POST", "/service-users", Needs::Scope("members:write")),
    rule("service_users.state", "PUT", "/service-users/{user}/state", Needs::Scope("members:write")),
    rule("audit.search", "GET", "/audit", Needs::Scope("audit:read")),
    rule("audit.export", "GET", "/audit/export", Needs::Scope("audit:read")),
    rule("audit.counts", "GET", "/audit/counts", Needs::Scope("audit:read")),
    rule("searches.list", "GET", "/audit/searches", Needs::Scope("audit:read")),
    rule("searches.save", "PUT", "/audit/searches/{name}", Needs::Scope("audit:read")),
    rule("searches.forget", "DELETE", "/audit/searches/{name}", Needs::Scope("audit:read")),
    rule("scopes.list", "GET", "/scopes", Needs::Token),
];
