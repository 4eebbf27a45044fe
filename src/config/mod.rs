//! The configuration, proved: what the rest of the program may rely on without looking again.
//!
//! `raw` is the file as written, `prove` turns it into these types or into every error at once, `docs` prints the schema and
//! the reference page from the same types.

mod catalogue;
mod model;

pub use catalogue::{Catalogue, Risk, ScopeEntry, Visibility};
pub use model::{
    Access, Api, ApiKind, AuditPolicy, Config, DeploymentSecret, Endpoint, InjectedHeader, Limits, Listen, OAuthPolicy, Roles,
    Route, RouteMeta, Target, Tell, Tenancy, Upstream, UpstreamTimeouts,
};
