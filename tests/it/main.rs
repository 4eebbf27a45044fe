//! The gateway as a whole: real sockets, a real store, an upstream that remembers every byte.

#[path = "../support/postgres.rs"]
mod postgres;

mod answers;
mod api;
mod api_keys;
mod authorizer;
mod cors;
mod counts;
mod crash;
mod explain;
mod floods;
mod grpc;
mod harness;
mod hooks;
mod hygiene;
mod identity;
mod indices;
mod integration;
mod keys;
mod labels;
mod layers;
mod lengths;
mod limits;
mod mcp;
mod me;
mod organizations;
mod outcomes;
mod overload;
mod packs;
mod panics;
mod partner;
mod plugin;
mod reload;
mod requirements;
mod revocation;
mod runtime;
mod secrets;
mod shadow;
mod silences;
mod smoke;
mod tls;
mod uploads;
mod upstreams;
mod websocket;
