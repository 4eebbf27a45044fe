//! The rules of our own JSON API, which the gate holds like any other's. What answers behind them is `api`; a test compares the
//! two, so that nothing is routed without a rule and no rule leads nowhere.

/// Where it is.
pub const MOUNT: &str = "/api/v1";

use crate::types::API_KEYS_WRITE;

/// The name that [`API_KEYS_WRITE`] has elsewhere; taken where an application asks for it.
pub const API_KEYS_WRITE_ALIAS: &str = "api_keys_write";

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
pub const RULES: [Rule; 26] = [
    rule("openapi", "GET", "/openapi.json", Needs::Nothing),
    rule("me", "GET", "/me", Needs::Token),
    rule("applications.list", "GET", "/me/applications", Needs::Scope("applications:read")),
    rule("applications.revoke", "DELETE", "/me/applications/{grant}", Needs::Scope("applications:write")),
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
    rule("members.list", "GET", "/members", Needs::Scope("members:read")),
    rule("members.show", "GET", "/members/{user}", Needs::Scope("members:read")),
    rule("members.set", "PUT", "/members/{user}", Needs::Scope("members:write")),
    rule("members.remove", "DELETE", "/members/{user}", Needs::Scope("members:write")),
    rule("roles.list", "GET", "/roles", Needs::Scope("members:read")),
    rule("audit.search", "GET", "/audit", Needs::Scope("audit:read")),
];
