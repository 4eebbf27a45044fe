//! Every page that a person sees, as typed values that render themselves.
//!
//! A page is a struct under [`views`] that holds domain words and nothing else; its template arranges the
//! components of `templates/components.html`. Nothing here reads a store, a clock or a request, so a page can be
//! rendered, looked at and tested alone. Handlers fill a struct, call [`askama::Template::render`], and answer with
//! [`policy::content_security_policy`] beside it.
//!
//! What a page says and its template does not hold between tags is a [`texts::Text`], and those are made in [`texts`] alone: to add a
//! sentence, a label or a button, add a function there, and give it to a component or to a view's field of that type. The folder says how
//! sentences are written.
//!
//! Three rules hold for every page and have a test: no inline script, style or event attribute; every act is a plain
//! form; and text from strangers arrives only as a [`DisplayName`] or escaped by the template.

pub mod assets;
mod chart;
mod foreign;
mod name;
pub mod policy;
mod program;
pub mod texts;
pub mod views;
mod words;

pub use chart::{Bar, Bin, Histogram, Sparkline};
pub use foreign::{plain, plain_lines};
pub use name::{DisplayName, display_name, skeleton};
pub use program::program;
pub use words::{When, axis_label, duration_words, grouped};

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod visited;
#[cfg(test)]
pub(crate) use visited::visited;
