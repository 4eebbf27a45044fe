//! `manual`.

use super::args::Manual;
use super::failure::CliError;
use super::output::{print, table};
use crate::manual::{TOPICS, topic};

/// Prints a topic, or what there is.
pub(super) fn run(args: &Manual) -> Result<(), CliError> {
    let Some(name) = &args.topic else {
        return print(&table(["TOPIC", "ABOUT"], TOPICS.iter().map(|t| [t.name.to_owned(), t.title().to_owned()])));
    };
    match topic(name) {
        Some(topic) => print(topic.text),
        None => {
            let known = TOPICS.iter().map(|t| t.name).collect::<Vec<_>>().join(", ");
            Err(CliError::usage(format!("the manual has no topic {name:?}; there are {known}")))
        }
    }
}
