//! Names that strangers chose, made safe to show.
//!
//! A dynamically registered client picks its own name (RFC 7591 section 2), and a consent page that prints it as sent can be
//! made to say something else: bidirectional controls reorder the sentence around it, invisible characters make two
//! names look alike, stacked combining marks cover the line above. HTML is not handled here: templates escape it.

use std::fmt;

use crate::pages::texts::UNNAMED;

/// The longest name a page shows, in characters; the rest becomes an ellipsis.
pub const LONGEST_NAME: usize = 60;

/// Two marks cover every accented letter in common use; more only serve to paint over other lines.
const MOST_COMBINING_MARKS: usize = 2;

/// A name that passed through [`display_name`]; the only kind that a page accepts for a client or an organization.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DisplayName(String);

impl DisplayName {
    /// Cleans `raw` and keeps the result.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        Self(display_name(raw))
    }

    /// The cleaned text; still to be escaped by whatever prints it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for DisplayName {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl From<&str> for DisplayName {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

/// Drops what can't be seen or moves other text, folds white space, bounds combining marks and length.
///
/// Never empty: a name with nothing left reads [`UNNAMED`].
#[must_use]
pub fn display_name(raw: &str) -> String {
    let mut shown = String::new();
    let mut length = 0;
    let mut marks = 0;
    let mut space = false;
    for c in raw.chars() {
        if c.is_whitespace() {
            space = !shown.is_empty();
            continue;
        }
        if c.is_control() || is_invisible(c) {
            continue;
        }
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if marks > MOST_COMBINING_MARKS || (marks > 0 && shown.is_empty()) {
            continue;
        }
        if length + usize::from(space) >= LONGEST_NAME {
            shown.push('…');
            break;
        }
        if space {
            shown.push(' ');
            length += 1;
            space = false;
        }
        shown.push(c);
        length += 1;
    }
    if shown.is_empty() { UNNAMED.to_owned() } else { shown }
}

/// Folds a name to what the eye keeps of it, so that two names that look alike compare equal.
///
/// After the idea of Unicode UTS 39 section 4, for the scripts and digits that imitate Latin best; used to warn that an
/// unknown client resembles a published app, never to decide anything.
#[must_use]
pub fn skeleton(name: &str) -> String {
    let lower = display_name(name).to_lowercase();
    let folded: String = lower
        .chars()
        .filter(|c| !is_combining_mark(*c))
        .map(|c| look_alike(full_width_as_ascii(c)))
        .filter(|c| c.is_alphanumeric())
        .collect();
    folded.replace("rn", "m").replace("vv", "w")
}

/// Format controls, bidirectional controls, fillers, tags, variation selectors and private use: drawn as nothing, or
/// as whatever a font likes.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x070F | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
        | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFF
        | 0x1D173..=0x1D17A | 0xE0000..=0x10_FFFF)
}

fn is_combining_mark(c: char) -> bool {
    matches!(u32::from(c), 0x0300..=0x036F | 0x0483..=0x0489 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

fn look_alike(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' | 'á' | 'à' | 'ä' | 'â' | 'ã' | 'å' | '4' => 'a',
        'в' | 'β' | 'ь' => 'b',
        'с' | 'ϲ' | 'ç' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'ε' | 'é' | 'è' | 'ë' | 'ê' | '3' => 'e',
        'ɡ' => 'g',
        'н' | 'һ' => 'h',
        'і' | 'ι' | 'ı' | 'í' | 'ì' | 'ï' | 'î' | 'l' | '1' | 'ӏ' | '|' | '!' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'ո' | 'η' | 'п' | 'ñ' => 'n',
        'о' | 'ο' | 'σ' | 'ó' | 'ò' | 'ö' | 'ô' | 'õ' | 'ø' | '0' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' | 'ɾ' => 'r',
        'ѕ' | '5' | '$' => 's',
        'т' | 'τ' | '7' => 't',
        'υ' | 'ս' | 'ú' | 'ù' | 'ü' | 'û' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ý' | 'ÿ' => 'y',
        _ => c,
    }
}

fn full_width_as_ascii(c: char) -> char {
    match u32::from(c) {
        wide @ 0xFF01..=0xFF5E => char::from_u32(wide - 0xFEE0).unwrap_or(c).to_ascii_lowercase(),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bidirectional_and_zero_width_controls_are_dropped() {
        assert_eq!(display_name("Grafana \u{202E}ILC\u{202C}\u{2066}\u{200B}\u{FEFF}"), "Grafana ILC");
        assert_eq!(display_name("a\u{0}b\u{1b}[31mc\u{7f}"), "ab[31mc");
        assert_eq!(display_name("tag\u{E0041}ged \u{E000}\u{1F600}"), "tagged \u{1F600}");
    }

    #[test]
    fn white_space_of_every_kind_becomes_one_space() {
        assert_eq!(display_name("  Acme\r\n\u{2028}\u{a0}\t Sync  "), "Acme Sync");
    }

    #[test]
    fn nothing_visible_still_has_a_name() {
        for raw in ["", "   ", "\u{202E}\u{200B}", "\u{3164}", "\u{301}\u{301}"] {
            assert_eq!(display_name(raw), UNNAMED, "{raw:?}");
        }
    }

    #[test]
    fn combining_marks_do_not_pile_up() {
        let piled = format!("e{}x", "\u{301}".repeat(40));
        assert_eq!(display_name(&piled), "e\u{301}\u{301}x");
        assert_eq!(display_name("Zoë"), "Zoë");
    }

    #[test]
    fn long_names_end_in_an_ellipsis_at_the_limit() {
        let exact = "n".repeat(LONGEST_NAME);
        assert_eq!(display_name(&exact), exact);
        assert_eq!(display_name(&format!("{exact}m")), format!("{exact}…"));
        let spaced = display_name(&"ab ".repeat(200));
        assert!(spaced.chars().count() <= LONGEST_NAME + 1, "{}", spaced.chars().count());
    }

    #[test]
    fn html_is_left_for_the_template_to_escape() {
        assert_eq!(display_name("<b onclick=x>&\"'"), "<b onclick=x>&\"'");
    }

    #[test]
    fn names_that_look_alike_share_a_skeleton() {
        for fake in ["Grаfаna CLI", "GRAFANA-CLI", "Gr4fana C1I", "Grafana\u{200B} CLI", "Ｇｒａｆａｎａ ＣＬＩ", "Gráfana C|I"]
        {
            assert_eq!(skeleton(fake), skeleton("Grafana CLI"), "{fake:?}");
        }
        assert_ne!(skeleton("Grafana CLI"), skeleton("Grafana Agent"));
    }
}
