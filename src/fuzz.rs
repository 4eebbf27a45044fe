//! Everything that reads bytes of strangers, one function each: it panics when the bytes make it break a promise. Fuzzers call them
//! (`fuzz/`, see the threat model), and so do tests, so that no function rots.

pub use crate::apps::fuzz::manifest;
pub use crate::authorizer::fuzz::{authorizer_grpc, authorizer_http};
pub use crate::config::fuzz::configuration;
pub use crate::gateway::fuzz::{forwarded, path, tenant};
pub use crate::gateway::hygiene::fuzz::head;
pub use crate::gateway::location::fuzz::references;
pub use crate::indices::fuzz::indices;
pub use crate::labels::fuzz::{label_parameters, logql, promql, silences};
pub use crate::listener::fuzz::{announced, frames};
pub use crate::mcp::fuzz::{mcp_answer, mcp_message, mcp_tasks};
pub use crate::oauth::fuzz::{client_authentication, pkce, registration};
pub use crate::store::fuzz::audit_batch;
pub use crate::token::fuzz::tokens;
pub use crate::types::fuzz::{names, redirect_uri, scopes};
pub use crate::web::fuzz::{cookies, form};

#[cfg(test)]
mod tests;

/// A function with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The functions with their names, which are those of the programs in `fuzz/fuzz_targets` and of the seeds in `fuzz/corpus`.
pub const TARGETS: [Target; 29] = [
    ("announced", announced),
    ("audit_batch", audit_batch),
    ("authorizer_grpc", authorizer_grpc),
    ("authorizer_http", authorizer_http),
    ("client_authentication", client_authentication),
    ("configuration", configuration),
    ("cookies", cookies),
    ("form", form),
    ("forwarded", forwarded),
    ("frames", frames),
    ("head", head),
    ("indices", indices),
    ("label_parameters", label_parameters),
    ("logql", logql),
    ("manifest", manifest),
    ("mcp_answer", mcp_answer),
    ("mcp_message", mcp_message),
    ("mcp_tasks", mcp_tasks),
    ("names", names),
    ("path", path),
    ("pkce", pkce),
    ("promql", promql),
    ("redirect_uri", redirect_uri),
    ("references", references),
    ("registration", registration),
    ("scopes", scopes),
    ("silences", silences),
    ("tenant", tenant),
    ("tokens", tokens),
];
