//! The configuration, proved: what the rest of the program may rely on without looking again.
//!
//! [`raw`] is the file as written, `prove` turns it into these types or into every error at once, [`docs`] prints the schema and
//! the reference page from the same types. [`pack`] holds ready-made routes, [`quickstart`] makes a configuration without a file,
//! [`matrix`] shows people what a configuration permits.

mod catalogue;
mod change;
pub mod docs;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod list;
mod load;
mod logo;
pub mod matrix;
mod model;
pub mod own_api;
pub mod pack;
mod prove;
pub mod quickstart;
pub mod raw;
mod read;
mod secrets;
mod shape;
mod tls;
mod whereabouts;
mod written;

#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, Deprecation, GrantFlow, Risk, ScopeEntry, Visibility};
pub use change::restart_needed;
pub use error::{ConfigError, ConfigErrors, Warning};
pub use list::List;
pub use logo::Logo;
pub use matrix::Matrix;
pub use model::{
    Access, Api, ApiKind, Assertion, AuditPolicy, AuthorizerPolicy, Breaker, Checks, Closed, Config, DeploymentSecret, Ejection,
    Endpoint, Exchange, ExchangeAuth, Health, Hook, HookTarget, InjectedHeader, Limits, Listen, OAuthPolicy, OrgName, Rate,
    Requirement, Retries, RoleSelectors, Roles, Route, RouteMeta, RouteScopes, RouteTimeouts, ScopeRule, Site, SubjectTokenType,
    Target, Tell, TemplateHeader, Tenancy, Traffic, Upstream, UpstreamLimits, UpstreamTimeouts,
};
pub use quickstart::{Quickstart, ToolRule};
pub use raw::{Enforce, Enforcement, HookEvent, IndexBody, Per, RouteErrors, RouteUpgrade, TellMode, UpstreamProtocol};
pub use secrets::{Environment, ProcessEnvironment};
pub use tls::{CertificateFiles, ListenMaterial, ListenTls, ServerCertificate, UpstreamTls, provider};
pub use whereabouts::Whereabouts;
pub use written::{ByteSize, Kind, Origin, Written};
