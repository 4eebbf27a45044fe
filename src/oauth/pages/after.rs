//! Where a browser goes once its user has signed in. Only places of our own: a free address here would be an open redirect.

use url::form_urlencoded::Serializer;

use crate::types::{AuthRequestId, OrgId};
use crate::web::Params;

/// Where a person goes when nothing else was asked for.
const HOME: &str = "/settings/applications";
/// Where the code of a device is typed.
pub(super) const DEVICE: &str = "/device";
/// What the operator's pages are below: they ask for a fresh sign-in.
const OPERATOR: &str = "/operator/";
/// Marks the way to a sign-in that somebody who is signed in has to repeat.
pub(super) const AGAIN: &str = "again";
/// Pages that may be returned to.
const PAGES: [&str; 6] = ["/settings/", "/orgs/", OPERATOR, "/invitations/", "/password", DEVICE];

/// Where to go after signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// To the decision on an authorization request, in the organization that was chosen before.
    Request(AuthRequestId, Option<OrgId>),
    /// To a page: a path and query of this origin.
    Page(String),
}

impl After {
    /// Reads `request` or `next`; anything doubtful leads to the person's own applications.
    #[must_use]
    pub fn read(params: &Params) -> Self {
        if let Some(id) = params.one("request").ok().flatten().and_then(|id| AuthRequestId::parse(id).ok()) {
            return Self::Request(id, chosen(params));
        }
        let next = params.one("next").ok().flatten().filter(|n| is_own_page(n));
        Self::Page(next.unwrap_or(HOME).to_owned())
    }

    /// Where the browser goes.
    #[must_use]
    pub fn location(&self) -> String {
        match self {
            Self::Request(id, org) => of_request("/consent", id, org.as_ref()),
            Self::Page(page) => page.clone(),
        }
    }

    /// Whether the person is in the middle of a decision, which another account may have to take.
    #[must_use]
    pub fn decides(&self) -> bool {
        match self {
            Self::Request(..) => true,
            Self::Page(page) => page.split('?').next() == Some(DEVICE),
        }
    }

    /// Whether it takes a sign-in of the last minutes.
    #[must_use]
    pub fn asks_again(&self) -> bool {
        matches!(self, Self::Page(page) if page.starts_with(OPERATOR))
    }

    /// `path` with what makes [`After::read`] say the same again.
    #[must_use]
    pub fn through(&self, path: &str) -> String {
        match self {
            Self::Request(id, org) => of_request(path, id, org.as_ref()),
            Self::Page(page) if page == HOME => path.to_owned(),
            Self::Page(page) => Serializer::for_suffix(format!("{path}?"), path.len() + 1).append_pair("next", page).finish(),
        }
    }

    /// The way to sign in once more, although somebody is signed in, and on to here.
    #[must_use]
    pub fn once_more(&self) -> String {
        let way = self.through("/login");
        let sign = if way.contains('?') { '&' } else { '?' };
        format!("{way}{sign}{AGAIN}=1")
    }
}

/// The organization that an address says was chosen.
pub(super) fn chosen(params: &Params) -> Option<OrgId> {
    params.one("org").ok().flatten().and_then(|org| OrgId::parse(org).ok())
}

fn of_request(path: &str, id: &AuthRequestId, org: Option<&OrgId>) -> String {
    match org {
        Some(org) => format!("{path}?request={id}&org={org}"),
        None => format!("{path}?request={id}"),
    }
}

fn is_own_page(path: &str) -> bool {
    let plain = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'/' | b'?' | b'=' | b'&' | b'%' | b'.' | b'_' | b'~' | b'-' | b':' | b'+' | b'*')
    };
    PAGES.iter().any(|p| path.starts_with(p))
        && path.len() <= 1024
        && path.bytes().all(plain)
        && !path.contains("//")
        && !path.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> String {
        After::read(&Params::parse(query.as_bytes()).expect("a query")).location()
    }

    #[test]
    fn only_own_pages_are_returned_to() {
        assert_eq!(read("next=%2Forgs%2Facme%2Faudit%3Ftool%3Dx"), "/orgs/acme/audit?tool=x");
        assert_eq!(read("request=ar_1&next=%2Forgs%2Fx"), "/consent?request=ar_1");
        assert_eq!(read("request=ar_1&org=org_1"), "/consent?request=ar_1&org=org_1");
        assert_eq!(read("request=ar_1&org=%2F%2Fevil"), "/consent?request=ar_1");
        for trick in [
            "//evil",
            "/\\evil",
            "https:evil",
            "\t//evil",
            "/orgs//evil",
            "/orgs/../evil",
            "@evil",
            "/orgs/\\evil",
            "/evil",
            "/orgs/\r\nLocation:x",
            "https://evil/orgs/",
        ] {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", trick).finish();
            assert_eq!(read(&query), HOME, "{trick:?}");
        }
        assert_eq!(read("request=..%2Fx"), HOME);
    }

    #[test]
    fn the_way_survives_a_form() {
        for query in ["next=%2Forgs%2Facme%2Faudit%3Fa%3D1%26b%3D2", "request=ar_1", "request=ar_1&org=org_1", ""] {
            let after = After::read(&Params::parse(query.as_bytes()).expect("a query"));
            for way in [after.through("/login"), after.once_more()] {
                let again = Params::parse(way.split_once('?').map_or("", |(_, q)| q).as_bytes()).expect("a query");
                assert_eq!(After::read(&again), after, "{way}");
            }
        }
    }
}
