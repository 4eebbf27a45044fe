//! The code that a person types to connect a device (RFC 8628 §3.2).

use std::fmt;

use super::Entropy;

/// Consonants alone spell no word and none looks like another or like a digit (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// 20^8, some 34 bits: enough where guesses are counted, short enough to type on a phone.
const LENGTH: usize = 8;
/// Longest text that is looked at, bytes: a code with spaces and dashes wherever a person puts them.
const MAX_TYPED: usize = 64;

/// A user code. It opens nothing by itself: whoever types it decides about the request of the device that shows it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserCode(String);

impl UserCode {
    /// A new code.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let mut bytes = [0_u8; 16];
            entropy.fill(&mut bytes);
            // The last 16 values would make the first letters likelier than the others.
            let letters = bytes.iter().filter(|b| **b < 240).map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]));
            code.extend(letters.take(LENGTH - code.len()));
        }
        Self(code)
    }

    /// Reads what a person typed: in any case, with or without separators. `None` when no code can be meant.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        if text.len() > MAX_TYPED {
            return None;
        }
        let letters: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.' | '\u{2010}'..='\u{2015}'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let good = letters.len() == LENGTH && letters.bytes().all(|b| ALPHABET.contains(&b));
        good.then_some(Self(letters))
    }

    /// The letters alone, as the store keeps them.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.0
    }
}

/// In two groups, as people read it: `WDJB-MJHT`.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

/// Whoever reads a log must not be able to answer for its user.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeededEntropy;
    use super::*;

    #[test]
    fn rfc8628_s6_1_codes_are_read_as_people_type_them() {
        let code = UserCode::typed("WDJB-MJHT").expect("the example of the RFC");
        for typed in ["wdjbmjht", " WDJB MJHT ", "wdjb–mjht", "W.D.J.B_MJHT"] {
            assert_eq!(UserCode::typed(typed), Some(code.clone()), "{typed}");
        }
        assert_eq!((code.to_string().as_str(), code.letters()), ("WDJB-MJHT", "WDJBMJHT"));
        for wrong in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH0", "ẂDJBMJHT", &"-".repeat(100)] {
            assert_eq!(UserCode::typed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rfc8628_s6_1_codes_differ_use_every_letter_and_do_not_print() {
        let entropy = SeededEntropy::new(1);
        let codes: Vec<_> = (0..500).map(|_| UserCode::generate(&entropy)).collect();
        assert!(codes.iter().all(|c| UserCode::typed(c.letters()).as_ref() == Some(c)));
        let all: std::collections::HashSet<char> = codes.iter().flat_map(|c| c.letters().chars()).collect();
        let different: std::collections::HashSet<_> = codes.iter().collect();
        assert_eq!((all.len(), different.len()), (ALPHABET.len(), 500));
        assert_eq!(format!("{:?}", codes[0]), "UserCode(..)");
    }
}
