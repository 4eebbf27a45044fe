//! What the pages of a person's own settings share.

use crate::pages::texts::{Text, frame};

/// A page of a person's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum SettingsTab {
    /// `/settings/applications`.
    Applications,
    /// `/settings/sessions`.
    Sessions,
    /// `/settings/events`.
    Events,
}

impl SettingsTab {
    /// Path, name and whether it is open, in order.
    pub(in crate::pages) fn list(self) -> Vec<(String, Text, bool)> {
        let all = [
            ("/settings/applications", frame::applications(), Some(Self::Applications)),
            ("/settings/sessions", frame::sessions(), Some(Self::Sessions)),
            ("/settings/events", frame::events(), Some(Self::Events)),
            ("/password", frame::password(), None),
        ];
        all.into_iter().map(|(path, name, tab)| (path.to_owned(), name, tab == Some(self))).collect()
    }
}
