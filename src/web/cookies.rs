//! Cookies: one way in, one way out.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The value of a cookie. A name that comes twice with different values was planted by somebody; then there is none.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|h| h.to_str().ok()).flat_map(|h| h.split(';'));
    let mut values = pairs.filter_map(|p| p.trim().split_once('=')).filter(|(n, _)| *n == name).map(|(_, v)| v);
    let first = values.next()?;
    values.all(|v| v == first).then_some(first)
}

/// The full name of a cookie: `__Host-` keeps subdomains and plain http from planting it (RFC 6265bis §4.1.3.2).
pub(super) fn full_name(name: &str, https: bool) -> String {
    if https { format!("__Host-{name}") } else { name.to_owned() }
}

/// A `Set-Cookie` value for this whole origin, unreadable to scripts, not sent with other sites' forms. `full` is the whole name.
#[must_use]
pub fn new_cookie(full: &str, value: &str, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let mut header = HeaderValue::from_str(&format!("{full}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A `Set-Cookie` value that removes the cookie.
#[must_use]
pub fn expired_cookie(full: &str, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{full}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_second_cookie_voids_both() {
        let with = |text: &'static str| HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(text))]);
        assert_eq!(cookie(&with("a=1; tollgate=x"), "tollgate"), Some("x"));
        assert_eq!(cookie(&with("tollgate=x; tollgate=y"), "tollgate"), None);
        assert_eq!(cookie(&with("xtollgate=x"), "tollgate"), None);
    }

    #[test]
    fn over_https_a_cookie_is_bound_to_the_host() {
        let set = new_cookie(&full_name("tollgate", true), "v", true).expect("plain text");
        assert_eq!(set.to_str().ok(), Some("__Host-tollgate=v; Path=/; HttpOnly; SameSite=Lax; Secure"));
    }
}
