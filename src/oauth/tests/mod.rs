//! The authorization server as its callers see it: whole requests through the router, on a real store.

mod apps;
mod authorization;
mod catalogue;
mod device;
mod discovery;
mod flow;
mod invitation;
mod machine;
mod matrix;
mod policy;
mod registration;
mod rig;
mod sign_in;
mod tokens;
