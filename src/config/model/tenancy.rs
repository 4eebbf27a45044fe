//! How an API and its upstream are bound to the organization.

use super::{Closed, Route};
use crate::config::{Enforce, IndexBody, TellMode};
use crate::types::Template;

/// How requests and the upstream are bound to the organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenancy {
    /// `{org}.apps.example.com`: what stands behind the organization's slug in the host.
    pub host_suffix: Option<String>,
    /// How the upstream is told.
    pub tell: Option<Tell>,
    /// Query parameters that name a tenant to the upstream and are therefore refused.
    pub forbidden_query: Vec<String>,
    /// Those that are taken out of the URL, and refused in forms. None of them is in `forbidden_query`.
    pub stripped_query: Vec<String>,
}

impl Tenancy {
    /// Whether parameters, of a URL or a form, name a tenant to the upstream.
    #[must_use]
    pub fn is_named_in(&self, parameters: &[u8]) -> bool {
        names_any(parameters, &self.forbidden_query) || names_any(parameters, &self.stripped_query)
    }

    /// Whether forms are read before they go on.
    #[must_use]
    pub fn reads_forms(&self) -> bool {
        !self.forbidden_query.is_empty() || !self.stripped_query.is_empty()
    }

    /// Why whatever is asked of a route is refused here.
    #[must_use]
    pub fn closes(&self, route: &Route) -> Option<Closed> {
        let nothing = route.enforce == Some(Enforce::Nothing);
        match self.tell.as_ref()? {
            Tell::Label { .. } => route.enforce.is_none().then_some(Closed::Label),
            Tell::Index { .. } => {
                let named = !route.index_captures.is_empty() || route.index_body.is_some_and(IndexBody::names_each);
                (!nothing && !named).then_some(Closed::Index)
            }
            tell if !tell.mode().is_some_and(|mode| route.blind_to.contains(&mode)) => None,
            Tell::Header { label: Some(_), .. } if route.enforce.is_some() => None,
            Tell::Header { .. } | Tell::PathPrefix { .. } => Some(Closed::Blind),
        }
    }
}

/// Whether parameters have one of these names. OpenSearch takes `;` for a separator too.
fn names_any(parameters: &[u8], names: &[String]) -> bool {
    let mut all = parameters.split(|b| matches!(b, b'&' | b';')).flat_map(url::form_urlencoded::parse);
    !names.is_empty() && all.any(|(key, _)| names.iter().any(|name| *name == key))
}

/// How the upstream is told which organization it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// By one header, whose every other copy is removed.
    Header {
        /// Its name.
        name: http::HeaderName,
        /// `{org.tenant}`, `{org.id}`, `{org.slug}` are replaced.
        template: Template,
        /// The label that has the same value, for routes whose upstream does not look at the header.
        label: Option<String>,
    },
    /// By what is put before the path.
    PathPrefix {
        /// `{org.tenant}`, `{org.id}`, `{org.slug}` are replaced, and `{operation}` by the route's.
        template: Template,
    },
    /// By a label matcher in every selector of every query.
    Label {
        /// The label.
        label: String,
        /// `{org.tenant}`, `{org.id}`, `{org.slug}` are replaced.
        template: Template,
    },
    /// By what the names of its indices start with.
    Index {
        /// Before the organization's name.
        before: String,
        /// What names the organization.
        name: OrgName,
        /// After it; never empty.
        after: String,
    },
}

impl Tell {
    /// The way, where an upstream may be blind to it.
    #[must_use]
    pub const fn mode(&self) -> Option<TellMode> {
        match self {
            Self::Header { .. } => Some(TellMode::Header),
            Self::PathPrefix { .. } => Some(TellMode::PathPrefix),
            Self::Label { .. } | Self::Index { .. } => None,
        }
    }
}

/// What names an organization to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrgName {
    /// `{org.tenant}`.
    Tenant,
    /// `{org.id}`.
    Id,
    /// `{org.slug}`.
    Slug,
}
