//! The pages through their router, on a real store.

mod audit;
mod settings;
pub(crate) mod world;
