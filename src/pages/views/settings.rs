//! What the pages of a person's own settings share.

/// A page of a person's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum SettingsTab {
    /// `/settings/applications`.
    Applications,
    /// `/settings/sessions`.
    Sessions,
}

impl SettingsTab {
    /// Path, name and whether it is open, in order.
    pub(in crate::pages) fn list(self) -> Vec<(String, &'static str, bool)> {
        let all = [
            ("/settings/applications", "Applications", Some(Self::Applications)),
            ("/settings/sessions", "Sessions and devices", Some(Self::Sessions)),
            ("/password", "Password", None),
        ];
        all.into_iter().map(|(path, name, tab)| (path.to_owned(), name, tab == Some(self))).collect()
    }
}
