//! Searches of the log that people saved for themselves.

use async_trait::async_trait;

use super::StoreError;
use crate::record::Cause;
use crate::types::{OrgId, UserId};

/// Searches that one user may save in one organization.
pub const MAX_SEARCHES: u32 = 50;

/// Longest name of one, characters.
const LONGEST_NAME: usize = 60;

/// What a search can say, in the order in which it is written.
const FIELDS: [&str; 12] =
    ["from", "to", "user", "client", "api", "tool", "operation", "status", "decision", "text", "grant", "request"];

/// A search of an organization's log, saved under a name by one of its users for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSearch {
    /// Whose.
    pub user: UserId,
    /// In whose log.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// The address's query, without `?`.
    pub query: String,
}

/// Why a search can't be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsaveable {
    /// Its name is none.
    #[error("a name has 1 to 60 characters and no line breaks")]
    Name,
    /// It says something twice.
    #[error("query: it can't be read as a query string")]
    Query,
}

impl SavedSearch {
    /// A search as it is saved: of what was written, only what a search can say.
    ///
    /// # Errors
    /// When the name is none, or the query says something twice.
    pub fn new(user: UserId, org: OrgId, name: &str, query: &str) -> Result<Self, Unsaveable> {
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Unsaveable::Name);
        }
        let said: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let mut written = url::form_urlencoded::Serializer::new(String::new());
        for field in FIELDS {
            let mut values = said.iter().filter(|(name, _)| name == field).map(|(_, value)| value.trim());
            match (values.next(), values.next()) {
                (_, Some(_)) => return Err(Unsaveable::Query),
                (Some(value), None) if !value.is_empty() => drop(written.append_pair(field, value)),
                _ => {}
            }
        }
        Ok(Self { user, org, name, query: written.finish() })
    }
}

/// Verbs on saved searches.
#[async_trait]
pub trait SearchStore {
    /// Saves a search, or replaces the one of its name; `false` when there are [`MAX_SEARCHES`] already.
    async fn save_search(&self, search: &SavedSearch, cause: &Cause) -> Result<bool, StoreError>;
    /// A user's searches in an organization, by name.
    async fn saved_searches(&self, user: &UserId, org: &OrgId) -> Result<Vec<SavedSearch>, StoreError>;
    /// Forgets one; `false` when there is none of that name.
    async fn forget_search(&self, user: &UserId, org: &OrgId, name: &str, cause: &Cause) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(name: &str, query: &str) -> Result<(String, String), Unsaveable> {
        let (user, org) = (UserId::parse("usr_a").expect("an id"), OrgId::parse("org_a").expect("an id"));
        SavedSearch::new(user, org, name, query).map(|s| (s.name, s.query))
    }

    #[test]
    fn only_what_a_search_can_say_is_saved() {
        let query = "text=a+b&decision=denied&evil=1&cursor=x&api=&text2=y";
        assert_eq!(saved(" denials ", query), Ok(("denials".to_owned(), "decision=denied&text=a+b".to_owned())));
        assert_eq!(saved("all", ""), Ok(("all".to_owned(), String::new())));
        for name in ["", " ", "a\nb", &"x".repeat(LONGEST_NAME + 1)] {
            assert_eq!(saved(name, ""), Err(Unsaveable::Name), "{name:?}");
        }
        assert_eq!(saved("twice", "text=a&text=b"), Err(Unsaveable::Query));
    }
}
