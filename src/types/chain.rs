//! Errors as log lines tell them.

use std::error::Error;
use std::fmt;

/// An error with everything that caused it, for one field of a log line: what is written of an error itself leaves out why, and log
/// lines in JSON have no other place for it. Not for answers: what failed behind them is not the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some say what caused them by themselves.
            if !said.ends_with(&text) {
                said.push_str(": ");
                said.push_str(&text);
            }
            source = cause.source();
        }
        f.write_str(&said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Fault {
        text: &'static str,
        source: Option<Box<Fault>>,
    }

    fn fault(text: &'static str, source: Option<Fault>) -> Fault {
        Fault { text, source: source.map(Box::new) }
    }

    #[test]
    fn every_cause_is_told_once() {
        let disk = || fault("database or disk is full", None);
        assert_eq!(Chain(&disk()).to_string(), "database or disk is full");
        let told = fault("the store can't be used: commit", Some(fault("error returned from database", Some(disk()))));
        assert_eq!(
            Chain(&told).to_string(),
            "the store can't be used: commit: error returned from database: database or disk is full"
        );
        let repeated = fault("it broke: database or disk is full", Some(disk()));
        assert_eq!(Chain(&repeated).to_string(), "it broke: database or disk is full");
    }
}
