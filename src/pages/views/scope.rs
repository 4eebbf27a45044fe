//! How a scope looks wherever one is listed.

use crate::config::{Deprecation, Risk, ScopeEntry};
use crate::pages::DisplayName;
use crate::pages::texts::{Text, definition as texts};
use crate::types::ScopeToken;

/// What is said of a scope wherever one is listed, beside its name and what it lets an application do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeLabel {
    /// Its short name for people, when it has one.
    pub title: Option<DisplayName>,
    /// That it is going away; nothing for one that stays.
    pub retiring: Text,
}

impl ScopeLabel {
    /// Nothing to say.
    pub const NONE: Self = Self { title: None, retiring: Text::NONE };

    /// What the catalogue says of a scope.
    #[must_use]
    pub fn of(entry: Option<&ScopeEntry>) -> Self {
        let retiring = |d: &Deprecation| texts::retiring(d.replaced_by.as_ref().map(ScopeToken::as_str));
        let title = entry.and_then(|e| e.title.as_deref()).map(DisplayName::new);
        Self { title, retiring: entry.and_then(|e| e.deprecated.as_ref()).map_or(Text::NONE, retiring) }
    }
}

/// The picture beside a scope: a warning when its risk is high, else what its last word says it does.
pub(super) fn scope_icon(scope: &str, risk: Risk) -> &'static str {
    if risk == Risk::High {
        return "alert";
    }
    match scope.rsplit([':', '_', '-', '.']).next() {
        Some("read" | "query") => "eye",
        Some("write" | "delete" | "admin") => "pencil",
        _ => "play",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_decides_unless_the_risk_is_high() {
        for (scope, icon) in [
            ("metrics:read", "eye"),
            ("dashboards_read", "eye"),
            ("datasources:query", "eye"),
            ("rules:write", "pencil"),
            ("mcp:everything:invoke", "play"),
            ("openid", "play"),
        ] {
            assert_eq!(scope_icon(scope, Risk::Medium), icon, "{scope}");
            assert_eq!(scope_icon(scope, Risk::High), "alert", "{scope}");
        }
    }
}
