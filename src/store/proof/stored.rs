//! Texts as they are stored.

use std::fmt;

/// A text of the store, whatever its bytes are: SQLite keeps as a text what is none, and somebody may have put it there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stored(Vec<u8>);

impl Stored {
    /// These bytes.
    #[must_use]
    pub const fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text; `None` when it is none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Stored {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// As people read it: bytes that are no text as `\xff`.
impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_can_be_read_by_people() {
        assert_eq!((Stored::from("rec_é").to_string(), Stored::from("rec_é").text()), ("rec_é".to_owned(), Some("rec_é")));
        let broken = Stored::of(b"rec_\xff\xc3b".to_vec());
        assert_eq!((broken.to_string(), broken.text()), (r"rec_\xff\xc3b".to_owned(), None));
    }
}
