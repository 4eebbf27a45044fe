//! How a scope looks wherever one is listed.

use crate::config::Risk;

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
