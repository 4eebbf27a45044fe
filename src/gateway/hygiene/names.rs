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
        11 if name == "remote-user" => Class::Identity,
        12 if name == "content-type" => Class::Single(0),
        13 => of(name, [("authorization", Class::Authorization), ("thanos-tenant", Class::Identity)]),
        14 => known_14(name),
        16 => known_16(name),
        17 if name == "transfer-encoding" => Class::TransferEncoding,
        20 if name == "mcp-protocol-version" => Class::Single(4),
        22 if name == "es-security-runas-user" => Class::Identity,
        _ => Class::Plain,
    };
    if class == Class::Plain { known_prefix(name) } else { class }
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
        "cf-connecting-ip" => Class::Identity,
        _ => Class::Plain,
    }
}

fn of<const N: usize>(name: &str, classes: [(&str, Class); N]) -> Class {
    classes.into_iter().find(|(n, _)| *n == name).map_or(Class::Plain, |(_, class)| class)
}

fn known_prefix(name: &str) -> Class {
    let Some(rest) = name.strip_prefix("x-") else {
        // Gateways from JSON to gRPC hand these on as metadata, without the prefix.
        return if name.starts_with("grpc-metadata-") { Class::Identity } else { Class::Plain };
    };
    if rest.starts_with("forwarded-") || rest == "real-ip" {
        return Class::Forwarding;
    }
    if matches!(rest, "http-method-override" | "http-method" | "method-override") {
        return Class::MethodOverride;
    }
    let whole = matches!(
        rest,
        "rewrite-url"
            | "scope-orgid"
            | "grafana-org-id"
            | "tenant"
            | "client-ip"
            | "cluster-client-ip"
            | "remote-user"
            | "remote-group"
            | "remote-groups"
    );
    let prefixes = ["original-", "envoy-", "webauth-", "tollgate-", "proxy-", "auth-request-"];
    if whole || prefixes.iter().any(|p| rest.starts_with(p)) { Class::Identity } else { Class::Plain }
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
}
