//! What a program is called by who uses it, from what it says of itself.
//!
//! Browsers send a line that names most of their competitors. People look at a list of sign-ins to find one that was not theirs, and
//! "Firefox on Windows" tells them more than the first sixty characters of that line.

use super::DisplayName;
use super::texts::record;

/// Browsers, by what only they send; who sends another's mark too stands before it.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems, in the same way: telephones name what their system descends from.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

fn known(line: &str, marks: &[(&str, &'static str)]) -> Option<&'static str> {
    marks.iter().find(|(mark, _)| line.contains(mark)).map(|(_, name)| *name)
}

/// A browser in the words of who uses it; any other program as it calls itself.
#[must_use]
pub fn program(user_agent: &str) -> DisplayName {
    let browser =
        user_agent.strip_prefix("Mozilla/5.0 (").and_then(|line| Some((known(line, &BROWSERS)?, known(line, &SYSTEMS)?)));
    browser.map_or_else(|| user_agent.into(), |(name, system)| record::browser_on(name, system).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_as_people_know_them() {
        for (line, told) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
        ] {
            assert_eq!(program(line).as_str(), told);
        }
    }

    #[test]
    fn other_programs_are_what_they_say() {
        for line in ["curl/8.9.1", "node", "tollgate/0.1 Firefox/1 Linux", "Mozilla/5.0 (compatible; Bot/1.0)"] {
            assert_eq!(program(line).as_str(), line);
        }
        assert_eq!(program("a\u{202E}b"), DisplayName::new("a\u{202E}b"), "as every name, made safe to show");
    }
}
