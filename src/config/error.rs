//! What can be wrong with a configuration, and what deserves a second look.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem} ({way_out})")]
pub struct ConfigError {
    /// The key, for example `apis[2].routes[0].scopes`, or the file.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub way_out: String,
}

impl ConfigError {
    pub(super) fn new(path: impl fmt::Display, problem: impl fmt::Display, way_out: impl fmt::Display) -> Self {
        Self { path: path.to_string(), problem: problem.to_string(), way_out: way_out.to_string() }
    }
}

/// Everything that is wrong; one cause per line. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let end = if i + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "{error}{end}")?;
        }
        Ok(())
    }
}

/// Something that works and may not be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key.
    pub path: String,
    /// What is odd about it, and the way out.
    pub text: String,
}

impl Warning {
    pub(super) fn new(path: impl fmt::Display, text: impl fmt::Display) -> Self {
        Self { path: path.to_string(), text: text.to_string() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// Where in the file we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPath(String);

impl KeyPath {
    pub(super) const fn root() -> Self {
        Self(String::new())
    }

    /// A key below this one, quoted where TOML needs it.
    pub(super) fn key(&self, key: &str) -> Self {
        let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let dot = if self.0.is_empty() { "" } else { "." };
        if bare { Self(format!("{}{dot}{key}", self.0)) } else { Self(format!("{}{dot}{key:?}", self.0)) }
    }

    pub(super) fn index(&self, i: usize) -> Self {
        Self(format!("{}[{i}]", self.0))
    }

    pub(super) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
