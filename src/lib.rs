//! Tollgate: the OAuth 2.1 authorization server and the gate of APIs that an operator already runs.
pub mod gateway;
pub mod routing;
pub mod types;
