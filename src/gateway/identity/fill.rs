//! Templates, filled in with what is known of a request.

use std::fmt::Write as _;

use crate::config::Api;
use crate::gateway::authorize::{Permit, tenant_value};
use crate::store::Org;
use crate::token::Principal;
use crate::types::{Placeholder, RequestId, Template};

/// A template that names the organization and the operation of the route.
#[must_use]
pub fn of_org(template: &Template, permit: &Permit, org: &Org) -> String {
    template.fill(|name, out| match name {
        Placeholder::Operation => out.push_str(permit.rule().operation.as_deref().unwrap_or_default()),
        other => out.push_str(named(other, permit.api(), org)),
    })
}

/// The same at an API whose route is not known; `None` where the route decides.
#[must_use]
pub fn at_other(template: &Template, api: &Api, org: &Org) -> Option<String> {
    let mut is_whole = true;
    let text = template.fill(|name, out| {
        is_whole &= name != Placeholder::Operation;
        out.push_str(named(name, api, org));
    });
    is_whole.then_some(text)
}

/// A template that names who calls.
#[must_use]
pub fn of_caller(template: &Template, api: &Api, principal: &Principal) -> String {
    template.fill(|name, out| out.push_str(caller(name, api, principal)))
}

/// A template that names anything of a request, as a header carries it.
pub(super) fn of_request(template: &Template, api: &Api, principal: &Principal, request: &RequestId) -> String {
    template.fill(|name, out| match name {
        Placeholder::RequestId => out.push_str(request.as_str()),
        Placeholder::Scopes => encode(&principal.held.to_string(), out),
        other => encode(caller(other, api, principal), out),
    })
}

/// What a name stands for. A template was read with the names that are known where it stands, so that no other comes here.
fn caller<'v>(name: Placeholder, api: &Api, principal: &'v Principal) -> &'v str {
    match name {
        Placeholder::UserId => principal.user.id.as_str(),
        Placeholder::UserEmail => &principal.user.email,
        Placeholder::UserName => &principal.user.name,
        Placeholder::ClientId => principal.client.id.as_str(),
        Placeholder::ClientName => &principal.client.name,
        Placeholder::GrantId => principal.claims.grant.as_str(),
        Placeholder::TokenId => &principal.claims.jti,
        other => named(other, api, &principal.org),
    }
}

fn named<'v>(name: Placeholder, api: &Api, org: &'v Org) -> &'v str {
    match name {
        Placeholder::OrgTenant => tenant_value(api, org),
        Placeholder::OrgId => org.id.as_str(),
        Placeholder::OrgSlug => org.slug.as_str(),
        _ => "",
    }
}

/// Percent-encodes what is not visible ASCII, spaces at either end, and `%` itself: two names are never one header, and none can
/// end the header or start another.
fn encode(text: &str, out: &mut String) {
    let last = text.len().saturating_sub(1);
    for (i, byte) in text.bytes().enumerate() {
        let inside = byte == b' ' && i != 0 && i != last;
        if (byte.is_ascii_graphic() && byte != b'%') || inside {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        encode(text, &mut out);
        out
    }

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let hex = |b: u8| u8::try_from(char::from(b).to_digit(16).expect("a digit")).expect("below 16");
            bytes.push(if byte == b'%' { hex(rest.next().expect("two")) * 16 + hex(rest.next().expect("two")) } else { byte });
        }
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn names_of_people_go_as_they_are_and_others_encoded() {
        let table = [
            ("ada@acme.test", "ada@acme.test"),
            ("Lovelace, Ada", "Lovelace, Ada"),
            ("Zoë", "Zo%C3%AB"),
            ("100%", "100%25"),
            (" a b ", "%20a b%20"),
            ("a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"),
            ("a\tb\u{7f}", "a%09b%7F"),
            (" ", "%20"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(encoded(text), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_header_and_comes_back(text in any::<String>()) {
            let out = encoded(&text);
            prop_assert!(HeaderValue::from_str(&out).is_ok() && out.trim() == out);
            prop_assert_eq!(decoded(&out), text);
        }
    }
}
