//! The gateway as a whole: real sockets, a real store, an upstream that remembers every byte.

#[path = "../support/postgres.rs"]
mod postgres;

mod answers;
mod api;
mod api_keys;
mod crash;
mod harness;
mod hooks;
mod hygiene;
mod keys;
mod labels;
mod layers;
mod limits;
mod mcp;
mod organizations;
mod outcomes;
mod overload;
mod panics;
mod partner;
mod requirements;
mod revocation;
mod runtime;
mod secrets;
mod smoke;
mod tls;
mod upstreams;
