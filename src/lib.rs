//! Tollgate: the OAuth 2.1 authorization server and the gate of APIs that an operator already runs.
//!
//! # As a library
//!
//! What is documented here is for a pingora application that puts the gate into its own hooks. [`Options::load`] reads a gateway's
//! configuration, [`start`] runs that gateway beside the application, for pages and tokens, and [`Running::gate`] is what the application
//! asks: see [`plugin`]. A release that changes one of these names, or what it does, says so.
//!
//! Every other module is there for the program, and for the tests, benchmarks and fuzzers of this repository, which are crates of
//! their own. They are hidden from this documentation because they change whenever the gateway does.

#[doc(inline)]
pub use boot::{BootError, Options, Running, signalled, start};
#[doc(inline)]
pub use config::{ConfigError, ConfigErrors, Warning};
#[doc(inline)]
pub use types::RequestId;

pub mod plugin;

#[doc(hidden)]
pub mod account;
#[doc(hidden)]
pub mod admin;
#[doc(hidden)]
pub mod api;
#[doc(hidden)]
pub mod apps;
#[doc(hidden)]
pub mod audit;
#[doc(hidden)]
pub mod authorizer;
#[doc(hidden)]
pub mod boot;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod clients;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod counts;
#[doc(hidden)]
pub mod egress;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod gateway;
#[doc(hidden)]
pub mod hooks;
#[doc(hidden)]
pub mod indices;
#[doc(hidden)]
pub mod labels;
#[doc(hidden)]
pub mod listener;
#[doc(hidden)]
pub mod manual;
#[doc(hidden)]
pub mod mcp;
#[doc(hidden)]
pub mod node;
#[doc(hidden)]
pub mod oauth;
#[doc(hidden)]
pub mod operator;
#[doc(hidden)]
pub mod own_mcp;
#[doc(hidden)]
pub mod pages;
#[doc(hidden)]
pub mod password;
#[doc(hidden)]
pub mod record;
#[doc(hidden)]
pub mod review;
#[doc(hidden)]
pub mod roster;
#[doc(hidden)]
pub mod routing;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod telemetry;
#[doc(hidden)]
pub mod token;
#[doc(hidden)]
pub mod types;
#[doc(hidden)]
pub mod web;
