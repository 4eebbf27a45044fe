//! Tollgate: the OAuth 2.1 authorization server and the gate of APIs that an operator already runs.
pub mod account;
pub mod audit;
pub mod config;
pub mod gateway;
pub mod listener;
pub mod mcp;
pub mod node;
pub mod oauth;
pub mod own_mcp;
pub mod pages;
pub mod record;
pub mod routing;
pub mod store;
pub mod telemetry;
pub mod token;
pub mod types;
pub mod web;
