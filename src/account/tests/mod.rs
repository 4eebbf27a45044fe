//! The pages through their router, on a real store.

mod apps;
mod audit;
mod grant;
pub(crate) mod installs;
mod machines;
mod matrix;
mod members;
mod org_applications;
mod review;
mod search;
mod sessions;
mod settings;
pub(crate) mod trial;
pub(crate) mod world;
