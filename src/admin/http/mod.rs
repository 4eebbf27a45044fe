//! The handlers of the admin API: each reads its request, calls one operation and writes its answer.

pub(super) mod accounts;
pub(super) mod api_keys;
pub(super) mod apps;
pub(super) mod audit;
pub(super) mod clients;
pub(super) mod grants;
pub(super) mod members;
pub(super) mod operators;
pub(super) mod people;
pub(super) mod policy;
pub(super) mod proof;
