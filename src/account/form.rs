//! Forms of our own pages.

pub(super) use crate::web::Form;
