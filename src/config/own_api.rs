//! The rules of our own JSON API, which the gate holds like any other's. What answers behind them is `api`; a test compares the
//! two, so that nothing is routed without a rule and no rule leads nowhere.

/// Where it is.
pub const MOUNT: &str = "/api/v1";

use crate::types::OwnScope;

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
    Scope(OwnScope),
}

const fn rule(id: &'static str, method: &'static str, pattern: &'static str, needs: Needs) -> Rule {
    Rule { id, method, pattern, needs }
}

/// Every rule.
pub const RULES: [Rule; 72] = [
    rule("openapi", "GET", "/openapi.json", Needs::Nothing),
    rule("me", "GET", "/me", Needs::Token),
    rule("applications.list", "GET", "/me/applications", Needs::Scope(OwnScope::ApplicationsRead)),
    rule("applications.revoke", "DELETE", "/me/applications/{grant}", Needs::Scope(OwnScope::ApplicationsWrite)),
    rule("applications.show", "GET", "/me/applications/{grant}", Needs::Scope(OwnScope::ApplicationsRead)),
    rule("applications.update", "PATCH", "/me/applications/{grant}", Needs::Scope(OwnScope::ApplicationsWrite)),
    rule("applications.activity", "GET", "/me/applications/{grant}/activity", Needs::Scope(OwnScope::ApplicationsRead)),
    rule("events.list", "GET", "/me/events", Needs::Scope(OwnScope::SessionsRead)),
    rule("sessions.list", "GET", "/me/sessions", Needs::Scope(OwnScope::SessionsRead)),
    rule("sessions.end_all", "DELETE", "/me/sessions", Needs::Scope(OwnScope::SessionsWrite)),
    rule("sessions.end", "DELETE", "/me/sessions/{session}", Needs::Scope(OwnScope::SessionsWrite)),
    rule("grants.list", "GET", "/grants", Needs::Scope(OwnScope::GrantsRead)),
    rule("grants.show", "GET", "/grants/{grant}", Needs::Scope(OwnScope::GrantsRead)),
    rule("grants.revoke", "DELETE", "/grants/{grant}", Needs::Scope(OwnScope::GrantsWrite)),
    rule("keys.list", "GET", "/api_keys", Needs::Scope(OwnScope::GrantsRead)),
    rule("keys.mint", "POST", "/api_keys", Needs::Scope(OwnScope::ApiKeysWrite)),
    rule("keys.show", "GET", "/api_keys/{key}", Needs::Scope(OwnScope::GrantsRead)),
    rule("keys.disable", "DELETE", "/api_keys/{key}", Needs::Scope(OwnScope::GrantsWrite)),
    rule("installations.list", "GET", "/installations", Needs::Scope(OwnScope::GrantsRead)),
    rule("installations.install", "PUT", "/installations/{app}", Needs::Scope(OwnScope::GrantsWrite)),
    rule("installations.uninstall", "DELETE", "/installations/{app}", Needs::Scope(OwnScope::GrantsWrite)),
    rule("clients.list", "GET", "/clients", Needs::Scope(OwnScope::ClientsRead)),
    rule("clients.create", "POST", "/clients", Needs::Scope(OwnScope::ClientsWrite)),
    rule("clients.show", "GET", "/clients/{client}", Needs::Scope(OwnScope::ClientsRead)),
    rule("clients.update", "PATCH", "/clients/{client}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("clients.delete", "DELETE", "/clients/{client}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("clients.secret", "POST", "/clients/{client}/secrets", Needs::Scope(OwnScope::ClientsWrite)),
    rule("clients.secret_end", "DELETE", "/clients/{client}/secrets/{secret}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("clients.scopes", "GET", "/clients/{client}/scope_requests", Needs::Scope(OwnScope::ClientsRead)),
    rule("clients.scope_request", "POST", "/clients/{client}/scope_requests", Needs::Scope(OwnScope::ClientsWrite)),
    rule("clients.scope_cancel", "DELETE", "/clients/{client}/scope_requests/{scope}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.list", "GET", "/apps", Needs::Scope(OwnScope::ClientsRead)),
    rule("apps.create", "POST", "/apps", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.import", "POST", "/apps/import", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.show", "GET", "/apps/{app}", Needs::Scope(OwnScope::ClientsRead)),
    rule("apps.update", "PATCH", "/apps/{app}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.delete", "DELETE", "/apps/{app}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.stable", "PUT", "/apps/{app}/stable", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.state", "PUT", "/apps/{app}/state", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.versions", "GET", "/apps/{app}/versions", Needs::Scope(OwnScope::ClientsRead)),
    rule("apps.publish", "POST", "/apps/{app}/versions", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.difference", "GET", "/apps/{app}/difference", Needs::Scope(OwnScope::ClientsRead)),
    rule("apps.secret", "POST", "/apps/{app}/secrets", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.secret_end", "DELETE", "/apps/{app}/secrets/{stage}/{secret}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.manifest", "GET", "/apps/{app}/manifest", Needs::Scope(OwnScope::ClientsRead)),
    rule("apps.scopes", "GET", "/apps/{app}/scope_requests", Needs::Scope(OwnScope::ClientsRead)),
    rule("apps.scope_request", "POST", "/apps/{app}/scope_requests", Needs::Scope(OwnScope::ClientsWrite)),
    rule("apps.scope_cancel", "DELETE", "/apps/{app}/scope_requests/{scope}", Needs::Scope(OwnScope::ClientsWrite)),
    rule("policy.show", "GET", "/policy", Needs::Scope(OwnScope::GrantsRead)),
    rule("policy.set", "PUT", "/policy", Needs::Scope(OwnScope::GrantsWrite)),
    rule("policy.clients", "GET", "/policy/clients", Needs::Scope(OwnScope::GrantsRead)),
    rule("policy.client", "GET", "/policy/clients/{client}", Needs::Scope(OwnScope::GrantsRead)),
    rule("policy.decide", "PUT", "/policy/clients/{client}", Needs::Scope(OwnScope::GrantsWrite)),
    rule("policy.revoke", "DELETE", "/policy/clients/{client}/grants", Needs::Scope(OwnScope::GrantsWrite)),
    rule("review.list", "GET", "/review", Needs::Scope(OwnScope::GrantsRead)),
    rule("members.list", "GET", "/members", Needs::Scope(OwnScope::MembersRead)),
    rule("members.show", "GET", "/members/{user}", Needs::Scope(OwnScope::MembersRead)),
    rule("members.set", "PUT", "/members/{user}", Needs::Scope(OwnScope::MembersWrite)),
    rule("members.remove", "DELETE", "/members/{user}", Needs::Scope(OwnScope::MembersWrite)),
    rule("roles.list", "GET", "/roles", Needs::Scope(OwnScope::MembersRead)),
    rule("invitations.list", "GET", "/invitations", Needs::Scope(OwnScope::MembersRead)),
    rule("invitations.create", "POST", "/invitations", Needs::Scope(OwnScope::MembersWrite)),
    rule("invitations.withdraw", "DELETE", "/invitations/{invitation}", Needs::Scope(OwnScope::MembersWrite)),
    rule("service_users.create", "POST", "/service-users", Needs::Scope(OwnScope::MembersWrite)),
    rule("service_users.state", "PUT", "/service-users/{user}/state", Needs::Scope(OwnScope::MembersWrite)),
    rule("audit.search", "GET", "/audit", Needs::Scope(OwnScope::AuditRead)),
    rule("audit.export", "GET", "/audit/export", Needs::Scope(OwnScope::AuditRead)),
    rule("audit.counts", "GET", "/audit/counts", Needs::Scope(OwnScope::AuditRead)),
    rule("searches.list", "GET", "/audit/searches", Needs::Scope(OwnScope::AuditRead)),
    rule("searches.save", "PUT", "/audit/searches/{name}", Needs::Scope(OwnScope::AuditRead)),
    rule("searches.forget", "DELETE", "/audit/searches/{name}", Needs::Scope(OwnScope::AuditRead)),
    rule("scopes.list", "GET", "/scopes", Needs::Token),
];
