//! Which header names mean what to us, and which names an upstream could mistake for them.

/// What a header is to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing special.
    Plain,
    Host,
    Authorization,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
    /// `TE` (RFC 9110 §10.1.4).
    Te,
    /// Belongs to one connection (RFC 9113 §8.2.2).
    HopByHop,
    /// Decisions rest on it, so that it may come once only. The number is its own.
    Single(u8),
    /// Says where a request came from. A trusted peer may say so.
    Forwarding,
    /// Says who the caller is or what was asked for. Only we may say so.
    Identity,
    /// Would make a server use another method than the one that was authorized.
    MethodOverride,
    /// A name that a server could fold into one of the above.
    Lookalike,
}

/// Longest name that can be a lookalike: no name of ours is longer.
const LONGEST: usize = 64;

/// Headers of the operator's own that tell an upstream who calls, beside those that everybody knows.
#[derive(Clone, Debug, Default)]
pub struct IdentityHeaders(Vec<Box<str>>);

impl IdentityHeaders {
    /// Takes header names as the configuration spells them.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|n| n.bytes().map(|b| char::from(fold(b))).collect()).collect())
    }

    /// What a header is to the gate. `name` is in lower case, as [`http::HeaderName`] keeps it.
    pub(super) fn classify(&self, name: &str) -> Class {
        match known(name) {
            Class::Plain => self.classify_other(name),
            class => class,
        }
    }

    fn classify_other(&self, name: &str) -> Class {
        if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return if self.is_configured(name) { Class::Identity } else { Class::Plain };
        }
        // CGI and WSGI turn `-` into `_`, so that nobody can tell these names apart behind them.
        if name.contains('_') {
            return Class::Lookalike;
        }
        let mut buffer = [0_u8; LONGEST];
        let Some(folded) = buffer.get_mut(..name.len()) else { return Class::Lookalike };
        folded.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = fold(from));
        let folded = std::str::from_utf8(folded).unwrap_or_default();
        if known(folded) != Class::Plain || self.is_configured(folded) { Class::Lookalike } else { Class::Plain }
    }

    fn is_configured(&self, folded: &str) -> bool {
        self.0.iter().any(|n| **n == *folded)
    }
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// By length first: most names are ruled out without comparing a byte.
fn known(name: &str) -> Class {
    let class = match name.len() {
        2 if name == "te" => Class::Te,
        4 => of(name, [("host", Class::Host), ("dpop", Class::Single(2))]),
        5 if name == "proxy" => Class::Identity,
        6 => of(name, [("origin", Class::Single(1)), ("expect", Class::Single(3))]),
        7 if name == "upgrade" => Class::Upgrade,
        8 if name == "mcp-name" => Class::Single(7),
        9 => of(name, [("forwarded", Class::Forwarding), ("accountid", Class::Identity), ("projectid", Class::Identity)]),
        10 => of(name, [("connection", Class::Connection), ("keep-alive", Class::HopByHop), ("mcp-method", Class::Single(6))]),
        12 if name == "content-type" => Class::Single(0),
        13 => known_13(name),
        14 => known_14(name),
        16 => known_16(name),
        17 if name == "transfer-encoding" => Class::TransferEncoding,
        18 if name == "cf-connecting-ipv6" => Class::Identity,
        20 if name == "mcp-protocol-version" => Class::Single(4),
        22 if name == "es-security-runas-user" => Class::Identity,
        24 if name == "es-client-authentication" => Class::Identity,
        _ => Class::Plain,
    };
    if class == Class::Plain { known_prefix(name) } else { class }
}

fn known_13(name: &str) -> Class {
    match name {
        "authorization" => Class::Authorization,
        "thanos-tenant" | "fly-client-ip" => Class::Identity,
        _ => Class::Plain,
    }
}

fn known_14(name: &str) -> Class {
    match name {
        "content-length" => Class::ContentLength,
        "http2-settings" => Class::HopByHop,
        "mcp-session-id" => Class::Single(5),
        "sec-fetch-site" => Class::Single(8),
        "securitytenant" | "true-client-ip" => Class::Identity,
        _ => Class::Plain,
    }
}

fn known_16(name: &str) -> Class {
    match name {
        "content-encoding" => Class::Single(9),
        "proxy-connection" => Class::HopByHop,
        "cf-connecting-ip" | "fastly-client-ip" => Class::Identity,
        _ => Class::Plain,
    }
}

fn of<const N: usize>(name: &str, classes: [(&str, Class); N]) -> Class {
    classes.into_iter().find(|(n, _)| *n == name).map_or(Class::Plain, |(_, class)| class)
}

/// What names of whole families begin with, by which proxies, and servers behind them, are told who calls.
const FAMILIES: [&str; 10] = [
    // Gateways from JSON to gRPC hand these on as metadata, without the prefix.
    "grpc-metadata-",
    // Authelia, and CGI's REMOTE_USER.
    "remote-",
    // nginx, and RFC 9440.
    "ssl-client",
    "client-cert",
    "cf-access-",
    "tailscale-",
    // Kubernetes.
    "impersonate-",
    // Apache's modules for OpenID Connect and Shibboleth.
    "oidc-",
    "shib-",
    // Elasticsearch: the second of two callers.
    "es-secondary-",
];

/// The same behind `x-`.
const X_FAMILIES: [&str; 26] = [
    "original-",
    "envoy-",
    "webauth-",
    "tollgate-",
    "proxy-",
    // oauth2-proxy and many more.
    "auth-",
    "authenticated-",
    "remote-",
    "ssl-",
    "client-cert",
    "client-dn",
    "client-subject",
    "client-verify",
    // Kong.
    "consumer-",
    "credential-",
    // Load balancers and identity-aware proxies of clouds.
    "amzn-mtls-",
    "amzn-oidc-",
    "goog-authenticated-user-",
    "goog-iap-",
    "ms-client-principal",
    "ms-token-",
    "authentik-",
    "jwt-",
    "pomerium-",
    "token-",
    "vouch-",
];

fn known_prefix(name: &str) -> Class {
    let Some(rest) = name.strip_prefix("x-") else {
        return if FAMILIES.iter().any(|family| name.starts_with(family)) { Class::Identity } else { Class::Plain };
    };
    if rest.starts_with("forwarded-") || rest == "real-ip" {
        return Class::Forwarding;
    }
    if matches!(rest, "http-method-override" | "http-method" | "method-override") {
        return Class::MethodOverride;
    }
    let identity = is_told(rest) || is_credential(rest) || X_FAMILIES.iter().any(|family| rest.starts_with(family));
    if identity { Class::Identity } else { Class::Plain }
}

/// Whether `x-` and this say who calls, for which tenant, from where, or what was asked for.
fn is_told(rest: &str) -> bool {
    matches!(
        rest,
        "rewrite-url"
            | "scope-orgid"
            | "scope-org-id"
            | "org-id"
            | "orgid"
            | "tenant"
            | "tenant-id"
            | "grafana-org-id"
            | "grafana-user"
            | "grafana-id"
            | "client-ip"
            | "cluster-client-ip"
            | "user"
            | "user-id"
            | "userid"
            | "user-name"
            | "username"
            | "user-email"
            | "user-groups"
            | "user-roles"
            | "userinfo"
            | "email"
            | "group"
            | "groups"
            | "role"
            | "roles"
            | "anonymous-consumer"
            | "apigateway-api-userinfo"
            | "endpoint-api-userinfo"
    )
}

/// Whether `x-` and this carry a credential that some server takes beside `Authorization`, or before it.
fn is_credential(rest: &str) -> bool {
    matches!(rest, "access-token" | "api-key" | "client-authentication" | "ds-authorization" | "id-token" | "refresh-token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_are_found_however_they_are_spelt() {
        let headers = IdentityHeaders::new(["X-Gw-User", "X_Gw_Team"]);
        for (name, class) in [
            ("x-gw-user", Class::Identity),
            ("x-gw-team", Class::Identity),
            ("x_gw_user", Class::Lookalike),
            ("x.gw.user", Class::Lookalike),
            ("x~gw~user", Class::Lookalike),
            ("x-gw.user", Class::Lookalike),
            ("x!gw!user", Class::Lookalike),
            ("x.scope.orgid", Class::Lookalike),
            ("x.forwarded.for", Class::Lookalike),
            ("transfer.encoding", Class::Lookalike),
            ("content_length", Class::Lookalike),
            ("any_thing", Class::Lookalike),
            ("x.gw.users", Class::Plain),
            ("x-gw-users", Class::Plain),
            ("x-request-id", Class::Plain),
            ("traceparent", Class::Plain),
        ] {
            assert_eq!(headers.classify(name), class, "{name}");
        }
        assert_eq!(headers.classify(&format!("x.{}", "a".repeat(LONGEST))), Class::Lookalike);
    }

    #[test]
    fn headers_that_decide_are_known() {
        let headers = IdentityHeaders::default();
        for (name, class) in [
            ("host", Class::Host),
            ("authorization", Class::Authorization),
            ("content-length", Class::ContentLength),
            ("transfer-encoding", Class::TransferEncoding),
            ("connection", Class::Connection),
            ("upgrade", Class::Upgrade),
            ("te", Class::Te),
            ("keep-alive", Class::HopByHop),
            ("proxy-connection", Class::HopByHop),
            ("http2-settings", Class::HopByHop),
            ("x-http-method", Class::MethodOverride),
            ("x-http-method-override", Class::MethodOverride),
            ("x-method-override", Class::MethodOverride),
        ] {
            assert_eq!(headers.classify(name), class, "{name}");
        }
        let singles = [
            "content-type",
            "origin",
            "dpop",
            "expect",
            "mcp-protocol-version",
            "mcp-session-id",
            "mcp-method",
            "mcp-name",
            "sec-fetch-site",
            "content-encoding",
        ];
        for (number, name) in (0..).zip(singles) {
            assert_eq!(headers.classify(name), Class::Single(number), "{name}");
        }
    }

    #[test]
    fn every_header_that_peers_forgot_is_known() {
        let headers = IdentityHeaders::default();
        for name in ["x-forwarded-for", "x-forwarded-prefix", "x-forwarded-port", "x-forwarded-uri", "forwarded", "x-real-ip"] {
            assert_eq!(headers.classify(name), Class::Forwarding, "{name}");
        }
        for name in [
            "x-original-url",
            "x-original-method",
            "x-rewrite-url",
            "x-envoy-original-path",
            "x-scope-orgid",
            "x-webauth-user",
            "x-grafana-org-id",
            "thanos-tenant",
            "accountid",
            "projectid",
            "x-tenant",
            "x-tollgate-user",
            "x-proxy-roles",
            "grpc-metadata-x-tenant",
            "proxy",
            "remote-user",
            "securitytenant",
            "true-client-ip",
            "cf-connecting-ip",
            "es-security-runas-user",
        ] {
            assert_eq!(headers.classify(name), Class::Identity, "{name}");
        }
    }

    /// Families are as wide as what they are for, and no wider.
    #[test]
    fn names_that_only_look_like_an_identity_stay() {
        let headers = IdentityHeaders::default();
        for name in [
            "user-agent",
            "x-user-agent",
            "x-request-id",
            "x-client-version",
            "x-client-data",
            "x-goog-api-client",
            "x-amzn-trace-id",
            "x-ms-client-request-id",
            "x-grpc-web",
            "x-opaque-id",
            "x-query-tags",
            "x-dashboard-uid",
            "x-panel-id",
            "x-grafana-device-id",
            "x-datadog-trace-id",
            "x-elastic-product",
            "x-prometheus-remote-write-version",
            "x-loki-response-encoding-flags",
            "cf-ray",
            "ssl-protocol",
            "client-id",
            "dd-api-key",
            "authentication-info",
            "from",
        ] {
            assert_eq!(headers.classify(name), Class::Plain, "{name}");
        }
    }
}
