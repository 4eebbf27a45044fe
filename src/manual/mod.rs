//! The manual: the same text in the repository, in this documentation and in `tollgate manual`.
//!
#![doc = include_str!("request-path.md")]

#[cfg(test)]
mod tests;

/// One page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What `tollgate manual` calls it.
    pub name: &'static str,
    /// Markdown; the first line is its title.
    pub text: &'static str,
}

macro_rules! topics {
    ($($name:literal)+) => {
        /// Every page, in reading order.
        pub const TOPICS: &[Topic] = &[$(Topic { name: $name, text: include_str!(concat!($name, ".md")) }),+];
    };
}

topics! {
    "configuration"
    "runbook"
    "plugin"
    "people"
    "clients"
    "apps"
    "api-keys"
    "api"
    "errors"
    "metrics"
    "audit-log"
    "request-path"
    "threat-model"
    "decisions"
    "performance"
}

/// The page with a name.
#[must_use]
pub fn topic(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|t| t.name == name)
}

impl Topic {
    /// Its title.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or(self.name).trim_start_matches(['#', ' '])
    }
}
