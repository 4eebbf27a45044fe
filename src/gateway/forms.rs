//! Bodies that name a tenant. What may not be in the URL may not be in a form either, for servers read both alike, the form first; and some
//! routes take bodies that could say whose data they are about.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::authorize::Permit;
use super::denial::{Denial, NamedBy};
use super::{narrow, spelt};
use crate::labels::Refused;

/// Whether the body of a permitted request could name a tenant, and so has to be read before it goes on: as a form, or where its route
/// says so.
///
/// # Errors
/// When it could, and is none that every server reads alike.
pub fn decides(permit: &Permit, headers: &HeaderMap) -> Result<bool, Denial> {
    let known = permit.principal().is_some();
    if known && !permit.rule().body_without.is_empty() {
        let coded = headers.contains_key(CONTENT_ENCODING);
        return if coded { Err(Denial::Organization(NamedBy::Body)) } else { Ok(true) };
    }
    let bound = known && permit.api().tenancy.reads_forms();
    if !bound {
        return Ok(false);
    }
    match kind(headers) {
        Kind::Other => Ok(false),
        Kind::Form => Ok(true),
        Kind::Unreadable => Err(Denial::Selector(Refused::NotAForm)),
    }
}

/// Whether a body is a form that everybody reads alike.
#[must_use]
pub fn is_one(headers: &HeaderMap) -> bool {
    kind(headers) == Kind::Form
}

/// Refuses a form with a parameter that names a tenant, and a body with what its route takes none with.
///
/// # Errors
/// When it has one.
pub fn check(permit: &Permit, body: &[u8]) -> Result<(), Denial> {
    let without = &permit.rule().body_without;
    if !without.is_empty() && spelt::may_have(body, without) {
        return Err(Denial::Organization(NamedBy::Body));
    }
    let named = permit.api().tenancy.is_named_in(body);
    if named { Err(Denial::Organization(NamedBy::Query)) } else { Ok(()) }
}

/// What a server could take a body for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No form.
    Other,
    /// A form that we read as everybody does.
    Form,
    /// One of several parts, compressed, or in another charset.
    Unreadable,
}

/// The kind that the headers say, by the most generous reading that a server may have.
fn kind(headers: &HeaderMap) -> Kind {
    let says = |name: &str| {
        headers.get_all(CONTENT_TYPE).iter().any(|v| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase().contains(name))
    };
    let once = headers.get_all(CONTENT_TYPE).iter().count() == 1;
    if !says("x-www-form-urlencoded") && !says("multipart/form-data") {
        Kind::Other
    } else if once && narrow::is_form(headers) && !headers.contains_key(CONTENT_ENCODING) {
        Kind::Form
    } else {
        Kind::Unreadable
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(types: &[&'static str], coding: Option<&'static str>) -> Kind {
        let mut headers = HeaderMap::new();
        for value in types {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        kind(&headers)
    }

    #[test]
    fn whatever_a_server_could_take_for_a_form_is_one() {
        let form = "application/x-www-form-urlencoded";
        for (types, coding, expected) in [
            (&[][..], None, Kind::Other),
            (&["application/json"], Some("gzip"), Kind::Other),
            (&["application/x-protobuf"], None, Kind::Other),
            (&[form], None, Kind::Form),
            (&["Application/X-WWW-Form-URLencoded; charset=UTF-8"], None, Kind::Form),
            (&[form], Some("gzip"), Kind::Unreadable),
            (&["application/x-www-form-urlencoded; charset=ibm037"], None, Kind::Unreadable),
            (&["application/x-www-form-urlencoded, text/plain"], None, Kind::Unreadable),
            (&["text/plain", form], None, Kind::Unreadable),
            (&["multipart/form-data; boundary=x"], None, Kind::Unreadable),
            (&["Multipart/Form-Data"], None, Kind::Unreadable),
        ] {
            assert_eq!(of(types, coding), expected, "{types:?} {coding:?}");
        }
    }
}
