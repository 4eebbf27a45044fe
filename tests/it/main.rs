//! The gateway as a whole: real sockets, a real store, an upstream that remembers every byte.

#[path = "../support/postgres.rs"]
mod postgres;

mod harness;
mod smoke;
