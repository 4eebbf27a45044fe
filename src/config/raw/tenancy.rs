//! How the organization is told to an upstream.

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::written::Written;

/// How the upstream is told. `{org.tenant}`, `{org.id}` and `{org.slug}` are replaced.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum RawTenant {
    /// By one header, whose every other copy is removed.
    Header {
        /// Its name.
        name: Written<HeaderName>,
        /// Its value.
        value: String,
        /// A label with the same value, by which routes are narrowed whose upstream does not look at the header (`blind_to`).
        /// Without it they are refused.
        label: Option<String>,
    },
    /// By what is put before the path.
    PathPrefix {
        /// The prefix, starting with `/`. `{operation}` is replaced by the `operation` of the route.
        value: String,
    },
    /// By a label matcher that is added to every selector of a query: the upstream holds the series or streams of all
    /// organizations and tells them apart by a label. Routes that don't say how they are enforced are refused.
    Label {
        /// The label.
        label: String,
        /// Its value for the organization.
        value: String,
    },
    /// By what the names of its indices start with: an OpenSearch or Elasticsearch that holds the indices of all organizations.
    /// Names in paths and bodies have to start so; routes without an index are refused unless `enforce` is `"nothing"`.
    Index {
        /// What they start with for the organization. One placeholder and behind it a character that no name of an
        /// organization has: `"{org.slug}."`.
        value: String,
    },
    /// Not at all, also where `pack` has a way: the upstream serves one organization, or everybody the same.
    None,
}

/// A way of telling the organization that an upstream may not look at everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TellMode {
    /// A header.
    Header,
    /// What is put before the path.
    PathPrefix,
}
