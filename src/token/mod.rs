//! Access tokens: what issuer and gate agree on, and what this node knows about the grants behind them.
//!
//! A token is a JWT (RFC 9068) that names its grant. Its signature says that we issued it; whether it still means anything is
//! asked of the [`View`] at every request, and the [`Principal`] that answers is thrown away as soon as anything that it was
//! computed from has changed.

mod assertion;
mod audit_keys;
mod cache;
mod claims;
mod common;
mod effective;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guesses;
mod keys;
mod lease;
mod narrowing;
mod peers;
mod principal;
mod refusal;
mod subject;
mod verify;
mod view;

pub use assertion::{ASSERTION_AHEAD, ClientAuthentication, NewAssertion, Signed};
pub use claims::Claims;
pub use effective::{Effective, Factors, effective, effective_of_key, flows, standing, standing_of_key};
pub use keys::{IssuedToken, KeyRing, NewAccessToken, TokenFault};
pub use narrowing::{Narrowing, Unsayable, narrowing};
pub use principal::{Fingerprint, Presented, Principal};
pub use refusal::{Refusal, Rejected};
pub use subject::{LENDS_ITSELF, Unfit, fit_to_act, may_be_subject};
pub use verify::{Verifier, looks_ours};
pub use view::{View, Watch};
