//! Text that somebody else wrote, made safe to show without hiding that it was not.

/// Most characters that are shown of one line.
const LONGEST: usize = 512;

/// Text that a caller chose, bounded, with a mark in place of everything that is not seen or that moves other text.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).map(|c| if deceives(c) { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// The same for text of several lines, each of them bounded.
#[must_use]
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
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

    #[test]
    fn lines_stay_lines() {
        assert_eq!(plain_lines("We store\u{202E} metrics.\r\nNothing else."), "We store\u{FFFD} metrics.\nNothing else.");
    }
}
