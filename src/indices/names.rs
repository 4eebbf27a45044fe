//! Names of indices.

/// What the names of an organization's indices start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix around an organization's name, `before` and `after` it. `after` starts with the border: a character that the
    /// name must not have, so that no organization's prefix is the beginning of another's.
    #[must_use]
    pub fn new(before: &str, name: &str, after: &str) -> Option<Self> {
        let border = after.chars().next()?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        let fits = !name.is_empty() && name.bytes().all(plain) && !name.contains(border);
        let whole = format!("{before}{name}{after}");
        // What OpenSearch keeps for itself starts so, or means something else than a name.
        (fits && !whole.starts_with(['-', '_', '+'])).then_some(Self(whole))
    }

    /// The prefix as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether all of `names` are the organization's: names and patterns with `*`, with commas between them. A `-` takes out what
    /// an earlier name let in.
    #[must_use]
    pub fn covers(&self, names: &str) -> bool {
        names.split(',').enumerate().all(|(i, name)| {
            let name = name.strip_prefix('-').filter(|_| i > 0).unwrap_or(name);
            name.starts_with(&self.0) && name.bytes().all(is_of_a_name)
        })
    }
}

/// Neither date math (`<…>`), another cluster (`cluster:index`) nor a selector (`index::failures`).
const fn is_of_a_name(b: u8) -> bool {
    b.is_ascii_graphic() && !matches!(b, b':' | b'<' | b'>' | b'"' | b'\\' | b'/' | b'|' | b'?' | b'#' | b',' | b'%')
}
