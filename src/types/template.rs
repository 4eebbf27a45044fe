//! Texts of the configuration that name facts of a request: `{org.tenant}`, `{user.email}`. Parsed once, filled for each request.

use std::fmt;

/// What a template can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// What the upstream knows the organization by.
    OrgTenant,
    /// The organization's id.
    OrgId,
    /// The organization's short name.
    OrgSlug,
    /// The user's id.
    UserId,
    /// The user's address.
    UserEmail,
    /// The user's name.
    UserName,
    /// The application's `client_id`.
    ClientId,
    /// The application's name.
    ClientName,
    /// The grant that the token comes from.
    GrantId,
    /// The id of the token (`jti`) or of the API key.
    TokenId,
    /// What the caller may do now, with spaces in between.
    Scopes,
    /// The request's id.
    RequestId,
    /// The `operation` of the route.
    Operation,
}

impl Placeholder {
    /// What names the organization.
    pub const OF_ORG: &[Self] = &[Self::OrgTenant, Self::OrgId, Self::OrgSlug];
    /// What names the organization, or the operation of the route.
    pub const OF_PATH: &[Self] = &[Self::OrgTenant, Self::OrgId, Self::OrgSlug, Self::Operation];
    /// What names who calls.
    pub const OF_CALLER: &[Self] = &[Self::OrgTenant, Self::OrgId, Self::OrgSlug, Self::UserId, Self::UserEmail, Self::ClientId];
    /// What is known of a request once it is allowed.
    pub const OF_REQUEST: &[Self] = &[
        Self::OrgTenant,
        Self::OrgId,
        Self::OrgSlug,
        Self::UserId,
        Self::UserEmail,
        Self::UserName,
        Self::ClientId,
        Self::ClientName,
        Self::GrantId,
        Self::TokenId,
        Self::Scopes,
        Self::RequestId,
    ];

    /// What stands between the braces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrgTenant => "org.tenant",
            Self::OrgId => "org.id",
            Self::OrgSlug => "org.slug",
            Self::UserId => "user.id",
            Self::UserEmail => "user.email",
            Self::UserName => "user.name",
            Self::ClientId => "client.id",
            Self::ClientName => "client.name",
            Self::GrantId => "grant.id",
            Self::TokenId => "token.id",
            Self::Scopes => "scopes",
            Self::RequestId => "request.id",
            Self::Operation => "operation",
        }
    }
}

/// As it is written, braces included.
impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace stands alone.
    #[error("{0:?} has a brace without its partner")]
    Brace(String),
    /// Nothing is known by these names here.
    #[error("unknown placeholder {}", .0.join(", "))]
    Unknown(Vec<String>),
}

/// A text with the places that are filled in for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Box<[Part]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Named(Placeholder),
}

impl Template {
    /// Reads a text in which each of `known` may be named.
    ///
    /// # Errors
    /// When a brace stands alone, or when something else is named.
    pub fn parse(text: &str, known: &[Placeholder]) -> Result<Self, TemplateError> {
        let (mut parts, mut unknown) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(start);
            let inside = from.strip_prefix('{').and_then(|r| r.split_once('}')).filter(|(name, _)| !name.contains('{'));
            let Some((name, after)) = inside else { return Err(TemplateError::Brace(text.to_owned())) };
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            match known.iter().find(|p| p.name() == name) {
                Some(placeholder) => parts.push(Part::Named(*placeholder)),
                None => unknown.push(format!("{{{name}}}")),
            }
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        if unknown.is_empty() { Ok(Self(parts.into())) } else { Err(TemplateError::Unknown(unknown)) }
    }

    /// What it names, in its order.
    pub fn names(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.0.iter().filter_map(|part| match part {
            Part::Named(placeholder) => Some(*placeholder),
            Part::Text(_) => None,
        })
    }

    /// Whether it is the empty text.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, with what `put` adds to it in each place.
    pub fn fill(&self, mut put: impl FnMut(Placeholder, &mut String)) -> String {
        let mut out = String::with_capacity(64);
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Named(placeholder) => put(*placeholder, &mut out),
            }
        }
        out
    }
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Named(placeholder) => placeholder.fmt(f),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_is_found_and_filled_once() {
        for placeholder in Placeholder::OF_REQUEST {
            let text = format!("a {placeholder}-{placeholder}");
            let template = Template::parse(&text, Placeholder::OF_REQUEST).expect("a template");
            assert_eq!(template.names().collect::<Vec<_>>(), [*placeholder; 2]);
            assert_eq!(template.to_string(), text);
            // What is filled in is not looked into again.
            assert_eq!(template.fill(|p, out| out.push_str(&p.to_string())), text);
        }
    }

    #[test]
    fn what_nobody_fills_is_refused() {
        let parse = |text| Template::parse(text, Placeholder::OF_ORG);
        assert_eq!(parse("{org.name}/{x}"), Err(TemplateError::Unknown(vec!["{org.name}".into(), "{x}".into()])));
        assert_eq!(parse("{user.id}"), Err(TemplateError::Unknown(vec!["{user.id}".into()])), "known elsewhere only");
        for text in ["{", "}", "{org.id", "org.id}", "{{org.id}}", "{org.id}}", "{a{org.id}"] {
            assert_eq!(parse(text), Err(TemplateError::Brace(text.into())));
        }
        assert!(parse("").is_ok_and(|t| t.is_empty()));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_was(text in "([a-z ./:-]|\\{org\\.(id|slug|tenant)\\}){0,12}") {
            let template = Template::parse(&text, Placeholder::OF_ORG).expect("a template");
            prop_assert_eq!(template.to_string(), text);
        }
    }
}
