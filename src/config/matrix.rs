//! Who may do what, for people: every route with its scopes, every scope with its routes.

use std::fmt::{self, Display, Write};

use super::error::Warning;
use super::{Api, ApiKind, Config, Visibility};
use crate::mcp::{NamePolicy, Need};
use crate::types::{ScopeBits, ScopeToken};

/// The route × scope matrix of a configuration, with its warnings.
#[derive(Debug)]
pub struct Matrix<'a> {
    config: &'a Config,
    warnings: &'a [Warning],
}

impl<'a> Matrix<'a> {
    /// The matrix of `config`.
    #[must_use]
    pub const fn new(config: &'a Config, warnings: &'a [Warning]) -> Self {
        Self { config, warnings }
    }

    fn routes(&self) -> Vec<[String; 5]> {
        let mut rows = Vec::new();
        for api in &self.config.apis {
            for route in &api.listing {
                let methods = route.methods.iter().map(http::Method::as_str).collect::<Vec<_>>().join(",");
                let needs = match &route.needs {
                    None => "(public)".to_owned(),
                    Some(needs) if needs.is_empty() => "(any token)".to_owned(),
                    Some(needs) if route.keys => format!("{needs} (or an API key)"),
                    Some(needs) => needs.to_string(),
                };
                let needs = if route.client_certificate { format!("{needs} (with a client certificate)") } else { needs };
                let needs = route.closed.map_or(needs, |why| format!("({why})"));
                let path = format!("{}{}", api.mount, route.pattern);
                rows.push([api.name.to_string(), route.id.to_string(), methods, path, needs]);
            }
            rows.extend(self.tools(api));
        }
        rows
    }

    fn tools(&self, api: &Api) -> Vec<[String; 5]> {
        let ApiKind::Mcp(policy) = &api.kind else { return Vec::new() };
        let lists = [("tool", &policy.tools), ("prompt", &policy.prompts), ("resource", &policy.resources)];
        let mut rows = Vec::new();
        for (kind, names) in lists {
            for (pattern, rule) in names.listing() {
                let needs = match rule.need {
                    Need::Denied => "(denied)".to_owned(),
                    Need::Scopes(bits) => self.config.catalogue.scopes(&(bits | policy.invoke)).to_string(),
                };
                let when = rule.when.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let needs = if when.is_empty() { needs } else { format!("{needs} (by {when})") };
                rows.push([
                    api.name.to_string(),
                    kind.to_owned(),
                    String::new(),
                    pattern.unwrap_or("(others)").to_owned(),
                    needs,
                ]);
            }
        }
        rows
    }

    fn scopes(&self) -> Vec<[String; 5]> {
        let entries = self.config.catalogue.entries().iter();
        let row = |e: &super::ScopeEntry| {
            let visibility = match e.visibility {
                Visibility::Public => "public",
                Visibility::Managed => "managed",
                Visibility::Private => "private",
                Visibility::Internal => "internal",
            };
            let risk = format!("{:?}", e.risk).to_lowercase();
            let visibility = if e.deprecated.is_some() { format!("{visibility}, deprecated") } else { visibility.to_owned() };
            [e.name.to_string(), visibility, risk, self.holders(&e.name), self.users(&e.name)]
        };
        entries.map(row).collect()
    }

    fn bits(&self, scope: &ScopeToken) -> ScopeBits {
        self.config.catalogue.bits(&std::iter::once(scope.clone()).collect())
    }

    fn holders(&self, scope: &ScopeToken) -> String {
        let bits = self.bits(scope);
        if self.config.roles.2.covers(&bits) {
            return "everybody".to_owned();
        }
        let roles = self.config.roles.0.iter().filter(|(_, r)| r.covers(&bits)).map(|(name, _)| name.as_str());
        let roles = roles.collect::<Vec<_>>().join(",");
        match self.config.catalogue.entry(scope).and_then(|entry| entry.requires.as_ref()) {
            Some(other) => format!("{roles} (with {other})"),
            None => roles,
        }
    }

    /// Routes, and tools, prompts and resources as `API:PATTERN`, that need a scope.
    fn users(&self, scope: &ScopeToken) -> String {
        let bits = self.bits(scope);
        self.config.apis.iter().flat_map(|api| needing(api, scope, &bits)).collect::<Vec<_>>().join(" ")
    }
}

/// Routes of an API that are not closed, and its tools, prompts and resources as `API:PATTERN`, that need the scope at `bits`.
pub(super) fn needing(api: &Api, scope: &ScopeToken, bits: &ScopeBits) -> Vec<String> {
    let open = api.listing.iter().filter(|r| r.closed.is_none());
    let routes = open.filter(|r| r.needs.as_ref().is_some_and(|needs| needs.every().contains(scope)));
    let mut all: Vec<_> = routes.map(|r| r.id.to_string()).collect();
    let ApiKind::Mcp(policy) = &api.kind else { return all };
    for (pattern, rule) in [&policy.tools, &policy.prompts, &policy.resources].into_iter().flat_map(NamePolicy::listing) {
        if matches!(rule.need, Need::Scopes(needed) if needed.covers(bits)) {
            all.push(format!("{}:{}", api.name, pattern.unwrap_or("(others)")));
        }
    }
    all
}

impl Display for Matrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, ["API", "ROUTE", "METHODS", "PATH", "NEEDS"], &self.routes())?;
        writeln!(f)?;
        table(f, ["SCOPE", "VISIBILITY", "RISK", "ROLES", "ROUTES"], &self.scopes())?;
        for warning in self.warnings {
            write!(f, "\nwarning: {warning}")?;
        }
        if !self.warnings.is_empty() {
            writeln!(f)?;
        }
        Ok(())
    }
}

fn table(f: &mut fmt::Formatter<'_>, head: [&str; 5], rows: &[[String; 5]]) -> fmt::Result {
    let head = head.map(ToOwned::to_owned);
    let all = || std::iter::once(&head).chain(rows);
    let widths: [usize; 5] = std::array::from_fn(|i| all().map(|r| r[i].chars().count()).max().unwrap_or(0));
    for row in all() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "{cell:width$}  ")?;
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
