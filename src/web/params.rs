//! Form-encoded parameters, read so that nothing is guessed: every pair is kept, in order, byte for byte.

/// Most pairs that one request may carry.
pub(super) const MAX_PAIRS: usize = 64;

/// Why parameters can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// More than we read.
    #[error("the request has more than {MAX_PAIRS} parameters")]
    TooMany,
    /// Not `application/x-www-form-urlencoded` text in UTF-8.
    #[error("the parameters are not form-encoded UTF-8 (RFC 6749 appendix B)")]
    Encoding,
    /// A parameter that may be given once was given twice.
    #[error("the parameter {0} is given more than once (RFC 6749 section 3.1)")]
    Repeated(&'static str),
}

/// The parameters of one request.
#[derive(Clone, Default)]
pub struct Params(Vec<(String, String)>);

/// Names only: values may be secrets.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Params {
    /// Reads a query or a form body.
    ///
    /// # Errors
    /// When there are too many pairs, or one is not form-encoded UTF-8.
    pub fn parse(text: &[u8]) -> Result<Self, ParamError> {
        let mut pairs = Vec::new();
        for piece in text.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
            if pairs.len() == MAX_PAIRS {
                return Err(ParamError::TooMany);
            }
            let split = piece.iter().position(|b| *b == b'=');
            let (name, value) = split.map_or((piece, &b""[..]), |at| (&piece[..at], &piece[at + 1..]));
            let (name, value) = (decode_component(name), decode_component(value));
            pairs.push((name.ok_or(ParamError::Encoding)?, value.ok_or(ParamError::Encoding)?));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter that may be given once. A parameter without a value counts as absent (RFC 6749 §3.1).
    ///
    /// # Errors
    /// When it is given more than once, whatever its values.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, ParamError> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(ParamError::Repeated(name)),
            (value, None) => Ok(value.filter(|v| !v.is_empty())),
        }
    }

    /// The values of a parameter that may be repeated; empty ones count as absent.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// Whether any parameter but those in `repeatable` is given twice.
    #[must_use]
    pub fn any_repeated(&self, repeatable: &[&str]) -> bool {
        let names = self.0.iter().map(|(n, _)| n.as_str());
        let mut seen = std::collections::HashSet::new();
        names.filter(|n| !repeatable.contains(n)).any(|n| !seen.insert(n))
    }

    /// Whether there is no parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Decodes one name or value; `None` when an escape is broken or the bytes are not UTF-8.
#[must_use]
pub fn decode_component(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => (hex(bytes.next()?)? << 4) | hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Params {
        Params::parse(text.as_bytes()).expect("form-encoded")
    }

    #[test]
    fn rfc6749_s3_1_a_parameter_counts_once_and_empty_is_absent() {
        let p = params("a=1&b=&c=1&c=1&resource=x&resource=y&d");
        assert_eq!(p.one("a"), Ok(Some("1")));
        assert_eq!(p.one("b"), Ok(None));
        assert_eq!(p.one("d"), Ok(None));
        assert_eq!(p.one("c"), Err(ParamError::Repeated("c")));
        assert_eq!(p.all("resource").collect::<Vec<_>>(), ["x", "y"]);
        assert!(p.any_repeated(&["resource"]) && !params("resource=x&resource=y").any_repeated(&["resource"]));
    }

    #[test]
    fn an_empty_first_value_does_not_hide_a_second_one() {
        assert_eq!(params("a=&a=1").one("a"), Err(ParamError::Repeated("a")));
    }

    #[test]
    fn values_come_through_byte_for_byte() {
        assert_eq!(params("state=%00%26+%2B%C3%A9%25").one("state"), Ok(Some("\0& +é%")));
        assert_eq!(params("st%61te=x").one("state"), Ok(Some("x")));
    }

    #[test]
    fn broken_text_is_refused_not_mended() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3=1"] {
            assert_eq!(Params::parse(bad.as_bytes()).err(), Some(ParamError::Encoding), "{bad}");
        }
    }

    #[test]
    fn the_number_of_pairs_is_bounded() {
        let many = vec!["a=1"; 65].join("&");
        assert_eq!(Params::parse(many.as_bytes()).err(), Some(ParamError::TooMany));
    }

    #[test]
    fn values_never_print() {
        assert_eq!(format!("{:?}", params("client_secret=hush")), r#"["client_secret"]"#);
    }
}
