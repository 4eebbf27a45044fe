//! Tollgate: the OAuth 2.1 authorization server and the gate of APIs that an operator already runs.
pub mod audit;
pub mod record;
pub mod store;
pub mod types;
