//! Instants as RFC 3339 text, for `#[serde(with = …)]`.

use serde::{Deserialize, Deserializer, Serializer, de};

use super::Timestamp;

/// Writes an instant.
///
/// # Errors
/// When the serializer fails.
pub fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(at)
}

/// Reads an instant.
///
/// # Errors
/// When the text is none.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(d)?;
    Timestamp::parse_rfc3339(&text).ok_or_else(|| de::Error::custom("expected an RFC 3339 instant"))
}

/// The same where there may be none.
pub mod option {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Timestamp;

    /// Writes an instant, or null.
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => s.collect_str(at),
            None => s.serialize_none(),
        }
    }

    /// Reads an instant, or null.
    ///
    /// # Errors
    /// When the text is no instant.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(d)?;
        let read = |t: String| Timestamp::parse_rfc3339(&t).ok_or_else(|| de::Error::custom("expected an RFC 3339 instant"));
        text.map(read).transpose()
    }
}
