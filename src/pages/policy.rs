//! The content security policy that every page is written for.

use url::{Host, Url};

/// The policy for a page whose forms end at this origin or, for the consent page, at the client's `redirect` target.
///
/// Chromium applies `form-action` to the redirect that answers a form, so the consent page has to admit the
/// place that the browser is sent to after the decision, and nothing else. `None` for every other page.
#[must_use]
pub fn content_security_policy(redirect: Option<&Url>) -> String {
    let target = redirect.and_then(form_target).map(|source| format!(" {source}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; object-src 'none'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self'{target}"
    )
}

/// A source expression (CSP3 section 2.3.1) as narrow as its grammar allows: an origin, or the scheme where the grammar has no
/// word for the host (private-use schemes, IPv6 literals).
///
/// `None` for a host that would read as CSP syntax: URL hosts may hold `*`, `;` and `,`, and none of them may get
/// into the header.
fn form_target(redirect: &Url) -> Option<String> {
    let plain = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    match (redirect.scheme(), redirect.host()) {
        ("http" | "https", Some(Host::Domain(host))) if !plain(host) => None,
        ("http" | "https", Some(Host::Domain(_) | Host::Ipv4(_))) => Some(redirect.origin().ascii_serialization()),
        (scheme, _) => Some(format!("{scheme}:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_redirect_target_is_admitted_besides_us() {
        for (redirect, source) in [
            ("https://app.example.com/cb?x=1;script-src%20*", "https://app.example.com"),
            ("http://127.0.0.1:49152/callback", "http://127.0.0.1:49152"),
            ("http://[::1]:4000/callback", "http:"),
            ("com.example.app:/oauth", "com.example.app:"),
        ] {
            let redirect = Url::parse(redirect).expect("a valid URL");
            let policy = content_security_policy(Some(&redirect));
            assert!(policy.ends_with(&format!("form-action 'self' {source}")), "{policy}");
        }
        assert!(content_security_policy(None).ends_with("form-action 'self'"));
    }

    #[test]
    fn a_host_that_reads_as_policy_syntax_is_left_out() {
        for redirect in ["https://*/cb", "https://*.example.com/cb", "https://a;sandbox/cb", "https://a,b/cb"] {
            let redirect = Url::parse(redirect).expect("a valid URL");
            assert!(content_security_policy(Some(&redirect)).ends_with("form-action 'self'"), "{redirect}");
        }
    }
}
