//! The root page, which is also where signing out ends.

use askama::Template;

use super::Frame;

/// `/`.
#[derive(Clone, Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// The surrounding page; with a viewer the page offers their pages, without one it offers to sign in.
    pub frame: Frame,
    /// How the person arrived.
    pub presence: Presence,
    /// This gateway's own MCP endpoint, for people who came to connect something.
    pub mcp_url: Option<String>,
}

/// How a person arrived at the home page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Opened the page.
    Visiting,
    /// Signed out a moment ago.
    JustSignedOut,
}
