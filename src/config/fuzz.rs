//! Configuration files, for whoever looks for one that stops the program in place of being refused.

use super::{Config, Environment};

/// An environment in which nothing is set.
struct Nothing;

impl Environment for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// A file is taken, or everything that is wrong with it has words.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // What a file names is read; a fuzzer shall not find out which devices there are.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    if let Err(errors) = Config::parse(text, &Nothing, 1) {
        assert!(!errors.0.is_empty() && errors.0.iter().all(|error| !error.to_string().is_empty()));
    }
}
