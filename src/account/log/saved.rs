//! Searches as they are saved.

use crate::account::audit::{asked, shown};

/// Longest name, characters.
const LONGEST: usize = 60;

/// The name of a search; `None` when it is empty, too long or has control characters.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let name = text.trim().to_owned();
    let fits = !name.is_empty() && name.chars().count() <= LONGEST && !name.chars().any(char::is_control);
    fits.then_some(name)
}

/// The query of a search: of what was written, only what a search can say. `None` when it can't be read.
#[must_use]
pub fn query(text: &str) -> Option<String> {
    asked(text).ok().map(|(query, _)| shown(&query).query(None))
}
