//! Floods of HTTP/2 frames that cost their sender nothing: seen in the bytes of the connection, below pingora and `h2`.
//!
//! `h2` ends a connection for some of them and answers others for ever, and tells nobody which address they came from. Here a
//! [`Watched`] stream follows the frames of both directions; what says nothing is taken out of an [`allowance::Allowance`], and who
//! has used it up, or is told by `h2` to enhance its calm, is thrown out. The [`floods::Floods`] of the listener remember from where.

mod allowance;
pub(super) mod floods;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod watched;

pub(super) use watched::Watched;
