//! When something did not work.

use askama::Template;

use super::Frame;
use crate::pages::texts::{Explained, Text};

/// Any refusal or failure that a person sees; never reflects what was sent.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The surrounding page.
    pub frame: Frame,
    /// What happened, and what the person can do.
    pub said: Explained,
    /// The request id, to quote to an administrator.
    pub reference: String,
    /// A way on, if there is one.
    pub next: Option<Link>,
}

/// A link on this origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Path.
    pub href: String,
    /// What it does, "Back to your applications".
    pub text: Text,
}
