//! Browsers in which the viewer is signed in.

use askama::Template;

use super::Frame;
use super::settings::SettingsTab;
use crate::pages::{DisplayName, When};

/// `/settings/sessions`. Its forms post to `/settings/sessions` with one of the buttons `end-{handle}` and `end-others`.
#[derive(Clone, Debug, Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Whether the last act was done.
    pub saved: bool,
    /// Live sessions, seen last first.
    pub sessions: Vec<SessionRow>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Names it in the button; gives no access.
    pub handle: String,
    /// Whether it is the one that looks.
    pub current: bool,
    /// Address that it was started from.
    pub address: Option<String>,
    /// Browser that it was started with, cleaned.
    pub browser: Option<DisplayName>,
    /// When it was started.
    pub started: When,
    /// When it was last seen.
    pub seen: When,
    /// When it ends whatever happens.
    pub ends: When,
}

impl SessionsPage {
    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }
}
