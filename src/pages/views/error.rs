//! When something did not work.

use askama::Template;

use super::Frame;

/// Any refusal or failure that a person sees; never reflects what was sent.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The surrounding page.
    pub frame: Frame,
    /// "This application isn't known here".
    pub title: String,
    /// What happened and why, one or two sentences.
    pub happened: String,
    /// What the person can do about it.
    pub advice: String,
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
    pub text: String,
}
