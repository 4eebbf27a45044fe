//! Values between Rust and columns that both engines share.

use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use super::fault::Doing;
use crate::store::StoreError;
use crate::types::Timestamp;

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// An enum of plain words as its column holds it: the name that serde gives it.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    let json = serde_json::to_value(value).doing("write a word")?;
    // Anything but a word is no enum of plain words; the column's CHECK refuses the empty text.
    Ok(json.as_str().unwrap_or_default().to_owned())
}

/// Reads what [`word`] wrote.
pub(super) fn read_word<T: DeserializeOwned>(text: &str) -> Result<T, value::Error> {
    T::deserialize(text.into_deserializer())
}

/// A list, map or record as its column holds it.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).doing("write a value as JSON")
}

/// The UTC day of an instant, in days since the epoch.
pub(super) const fn day(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY)
}

/// When a UTC day of [`day`] starts.
pub(super) const fn start_of(day: i64) -> Timestamp {
    Timestamp::from_millis(day.saturating_mul(DAY))
}

/// A pattern that matches texts which start with or contain `text` as it would be stored, for `LIKE … ESCAPE '\'`.
pub(super) fn like(text: &str, before: &str, after: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 8);
    pattern.push_str(before);
    for c in storable(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push_str(after);
    pattern
}

/// PostgreSQL's TEXT can't hold U+0000, nor be compared with it, and callers choose names of tools and clients, and texts to look
/// for. Every free text that is bound, whether to be written or to be found, goes through this.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// Longest text in an index, characters: PostgreSQL takes no entry of more than 2704 bytes.
const LONGEST_INDEXED: usize = 400;

/// What an index has of a text.
pub(super) fn indexed(text: &str) -> String {
    storable(text).chars().take(LONGEST_INDEXED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ClientAuth, GrantType, RevokeReason};

    #[test]
    fn words_come_back() {
        for reason in [RevokeReason::User, RevokeReason::CodeReplay, RevokeReason::Superseded] {
            let text = word(&reason).expect("serde names it");
            assert_eq!(read_word::<RevokeReason>(&text).expect("serde reads it"), reason);
        }
        assert_eq!(word(&ClientAuth::SecretPost).expect("a word"), "client_secret_post");
        assert!(read_word::<GrantType>("implicit").is_err());
    }

    #[test]
    fn patterns_take_text_literally() {
        assert_eq!(like(r"50%_\", "%", "%"), r"%50\%\_\\%");
        assert_eq!(like("a\0", "", "%"), "a\u{FFFD}%");
    }

    #[test]
    fn days_start_at_midnight() {
        assert_eq!([-1, 0, DAY - 1, DAY].map(|m| day(Timestamp::from_millis(m))), [-1, 0, 0, 1]);
        assert_eq!(day(start_of(7)), 7);
    }
}
