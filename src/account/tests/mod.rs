//! The pages through their router, on a real store.

mod apps;
mod audit;
mod settings;
pub(crate) mod world;
