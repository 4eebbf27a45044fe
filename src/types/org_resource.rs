//! Resources that name an organization: `urn:example:org:{org.id}` (RFC 8707 §2).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{OrgId, ResourceId, Slug};

/// An organization as resources name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgNamed {
    /// By its id.
    Id(OrgId),
    /// By its short name.
    Slug(Slug),
    /// By both, each in a resource of its own.
    Both(OrgId, Slug),
}

impl OrgNamed {
    /// Whether it is this one.
    #[must_use]
    pub fn is(&self, id: &OrgId, slug: &Slug) -> bool {
        match self {
            Self::Id(named) => named == id,
            Self::Slug(named) => named == slug,
            Self::Both(named, short) => named == id && short == slug,
        }
    }

    /// What two resources name together; `None` when that can't be one organization. Whether an id and a short name are the same one's
    /// shows only where it is chosen.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Id(id), Self::Slug(slug)) | (Self::Slug(slug), Self::Id(id)) => Some(Self::Both(id, slug)),
            (Self::Both(id, slug), named) | (named, Self::Both(id, slug)) => {
                let fits = named.is(&id, &slug);
                fits.then_some(Self::Both(id, slug))
            }
            (one, other) => (one == other).then_some(one),
        }
    }
}

/// What stands for the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum By {
    Id,
    Slug,
}

impl By {
    const fn written(self) -> &'static str {
        match self {
            Self::Id => "{org.id}",
            Self::Slug => "{org.slug}",
        }
    }
}

/// Identifiers of one resource, one for each organization.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgResource {
    before: String,
    by: By,
    after: String,
}

impl OrgResource {
    /// Reads a URI that says where the organization stands in it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = [By::Id, By::Slug].into_iter().find_map(|by| Some((by, text.split_once(by.written())?)));
        let (by, (before, after)) = found.ok_or("must have {org.id} or {org.slug} in braces")?;
        // As it will be compared: with the organization in it, as a request brings it.
        let sample = format!("{before}x{after}");
        match ResourceId::parse(&sample) {
            Err(why) => Err(why.to_string()),
            Ok(read) if read.as_str() != sample => {
                Err("must be written as it is compared: host in lower case, no default port, no slash at its end".to_owned())
            }
            Ok(_) => Ok(Self { before: before.to_owned(), by, after: after.to_owned() }),
        }
    }

    /// The organization that a resource names, if it is one of these.
    #[must_use]
    pub fn names(&self, resource: &ResourceId) -> Option<OrgNamed> {
        let named = resource.as_str().strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        match self.by {
            By::Id => OrgId::parse(named).ok().map(OrgNamed::Id),
            By::Slug => Slug::parse(named).ok().map(OrgNamed::Slug),
        }
    }
}

impl fmt::Display for OrgResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.before, self.by.written(), self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(template: &str, text: &str) -> Option<OrgNamed> {
        let resource = ResourceId::parse(text).expect("a resource");
        OrgResource::parse(template).expect(template).names(&resource)
    }

    #[test]
    fn a_resource_names_an_organization_where_the_template_says() {
        let slug = |text| Some(OrgNamed::Slug(Slug::parse(text).expect("a slug")));
        assert_eq!(named("urn:tollgate:org:{org.slug}", "urn:tollgate:org:acme"), slug("acme"));
        assert_eq!(named("urn:o:{org.slug}:metrics", "urn:o:acme:metrics"), slug("acme"));
        assert_eq!(named("https://gw.test/of/{org.slug}", "https://GW.test/of/acme/"), slug("acme"));
        let id = OrgId::parse("org_0192f0c1aaaa7bbb8cccddddeeeeffff").expect("an id");
        assert_eq!(named("urn:o:{org.id}", &format!("urn:o:{id}")), Some(OrgNamed::Id(id)));
        for other in ["urn:o:", "urn:o:acme:more", "urn:p:acme", "urn:o:Acme", "urn:o:a b"] {
            let Ok(resource) = ResourceId::parse(other) else { continue };
            assert_eq!(OrgResource::parse("urn:o:{org.slug}").expect("a template").names(&resource), None, "{other}");
        }
    }

    #[test]
    fn resources_name_an_organization_together() {
        let id = |last: &str| OrgId::parse(&format!("org_0192f0c1aaaa7bbb8cccddddeeeeff{last}")).expect("an id");
        let slug = |text| Slug::parse(text).expect("a slug");
        let (by_id, by_slug, both) =
            (OrgNamed::Id(id("01")), OrgNamed::Slug(slug("acme")), OrgNamed::Both(id("01"), slug("acme")));
        for named in [&by_id, &by_slug, &both] {
            assert_eq!(named.clone().and(named.clone()).as_ref(), Some(named), "once more");
            assert_eq!(both.clone().and(named.clone()).as_ref(), Some(&both));
            assert_eq!(named.clone().and(both.clone()).as_ref(), Some(&both));
        }
        assert_eq!(by_id.clone().and(by_slug.clone()).as_ref(), Some(&both));
        assert_eq!(by_slug.clone().and(by_id.clone()).as_ref(), Some(&both));
        for other in [OrgNamed::Id(id("02")), OrgNamed::Slug(slug("beta")), OrgNamed::Both(id("01"), slug("beta"))] {
            assert_eq!(both.clone().and(other.clone()), None, "{other:?}");
            assert_eq!(other.clone().and(both.clone()), None, "{other:?}");
        }
        assert_eq!(by_id.and(OrgNamed::Id(id("02"))), None);
        assert_eq!(by_slug.and(OrgNamed::Slug(slug("beta"))), None);
        assert!(both.is(&id("01"), &slug("acme")));
        assert!(!both.is(&id("01"), &slug("beta")) && !both.is(&id("02"), &slug("acme")));
    }

    #[test]
    fn a_template_has_one_organization_in_a_uri() {
        for good in ["urn:a:{org.id}", "urn:a:{org.slug}:b", "https://gw.test/{org.slug}"] {
            assert_eq!(OrgResource::parse(good).map(|t| t.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "urn:a",
            "urn:a:{org.name}",
            "{org.id}",
            "urn:a:{org.id}:{org.slug}",
            "urn:a:{org.id}{",
            "https://GW.test/{org.id}",
            "https://gw.test/{org.id}/",
            "urn:a:{org.id}#x",
        ] {
            assert!(OrgResource::parse(bad).is_err(), "{bad}");
        }
    }
}
