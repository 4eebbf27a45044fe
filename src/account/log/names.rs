//! Ids and foreign text as people read them.

use std::collections::{BTreeSet, HashMap};

use crate::node::Node;
use crate::store::StoreError;
use crate::types::UserId;

/// Most characters that are shown of a text that a caller chose.
const LONGEST: usize = 512;

/// E-mail addresses of users, looked up once.
#[derive(Debug, Default)]
pub struct Names(HashMap<UserId, String>);

impl Names {
    /// Learns the addresses of these users, all in one question.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn learn<'a>(&mut self, node: &Node, users: impl Iterator<Item = &'a UserId>) -> Result<(), StoreError> {
        let unknown: BTreeSet<_> = users.filter(|id| !self.0.contains_key(*id)).cloned().collect();
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().collect();
            self.0.extend(node.store.emails(&unknown).await?);
        }
        Ok(())
    }

    /// The address of a user, or the id of one that was not learned.
    #[must_use]
    pub fn of<'a>(&'a self, id: &'a UserId) -> &'a str {
        self.0.get(id).map_or(id.as_str(), String::as_str)
    }
}

/// Text that a caller chose, bounded, with a mark in place of everything that is not seen or that moves other text.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).map(|c| if deceives(c) { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// Controls, what is drawn as nothing, and what changes the direction of reading.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        || matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_marked_and_what_is_long_is_cut() {
        assert_eq!(plain("a\u{202E}b\nc\u{200B}d\u{E0041}é"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}é");
        assert_eq!(plain(&"é".repeat(600)).chars().count(), 513);
    }
}
