//! E-mail addresses, as far as they have to be understood: somebody is found by one, and recognized.

use std::fmt;

/// Longest address, bytes (RFC 5321 §4.5.3.1.3).
const LONGEST: usize = 254;

/// An e-mail address in lower case, of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// Why a text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// There is nothing but spaces.
    #[error("the e-mail address is missing")]
    Missing,
    /// It is longer than any address.
    #[error("that is no e-mail address: it has more than {LONGEST} characters")]
    TooLong,
    /// A line end, a tab, or another character that nobody sees.
    #[error("that is no e-mail address: a line break or another control character is in it or behind it")]
    Control,
    /// A character that belongs to no plain address.
    #[error("that is no e-mail address: {0:?} can't be in one here")]
    Character(char),
    /// It has not one `@` with something on both sides.
    #[error("that is no e-mail address: it has to look like name@example.com")]
    Shape,
}

impl EmailAddress {
    /// Reads what a person typed or a program sent. Spaces around it are left out, as they come along when somebody pastes; line ends
    /// are not: they come from programs that are wrong about more than that.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() && !c.is_control());
        // Of what is not looked at whole nothing is repeated.
        if text.len() > LONGEST {
            return Err(EmailError::TooLong);
        }
        if text.is_empty() {
            return Err(EmailError::Missing);
        }
        if text.contains(char::is_control) {
            return Err(EmailError::Control);
        }
        if let Some(odd) = text.chars().find(|c| !is_plain(*c)) {
            return Err(EmailError::Character(odd));
        }
        match text.split_once('@') {
            Some((who, host)) if !who.is_empty() && !host.is_empty() && !host.contains('@') => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(EmailError::Shape),
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

/// Whether a character is no more than itself wherever an address stands: in a header, in a list, in a page.
const fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"' | '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        let read = |text: &str| EmailAddress::parse(text).map(String::from);
        for (good, kept) in [
            ("ada@acme.test", "ada@acme.test"),
            ("Ada+Tag@LocalHost", "ada+tag@localhost"),
            ("  ada@acme.test ", "ada@acme.test"),
            ("\u{a0}ada@acme.test\u{3000}", "ada@acme.test"),
        ] {
            assert_eq!(read(good).as_deref(), Ok(kept), "{good:?}");
        }
        for bad in ["ada@acme.test\n", "\tada@acme.test", "ada@acme.test\r\n ", "a\0@b", "a@b\u{85}", "\n", "a\u{7f}@b"] {
            assert_eq!(read(bad), Err(EmailError::Control), "{bad:?}");
        }
        for bad in ["", " ", "\u{a0}"] {
            assert_eq!(read(bad), Err(EmailError::Missing), "{bad:?}");
        }
        for bad in ["ada", "@acme.test", "ada@", "a@b@c", "@"] {
            assert_eq!(read(bad), Err(EmailError::Shape), "{bad:?}");
        }
        for (bad, odd) in [("a b@c", ' '), ("<a@b>", '<'), ("é@b.test", 'é'), ("a@b,c@d", ','), ("a@b\u{202e}", '\u{202e}')] {
            assert_eq!(read(bad), Err(EmailError::Character(odd)), "{bad:?}");
        }
        let longest = format!("{}@b", "a".repeat(LONGEST - 2));
        assert!(read(&longest).is_ok());
        assert_eq!(read(&format!("a{longest}")), Err(EmailError::TooLong));
    }
}
