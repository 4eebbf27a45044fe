//! Tollgate: the OAuth 2.1 authorization server and the gate of APIs that an operator already runs.
pub mod account;
pub mod admin;
pub mod api;
pub mod apps;
pub mod audit;
pub mod authorizer;
pub mod boot;
pub mod cli;
pub mod clients;
pub mod config;
pub mod egress;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod gateway;
pub mod hooks;
pub mod indices;
pub mod labels;
pub mod listener;
pub mod manual;
pub mod mcp;
pub mod node;
pub mod oauth;
pub mod operator;
pub mod own_mcp;
pub mod pages;
pub mod password;
pub mod plugin;
pub mod record;
pub mod review;
pub mod roster;
pub mod routing;
pub mod store;
pub mod telemetry;
pub mod token;
pub mod types;
pub mod web;
