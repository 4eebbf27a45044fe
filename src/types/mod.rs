//! The vocabulary that every layer shares. No I/O happens here.

mod chain;
mod clock;
mod dialect;
mod digits;
mod email;
mod entropy;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod ids;
mod memory;
mod network;
mod org_resource;
mod own_scope;
pub mod rfc3339;
mod scope;
mod secret;
mod selector;
mod setting;
mod template;
mod uri;
mod user_code;

pub use chain::Chain;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use dialect::Dialect;
pub use digits::{Digits, Dotted};
pub use email::{EmailAddress, EmailError};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use ids::{
    ALL_TENANTS, ApiKeyId, ApiName, AppId, AppUuid, AuthRequestId, ChainId, ClientId, GrantId, IdError, IdSource, InvitationId,
    KeyId, NodeId, OrgId, RecordId, RequestId, RoleName, RouteId, Slug, UserId,
};
pub use memory::{Buffer, Exhausted, Held, Memory, Owner};
pub use network::network;
pub use org_resource::{OrgNamed, OrgResource};
pub use own_scope::OwnScope;
pub use scope::{API_KEYS_WRITE, MAX_SCOPES, ScopeBits, ScopeError, ScopeSet, ScopeToken};
pub use secret::{HashedToken, PlainToken, TokenKind};
pub use selector::{LabelValues, Selector, SelectorError, Selectors};
pub use setting::Setting;
pub use template::{Placeholder, Template, TemplateError};
pub use uri::{Issuer, RedirectUri, ResourceId, UriError, UriPart};
pub use user_code::UserCode;
